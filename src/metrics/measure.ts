/** Measures the metrics of a network on the sets of a run. */
import { shown } from "../checked.ts";
import { UsageError } from "../errors.ts";
import type { GpuDataset } from "../feed/gpu-dataset.ts";
import type { Totals } from "../feed/step-queue.ts";
import type { Model } from "../nn/model.ts";
import { Owned } from "../gpu/owned.ts";
import { Collector } from "../train/collector.ts";
import type { Task } from "../tasks/task.ts";
import type { Watch } from "../train/replay.ts";
import type { Labelled } from "./classification.ts";
import { type Final, finalOf } from "./final.ts";
import { finalMetrics, scoreMetrics } from "./index.ts";
import { Logits } from "./logits.ts";
import type { Scores, TotalsMetric } from "./metric.ts";

/** Images to measure on. */
export interface ImageSet {
  readonly data: GpuDataset;
  /** Image numbers of the data. */
  readonly items: Uint32Array;
  /** Labels of the whole data, that the network is judged by. */
  readonly labels: ArrayLike<number>;
}

/** A network, and what there is to measure it on. */
export interface Measurable {
  readonly model: Model;
  /** What the model is for. */
  readonly task: Task;
  /** By the names that metrics give them; measured in this order. */
  readonly sets: ReadonlyMap<string, ImageSet>;
  /** One pass over a set. */
  totals(set: ImageSet, watch: Watch): Promise<Totals>;
}

/** Images a step when logits are collected; larger only costs memory. */
const batch = 256;

/**
 * The scores of a network as it stands, from one pass over each set.
 *
 * @param only the scores needed, where others would cost time: sets of none of them are left out, but never D_f, by
 *   which runs are stopped.
 */
export async function measureScores(
  { sets, totals, task }: Measurable,
  only?: readonly string[],
  watch: Watch = {},
): Promise<Scores> {
  const metrics = scoreMetrics(task.name);
  const passes = [...sets].filter(([name, { items }]) => {
    const mine = metrics.filter(({ on }) => on === name);
    const wanted =
      name === "forget" || only === undefined || mine.some((metric) => only.includes(metric.name));
    return mine.length > 0 && items.length > 0 && wanted;
  });
  const measured = new Map<string, Totals>();
  const parts = measuring(
    passes.map(([, { items }]) => items.length),
    watch,
  );
  for (const [i, [name, set]] of passes.entries()) {
    measured.set(name, await totals(set, parts[i]!));
  }
  return Object.fromEntries(
    metrics.flatMap((metric) => {
      const sums = measured.get(metric.on);
      return sums === undefined ? [] : [[metric.name, valueOf(metric, sums)]];
    }),
  );
}

/** Watches of passes over so many images each, which together are the phase of measuring. */
function measuring(counts: readonly number[], watch: Watch): Watch[] {
  watch.phase?.("measuring");
  const all = counts.reduce((sum, count) => sum + count, 0);
  let before = 0;
  return counts.map((count) => {
    const first = before;
    before += count;
    return {
      ...watch,
      progress: (done, steps) => watch.progress?.(first + (done / steps) * count, all),
    };
  });
}

/** @throws UsageError where a metric makes no finite number of totals that are finite. */
function valueOf(metric: TotalsMetric, sums: Totals): number {
  const value: unknown = metric.of(sums);
  if (typeof value === "number" && (Number.isFinite(value) || !Number.isFinite(sums.loss))) {
    return value;
  }
  throw new UsageError(
    `metric "${metric.name}": \`of\` must give a finite number, and gave ${shown(value)}.`,
  );
}

/** The metrics of a network as it stands that need the logits of every image. */
export async function measureFinal(
  { model, task, sets }: Measurable,
  watch: Watch = {},
): Promise<Final> {
  const needed = new Set(finalMetrics().flatMap(({ on }) => on));
  const there = [...sets].filter(([name]) => needed.has(name));
  const order = [...new Set(there.map(([, set]) => set.data))].flatMap((data) =>
    there.filter(([, set]) => set.data === data),
  );
  const parts = measuring(
    order.map(([, { items }]) => items.length),
    watch,
  );
  const collected: Record<string, Labelled> = {};
  // One data set after the other: only one needs memory for activations at a time.
  for (const data of new Set(order.map(([, set]) => set.data))) {
    await Owned.within(async (owned) => {
      const collector = owned.add(await Collector.create(model, task, data, batch));
      for (const [name, { items, labels }] of order.filter(([, set]) => set.data === data)) {
        collected[name] = {
          logits: await collector.run(items, parts.shift()),
          labels: Uint32Array.from(items, (item) => labels[item]!),
        };
      }
    });
  }
  return finalOf(new Logits(sets.get("forget")!.data.classes, collected));
}
