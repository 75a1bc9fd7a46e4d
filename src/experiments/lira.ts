/** Trains the shadow models of a likelihood-ratio attack on an unlearning method. */
import { z } from "zod";
import { checkedFile } from "../runs/checked-file.ts";
import { numberSchema } from "../runs/written.ts";
import type { TrainConfig, UnlearnConfig } from "../runs/config.ts";
import { type Dataset, subset } from "../data/dataset.ts";
import { splitForget } from "../data/corrupt.ts";
import type { Gpu } from "../gpu/device.ts";
import { Owned } from "../gpu/owned.ts";
import { UsageError } from "../errors.ts";
import { loadSplit } from "../runs/images.ts";
import { type Job, jobOn } from "../runs/job.ts";
import { perSample } from "../metrics/classification.ts";
import { lira, type LiraResult } from "../metrics/lira.ts";
import { exists, join, readJson } from "../platform/files.ts";
import { Random } from "../random.ts";
import { RunFolder } from "../report/run-folder.ts";
import { trainInFolder } from "../runs/train-run.ts";
import { discardRounds, unlearnInFolder } from "../runs/unlearn-run.ts";
import { Collector } from "../train/collector.ts";
import { GpuDataset } from "../feed/gpu-dataset.ts";
import type { Watch } from "../train/replay.ts";

/** What to attack, and how thoroughly. */
export interface LiraProtocol {
  /** Data, network and recipe; its scenario is not used. */
  readonly train: TrainConfig;
  readonly unlearn: UnlearnConfig;
  readonly models: number;
  readonly targets: number;
}

/** Margins of all targets, and which of them the model was trained on and made to forget. */
const shadowSchema = z.looseObject({
  margins: z.array(numberSchema),
  forgotten: z.array(z.boolean()),
});

type Shadow = Readonly<z.output<typeof shadowSchema>>;

/** Which model has which target in D_f: each target in half of them, drawn at random. */
export function assignTargets(models: number, targets: number, seed: number): boolean[][] {
  const random = new Random(seed).fork("lira targets");
  const inside = Array.from({ length: models }, () => Array.from({ length: targets }, () => false));
  for (let t = 0; t < targets; t++) {
    for (const model of random.permutation(models).slice(0, Math.floor(models / 2))) {
      inside[model]![t] = true;
    }
  }
  return inside;
}

/** @throws UsageError for too few shadow models, or targets that leave no image to all of them. */
export function requireTargets(
  { models, targets }: Pick<LiraProtocol, "models" | "targets">,
  images: number,
): void {
  if (models < 4) throw new UsageError(`LiRA needs four shadow models or more, got ${models}.`);
  if (!(targets >= 2 && targets < images)) {
    throw new UsageError(
      `LiRA: ${targets} targets of ${images} training images; two are needed, and some must stay for all models.`,
    );
  }
}

/**
 * Trains each shadow model on the common images and its half of the targets, makes it forget these, and
 * attacks. Resumable: each model has a run folder.
 */
export async function runLira(
  gpu: Gpu,
  protocol: LiraProtocol,
  out: string,
  options: { watch: Watch; log: (line: string) => void; saveEveryMs?: number },
): Promise<LiraResult> {
  const { train: config, models, targets } = protocol;
  const { train, test } = await loadSplit(config);
  requireTargets(protocol, train.count);
  const order = new Random(config.seed).fork("lira order").permutation(train.count);
  const chosen = order.slice(0, targets);
  const common = order.slice(targets);
  const shadows: Shadow[] = [];
  for (const [model, inside] of assignTargets(models, targets, config.seed).entries()) {
    const start = performance.now();
    const mine = [...chosen].filter((_, t) => inside[t] === true);
    const shadow = await runShadow(
      gpu,
      protocol,
      {
        train: subset(train, [...common, ...mine]),
        forget: mine.map((_, i) => common.length + i),
        targets: subset(train, chosen),
        test,
        seed: config.seed + model,
      },
      inside,
      join(out, `model-${model + 1}`),
      options,
    );
    shadows.push(shadow);
    const seconds = (performance.now() - start) / 1000;
    options.log(`shadow model ${model + 1} of ${models}: ${seconds.toFixed(0)} s`);
  }
  return lira({
    margins: shadows.map(({ margins }) => Float64Array.from(margins)),
    forgotten: shadows.map(({ forgotten }) => forgotten),
  });
}

async function runShadow(
  gpu: Gpu,
  protocol: LiraProtocol,
  data: { train: Dataset; forget: number[]; targets: Dataset; test: Dataset; seed: number },
  inside: readonly boolean[],
  path: string,
  options: { watch: Watch; saveEveryMs?: number },
): Promise<Shadow> {
  const config = { ...protocol.train, seed: data.seed };
  const unlearn = { ...protocol.unlearn, seed: data.seed };
  const { folder } = await RunFolder.start(path, { train: config, unlearn });
  const result = folder.file("margins.json");
  if (await exists(result)) {
    await discardRounds(folder);
    return checkedFile(shadowSchema, await readJson(result), result);
  }
  const corrupted = {
    train: data.train,
    labels: data.train.labels,
    ...splitForget(data.train.count, data.forget),
  };
  const margins = await Owned.within(async (owned) => {
    const job = owned.add(await jobOn(gpu, config, corrupted, data.test));
    await trainInFolder(folder, job, "trained.safetensors", options);
    // Of few targets a model may have none: it has nothing to forget.
    if (data.forget.length > 0) {
      await unlearnInFolder(folder, job, unlearn, { watch: options.watch, endOnDivergence: true });
    }
    return marginsOf(job, data.targets);
  });
  const shadow = { margins, forgotten: [...inside] };
  await folder.writeJson("margins.json", shadow);
  await discardRounds(folder);
  return shadow;
}

async function marginsOf(job: Job, targets: Dataset): Promise<number[]> {
  const logits = await Owned.within(async (owned) => {
    const { mean, deviation } = job.info.preprocessing;
    const data = owned.add(await GpuDataset.upload(job.gpu, targets, mean, deviation));
    const collector = owned.add(await Collector.create(job.model, job.task, data, 256));
    return collector.run(Uint32Array.from(targets.labels.keys()));
  });
  return [...perSample({ logits, labels: targets.labels }, targets.classes.length).margin];
}
