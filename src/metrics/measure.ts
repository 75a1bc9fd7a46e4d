/** Measures the metrics of a network on the sets of a run. */
import { shown } from "../checked.ts";
import { UsageError } from "../errors.ts";
import type { GpuDataset } from "../feed/gpu-dataset.ts";
import type { Totals } from "../feed/step-queue.ts";
import type { Model } from "../nn/model.ts";
import { Owned } from "../gpu/owned.ts";
import { Collector } from "../train/collector.ts";
import { diffusion } from "../tasks/diffusion.ts";
import type { Task } from "../tasks/task.ts";
import type { Watch } from "../train/replay.ts";
import type { Labelled } from "./classification.ts";
import { type Final, finalOf } from "./final.ts";
import { finalMetrics, scoreMetrics } from "./index.ts";
import { Logits } from "./logits.ts";
import type { Drawn, Judge } from "./drawn.ts";
import type { DrawnMetric, Scores, ScoreMetric } from "./metric.ts";

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
  /** Draws and grades, where there is a grader: without one no metric of drawn images is measured. */
  readonly judge?: Judge | undefined;
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
  { sets, totals, task, judge }: Measurable,
  only?: readonly string[],
  watch: Watch = {},
): Promise<Scores> {
  const metrics = scoreMetrics(task.name);
  const passes = [...sets].filter(([name, { items }]) => {
    const mine = metrics.filter((metric) => metric.needs === "totals" && metric.on === name);
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
  const wanted = metrics.some(
    ({ needs, name }) => needs === "drawn" && (only === undefined || only.includes(name)),
  );
  const drawn = wanted ? await judge?.run(watch) : undefined;
  return Object.fromEntries(
    metrics.flatMap((metric) => {
      if (metric.needs === "drawn") return drawn === undefined ? [] : scoreOfDrawn(metric, drawn);
      const sums = measured.get(metric.on);
      if (sums === undefined) return [];
      return [[metric.name, finite(metric, metric.of(sums), Number.isFinite(sums.loss))]];
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

/** The scores of drawn images alone. */
export function scoresOfDrawn(drawn: Drawn): Scores {
  return Object.fromEntries(
    scoreMetrics(diffusion.name).flatMap((metric) =>
      metric.needs === "drawn" ? scoreOfDrawn(metric, drawn) : [],
    ),
  );
}

function scoreOfDrawn(metric: DrawnMetric, drawn: Drawn): [string, number][] {
  const value = metric.of(drawn);
  return value === undefined ? [] : [[metric.name, finite(metric, value)]];
}

/** @throws UsageError where a metric makes no finite number of what is finite. */
function finite({ name }: ScoreMetric, value: unknown, from = true): number {
  if (typeof value === "number" && (Number.isFinite(value) || !from)) return value;
  throw new UsageError(
    `metric "${name}": \`of\` must give a finite number, and gave ${shown(value)}.`,
  );
}

/** The metrics of a network as it stands that need the logits of every image. */
export async function measureFinal(
  { model, task, sets }: Measurable,
  watch: Watch = {},
): Promise<Final> {
  const needed = new Set(finalMetrics().flatMap(({ on }) => on));
  const there = [...sets].filter(([name, { items }]) => needed.has(name) && items.length > 0);
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
