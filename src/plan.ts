/**
 * Memory plans: what a run would allocate, before anything is.
 *
 * The run is built on a {@link dryGpu} by the same code that builds it on a real device: pictures,
 * weights and evaluation stay, training and unlearning come after one another.
 */
import type { TrainConfig, UnlearnConfig } from "./config.ts";
import type { Dataset } from "./data/dataset.ts";
import { damage } from "./data/scenario.ts";
import { dryGpu, type DryGpu, type DryLimits } from "./gpu/dry.ts";
import { megabytes } from "./gpu/device.ts";
import { OutOfMemoryError } from "./gpu/errors.ts";
import { type Job, jobOn } from "./job.ts";
import { passesOf } from "./train/passes.ts";
import { jobNowcaster, jobTrainer } from "./train/run.ts";
import { startMethod } from "./unlearn/methods.ts";

/** The pictures of a run as far as memory is concerned. */
export interface PictureCounts {
  /** Side of the square pictures, in pixels. */
  readonly size: number;
  readonly channels: 1 | 3;
  readonly classes: number;
  /** Training and test pictures. */
  readonly train: number;
  readonly test: number;
}

/** When a run needs memory: throughout, or while it trains or unlearns. */
export type Phase = "always" | "training" | "unlearning";

/** Memory of one purpose. */
export interface PlanRow {
  readonly phase: Phase;
  readonly what: string;
  /** Bytes of buffers. */
  readonly bytes: number;
}

/** What a run allocates. */
export interface RunPlan {
  readonly rows: readonly PlanRow[];
  /** Bytes of all buffers at the time when there are most. */
  readonly peak: number;
}

/** Which run is planned. */
export interface PlannedRun {
  readonly train: TrainConfig;
  readonly unlearn?: UnlearnConfig | undefined;
  readonly pictures: PictureCounts;
}

/** The picture counts of a run under way. */
export function countsOf({ train, test }: Pick<Job, "train" | "test">): PictureCounts {
  const { height: size, channels, classes } = train;
  return { size, channels, classes: classes.length, train: train.count, test: test.count };
}

/** Plans a run. @throws OutOfMemoryError where the limits do not hold it. */
export async function planRun(run: PlannedRun, limits: DryLimits): Promise<RunPlan> {
  const dry = await dryGpu(limits);
  const { gpu } = dry;
  const { train: config, unlearn } = run;
  const damaged = damage(
    blankPictures(run, "train"),
    blankPictures(run, "test"),
    config.scenario,
    config.seed,
  );
  const job = await jobOn(gpu, config, damaged, blankPictures(run, "test"), { blank: true });
  const rows = rowsOf("always", dry.live());
  const base = gpu.allocatedBytes;
  const before = dry.live();
  const trainer = await jobTrainer(job);
  const nowcaster = await jobNowcaster(job);
  rows.push(...rowsOf("training", added(dry, before)));
  let peak = gpu.allocatedBytes;
  nowcaster?.destroy();
  trainer.destroy();
  if (unlearn !== undefined) {
    const left = gpu.allocatedBytes - base;
    const start = dry.live();
    const session = await startMethod(unlearn.method, job.task(unlearn.seed), unlearn.settings);
    rows.push(...rowsOf("unlearning", added(dry, start)));
    peak = Math.max(peak, gpu.allocatedBytes - left);
    session.destroy();
  }
  return { rows, peak };
}

/** Pictures without pixels: their numbers and labels decide all sizes. */
function blankPictures({ train: { data }, pictures }: PlannedRun, part: "train" | "test"): Dataset {
  const { size, channels, classes } = pictures;
  const count = pictures[part];
  return {
    name: data.name,
    classes: Array.from({ length: classes }, (_, i) => String(i)),
    height: size,
    width: size,
    channels,
    count,
    pixels: new Uint8Array(0),
    labels: Uint16Array.from({ length: count }, (_, i) => i % classes),
  };
}

function added(dry: DryGpu, before: ReadonlyMap<string, number>): Map<string, number> {
  const differences = [...dry.live()].map(
    ([label, bytes]) => [label, bytes - (before.get(label) ?? 0)] as const,
  );
  return new Map(differences.filter(([, bytes]) => bytes > 0));
}

const purposes: readonly (readonly [RegExp, string])[] = [
  [/^(pictures|mean|labels)$/, "pictures"],
  [/^(parameters|statistics)$/, "weights"],
  [/^evaluate /, "activations of evaluation"],
  [/gradients$/, "gradients"],
  [/^moment/, "optimiser state"],
  [/^trajectory /, "trajectory"],
  [/^predicted$/, "predicted weights"],
  [/^(before the round|start of the round|original weights|base of the step)$/, "weights kept"],
  [/^(train|update) /, "activations and their gradients"],
];

function rowsOf(phase: Phase, live: ReadonlyMap<string, number>): PlanRow[] {
  const sums = new Map<string, number>();
  for (const [label, bytes] of live) {
    const what =
      purposes.find(([pattern]) => pattern.test(label))?.[1] ?? "orders, tables and other";
    sums.set(what, (sums.get(what) ?? 0) + bytes);
  }
  const rows = [...sums].map(([what, bytes]) => ({ phase, what, bytes }));
  return rows.sort((a, b) => b.bytes - a.bytes);
}

async function fits(run: PlannedRun, limits: DryLimits): Promise<boolean> {
  try {
    await planRun(run, limits);
    return true;
  } catch (error) {
    if (error instanceof OutOfMemoryError) return false;
    throw error;
  }
}

/** The largest number from 1 to `most` for which `holds`, if it holds for all below; 0: for none. */
async function largest(most: number, holds: (n: number) => Promise<boolean>): Promise<number> {
  let [low, high] = [0, most];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (await holds(middle)) low = middle;
    else high = middle - 1;
  }
  return low;
}

/**
 * What would make a run fit that does not, by its plan: the batch, and the passes a step can be split into.
 *
 * @returns a sentence; empty if the plan fits.
 */
export async function memoryAdvice(run: PlannedRun, limits: DryLimits): Promise<string> {
  const { train, unlearn } = run;
  const onlyTraining = { ...run, unlearn: undefined };
  if (await fits(onlyTraining, limits)) {
    if (unlearn === undefined) return "";
    const batch = Number(unlearn.settings["batch"] ?? train.batch);
    const withBatch = (settings: object): PlannedRun => ({
      ...run,
      unlearn: { ...unlearn, settings: { ...unlearn.settings, ...settings } },
    });
    if (await fits(run, limits)) return "";
    const most = await largest(batch, (n) => fits(withBatch({ batch: n }), limits));
    if (most === 0)
      return `By the plan no batch of ${unlearn.method} fits: choose a smaller model or window.`;
    return `By the plan training fits, and ${unlearn.method} with --forget-batch ${most} or --set microBatch=${most}.`;
  }
  const withTraining = (settings: object): PlannedRun => ({
    ...onlyTraining,
    train: { ...train, ...settings },
  });
  const most = await largest(train.batch, (n) =>
    fits(withTraining({ batch: n, microBatch: undefined }), limits),
  );
  const passes = await largest(train.batch, (n) => fits(withTraining({ microBatch: n }), limits));
  const ways: string[] = [];
  if (most > 0) ways.push(`--batch ${most}`);
  if (passes > 0 && passes < train.batch) {
    ways.push(`--batch ${train.batch} --micro-batch ${passesOf(train.batch, passes).rows}`);
  }
  if (train.recompute !== true && (await fits(withTraining({ recompute: true }), limits))) {
    ways.push(`--batch ${train.batch} --recompute`);
  }
  if (ways.length === 0) return "By the plan no batch fits: choose a smaller model.";
  return `By the plan these fit: ${ways.join("; ")}.`;
}

/** Does `work` within limits; where it runs out of memory, the error says which batch would fit. */
export async function withAdvice<T>(
  run: PlannedRun,
  limits: DryLimits,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (!(cause instanceof OutOfMemoryError)) throw cause;
    const memory = limits.memory ?? cause.memory;
    const advice = await memoryAdvice(run, { ...limits, memory });
    throw new OutOfMemoryError(`${cause.message} ${advice}`.trim(), { cause });
  }
}

/** A plan as lines of text. */
export function formatPlan({ rows, peak }: RunPlan): string {
  const width = Math.max(...rows.map(({ what }) => what.length)) + 2;
  const lines = (["always", "training", "unlearning"] as const).flatMap((phase) => {
    const mine = rows.filter((row) => row.phase === phase);
    if (mine.length === 0) return [];
    return [
      phase === "always" ? "throughout" : `while ${phase}`,
      ...mine.map(({ what, bytes }) => `  ${what.padEnd(width)}${megabytes(bytes).padStart(12)}`),
    ];
  });
  return [...lines, `peak${" ".repeat(width - 2)}${megabytes(peak).padStart(12)}`].join("\n");
}
