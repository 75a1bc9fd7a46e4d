/** Metrics that need every picture's logits, measured once at the end of a run, and gaps to a reference. */
import type { Job } from "../runs/job.ts";
import { missing, type Metric } from "./metric.ts";
import { accuracies, mia, type MiaResult } from "./mia.ts";
import { Collector } from "../train/collector.ts";
import type { GpuDataset } from "../feed/gpu-dataset.ts";

/** Metrics of a network after a run. */
export interface Final {
  readonly accuracies: Readonly<Record<"UA" | "RA" | "TA", Metric>>;
  readonly mia: MiaResult;
}

/** Pictures a step; larger only costs memory. */
const batch = 256;

/** Metrics of a job's network as it stands, from the logits of every picture. */
export async function finalMetrics(job: Job): Promise<Final> {
  const { data, testData, labels, test } = job;
  const everyTest = Uint32Array.from(test.labels.keys());
  // One set of pictures after the other: only one needs memory for activations at a time.
  const [forget, retain] = await logitsOf(job, data, labels, [job.forget, job.retain]);
  const [unseen] = await logitsOf(job, testData, test.labels, [everyTest]);
  const input = { classes: data.classes, forget: forget!, retain: retain!, test: unseen! };
  return { accuracies: accuracies(input), mia: mia(input) };
}

/** Logits and labels of some pictures of a set. */
async function logitsOf(
  { model, task }: Job,
  data: GpuDataset,
  labels: ArrayLike<number>,
  parts: readonly Uint32Array[],
): Promise<{ logits: Float32Array; labels: Uint32Array }[]> {
  const collector = await Collector.create(model, task, data, batch);
  const results: { logits: Float32Array; labels: Uint32Array }[] = [];
  for (const items of parts) {
    results.push({
      logits: await collector.run(items),
      labels: Uint32Array.from(items, (item) => labels[item]!),
    });
  }
  collector.destroy();
  return results;
}

/** Distances to the retrained network, and their mean. */
export type Gaps = Readonly<Record<"UA" | "RA" | "TA" | "MIA" | "average", Metric>>;

/** The four numbers that methods are compared by. */
export function headline({
  accuracies: { UA, RA, TA },
  mia: { attacks },
}: Final): Readonly<Record<"UA" | "RA" | "TA" | "MIA", Metric>> {
  return { UA, RA, TA, MIA: attacks.confidence };
}

/** Gaps of a network to a retrained one; without one, each says so. */
export function gapsTo(mine: Final, retrained: Final | undefined): Gaps {
  const own = headline(mine);
  const names = ["UA", "RA", "TA", "MIA"] as const;
  const describe = (name: string): Pick<Metric, "name" | "definition" | "unit"> => ({
    name: `gap in ${name}`,
    definition: `distance of ${name} to the retrained network's, points`,
    unit: "points",
  });
  const average = {
    name: "average gap",
    definition: "mean of the gaps in UA, RA, TA and MIA, points",
    unit: "points",
  } as const;
  if (retrained === undefined) {
    const why = "no retrained network was given (--reference)";
    const entries = names.map((name) => [name, missing(describe(name), why)]);
    return { ...Object.fromEntries(entries), average: missing(average, why) } as Gaps;
  }
  const other = headline(retrained);
  const gap = (name: (typeof names)[number]): number =>
    Math.abs((own[name].value ?? Number.NaN) - (other[name].value ?? Number.NaN));
  const entries = names.map((name) => [
    name,
    { ...describe(name), value: gap(name), n: own[name].n },
  ]);
  const mean = names.reduce((sum, name) => sum + gap(name), 0) / names.length;
  return {
    ...Object.fromEntries(entries),
    average: { ...average, value: mean, n: names.length },
  } as Gaps;
}
