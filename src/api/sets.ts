/** The data sets of a run on a device. */
import type { Dataset } from "../data/dataset.ts";
import { GpuDataset } from "../feed/gpu-dataset.ts";
import type { Gpu } from "../gpu/device.ts";
import type { Owned } from "../gpu/owned.ts";
import type { ImageSet } from "../metrics/measure.ts";
import type { Preprocessing } from "../nn/preprocessing.ts";
import type { Corrupted } from "../scenarios/scenario.ts";

/** What is trained and measured on. */
export interface RunSets {
  /** Training images with the labels the model is trained on. */
  readonly data: GpuDataset;
  readonly testData: GpuDataset;
  /** What metrics measure on, by the names they give it. */
  readonly sets: ReadonlyMap<string, ImageSet>;
}

/** Uploads the data of a run; `owned` takes over what is allocated. */
export async function uploadSets(
  gpu: Gpu,
  { train, labels, forget, retain, sets: added = {} }: Corrupted,
  test: Dataset,
  { mean, deviation }: Preprocessing,
  owned: Owned,
): Promise<RunSets> {
  const upload = async (set: Dataset): Promise<GpuDataset> =>
    owned.add(await GpuDataset.upload(gpu, set, mean, deviation));
  const data = await upload({ ...train, labels });
  const testData = await upload(test);
  const sets = new Map<string, ImageSet>([
    ["forget", { data, items: forget, labels }],
    ["retain", { data, items: retain, labels }],
    ...(test.count === 0
      ? []
      : ([["test", { data: testData, items: everyOf(test), labels: test.labels }]] as const)),
  ]);
  // Where D_f was trained with its true labels there is nothing more to measure on it.
  if (forget.some((i) => labels[i] !== train.labels[i])) {
    const trueData = owned.add(await data.withLabels(train.labels));
    sets.set("forgetTrue", { data: trueData, items: forget, labels: train.labels });
  }
  for (const [name, set] of Object.entries(added)) {
    if (set.count === 0) continue;
    sets.set(name, { data: await upload(set), items: everyOf(set), labels: set.labels });
  }
  return { data, testData, sets };
}

function everyOf({ count }: Dataset): Uint32Array {
  return Uint32Array.from({ length: count }, (_, i) => i);
}
