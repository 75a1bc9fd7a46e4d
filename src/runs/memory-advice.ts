/**
 * Memory plans: what a run would allocate, before anything is.
 *
 * The run is built on a {@link dryGpu} by the same code that builds it on a real device: images and
 * weights stay, and where evaluation takes little it stays too; training, evaluation and unlearning come
 * after one another.
 */
import type { TrainConfig, UnlearnConfig } from "./config.ts";
import type { Dataset } from "../data/dataset.ts";
import { damage } from "../data/scenario.ts";
import { dryGpu, type DryGpu, type DryLimits } from "../gpu/dry.ts";
import { megabytes } from "../gpu/device.ts";
import { OutOfMemoryError } from "../errors.ts";
import { type Job, jobOn } from "./job.ts";
import { passesOf } from "../train/memory.ts";
import { jobNowcaster, jobTrainer } from "./training.ts";
import { findMethod, startMethod } from "../unlearn/methods/index.ts";

/** The images of a run as far as memory is concerned. */
export interface ImageCounts {
  /** Side of the square images, in pixels. */
  readonly size: number;
  /** Their size in memory where a feed enlarges them. */
  readonly stored?: Dataset["stored"];
  readonly channels: 1 | 3;
  readonly classes: number;
  /** Training and test images. */
  readonly train: number;
  readonly test: number;
}

/** When a run needs memory: throughout, or while it does what it can do only one of at a time. */
export type Phase = "always" | "training" | "evaluating" | "unlearning";

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
  /** The network is trained already: what training takes does not count. */
  readonly trained?: boolean | undefined;
  readonly images: ImageCounts;
}

/** The image counts of a run under way. */
export function countsOf({ train, test }: Pick<Job, "train" | "test">): ImageCounts {
  const { height: size, stored, channels, classes } = train;
  return { size, stored, channels, classes: classes.length, train: train.count, test: test.count };
}

/** A part of a run that takes memory. */
interface Freed {
  destroy(): void;
}

/** Plans a run. @throws OutOfMemoryError where the limits do not hold it. */
export async function planRun(run: PlannedRun, limits: DryLimits): Promise<RunPlan> {
  const dry = await dryGpu(limits);
  const { gpu } = dry;
  const { train: config, unlearn, trained = false } = run;
  const damaged = damage(
    blankImages(run, "train"),
    blankImages(run, "test"),
    config.scenario,
    config.seed,
  );
  const job = await jobOn(gpu, config, damaged, blankImages(run, "test"), { blank: true });
  const rows = rowsOf("always", dry.live());
  let peak = gpu.allocatedBytes;
  /** Counts what parts of a run take together, on top of what is there throughout, and frees them. */
  const during = async (phase: Phase, ...parts: (() => Promise<Freed | undefined>)[]) => {
    const before = dry.live();
    const made: (Freed | undefined)[] = [];
    for (const make of parts) made.push(await make());
    rows.push(...rowsOf(phase, added(dry, before)));
    peak = Math.max(peak, gpu.allocatedBytes);
    for (const part of made) part?.destroy();
  };
  const evaluator = async (): Promise<Freed> => {
    const largest = job.data.count > job.testData.count ? job.data : job.testData;
    const { done } = await job.evaluator(largest);
    return { destroy: done };
  };
  if (!trained) {
    await during(
      "training",
      () => jobTrainer(job),
      () => jobNowcaster(job),
    );
  }
  if (unlearn === undefined) {
    await during("evaluating", evaluator);
  } else {
    // Scores are measured between rounds, while the method keeps its memory.
    const { method, seed, settings } = unlearn;
    await during("unlearning", () => startMethod(method, job.request(seed), settings), evaluator);
  }
  return { rows, peak };
}

/** Images without pixels: their numbers and labels decide all sizes. */
function blankImages({ train: { data }, images }: PlannedRun, part: "train" | "test"): Dataset {
  const { size, stored, channels, classes } = images;
  const count = images[part];
  return {
    name: data.name,
    classes: Array.from({ length: classes }, (_, i) => String(i)),
    height: size,
    width: size,
    stored,
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
  [/^(images|mean|labels)$/, "images"],
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
 * What would make a run fit that does not, by its plan: the batch, the passes a step can be split into, and
 * what else saves memory, as options of the commands that run it.
 *
 * @returns a sentence; empty if the plan fits.
 */
export async function memoryAdvice(run: PlannedRun, limits: DryLimits): Promise<string> {
  const { train, unlearn, trained = false } = run;
  const onlyTraining = { ...run, unlearn: undefined };
  if (trained || (await fits(onlyTraining, limits))) {
    if (unlearn === undefined || (await fits(run, limits))) return "";
    const ways = await waysToUnlearn(run, unlearn, limits);
    if (ways.length === 0) {
      return `By the plan ${unlearn.method} does not fit whatever its settings: choose a smaller model or another method.`;
    }
    return trained
      ? `By the plan these fit: ${ways.join("; ")}.`
      : `By the plan training fits, and ${unlearn.method} with one of these: ${ways.join("; ")}.`;
  }
  const trial = (settings: Partial<TrainConfig>): Promise<boolean> =>
    fits({ ...onlyTraining, train: { ...train, ...settings } }, limits);
  const most = await largest(train.batch, (n) => trial({ batch: n, microBatch: undefined }));
  const passes = await largest(train.batch, (n) => trial({ microBatch: n }));
  const ways: string[] = [];
  if (most > 0) ways.push(`--batch ${most}`);
  if (passes > 0 && passes < train.batch) {
    ways.push(`--batch ${train.batch} --micro-batch ${passesOf(train.batch, passes).rows}`);
  }
  if (train.recompute !== true && (await trial({ recompute: true }))) {
    ways.push(`--batch ${train.batch} --recompute`);
  }
  if (ways.length === 0) {
    return "By the plan no batch fits: choose a smaller model, or fewer or smaller images.";
  }
  return `By the plan these fit: ${ways.join("; ")}.`;
}

/** Changes of a method's settings, each of which makes a run fit, as options; only those the method has. */
async function waysToUnlearn(
  run: PlannedRun,
  { method, settings, ...rest }: UnlearnConfig,
  limits: DryLimits,
): Promise<string[]> {
  const known = (change: object): boolean =>
    findMethod(method).settings.safeParse({ ...settings, ...change }).success;
  const trial = (change: object): Promise<boolean> =>
    fits({ ...run, unlearn: { ...rest, method, settings: { ...settings, ...change } } }, limits);
  const batch = Number(settings["batch"] ?? run.train.batch);
  const ways: string[] = [];
  if (known({ batch })) {
    const most = await largest(batch, (n) => trial({ batch: n }));
    if (most > 0) ways.push(`--forget-batch ${most}`);
  }
  if (known({ microBatch: 1 })) {
    const passes = await largest(batch, (n) => trial({ microBatch: n }));
    if (passes > 0) ways.push(`--set microBatch=${passes}`);
  }
  for (const [change, option] of [
    [{ recompute: true }, "--set recompute=true"],
    [{ trajectory: "f16" }, "--trajectory f16"],
  ] as const) {
    if (known(change) && (await trial(change))) ways.push(option);
  }
  return ways;
}

/**
 * Does `work` within limits; where it runs out of memory, the error says what would fit.
 *
 * @param run what is planned then; a function where that is only known, or worth finding out, in this case.
 */
export async function withAdvice<T>(
  run: PlannedRun | (() => Promise<PlannedRun>),
  limits: DryLimits,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (!(cause instanceof OutOfMemoryError)) throw cause;
    const memory = limits.memory ?? cause.memory;
    const planned = typeof run === "function" ? await run() : run;
    const advice = await memoryAdvice(planned, { ...limits, memory });
    throw new OutOfMemoryError(`${cause.message} ${advice}`.trim(), { cause });
  }
}

const headings: Readonly<Record<Phase, string>> = {
  always: "throughout",
  training: "while training",
  evaluating: "while evaluating",
  unlearning: "while unlearning",
};

/** A plan as lines of text. */
export function formatPlan({ rows, peak }: RunPlan): string {
  const width = Math.max(...rows.map(({ what }) => what.length)) + 2;
  const lines = (Object.keys(headings) as Phase[]).flatMap((phase) => {
    const mine = rows.filter((row) => row.phase === phase);
    if (mine.length === 0) return [];
    return [
      headings[phase],
      ...mine.map(({ what, bytes }) => `  ${what.padEnd(width)}${megabytes(bytes).padStart(12)}`),
    ];
  });
  return [...lines, `peak${" ".repeat(width - 2)}${megabytes(peak).padStart(12)}`].join("\n");
}
