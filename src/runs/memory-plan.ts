/**
 * Memory plans: what a run would allocate, before anything is.
 *
 * The run is built on a {@link dryGpu} by the same code that builds it on a real device: images and
 * weights stay, and where evaluation takes little it stays too; training, evaluation and unlearning come
 * after one another.
 */
import type { SetupConfig, TrainConfig, UnlearnConfig } from "./config.ts";
import type { Dataset } from "../data/dataset.ts";
import { corrupt } from "../scenarios/index.ts";
import { dryGpu, type DryLimits } from "../gpu/dry.ts";
import type { Gpu } from "../gpu/device.ts";
import { megabytes } from "../gpu/memory.ts";
import type { Owner } from "../gpu/owned.ts";
import { type Job, jobOn } from "./job.ts";
import { jobNowcaster, jobTrainer } from "../api/training.ts";
import { startMethod } from "../unlearn/methods/index.ts";

/** The images of a run as far as memory is concerned. */
export interface ImageCounts {
  /** Side of the square images, in pixels. */
  readonly size: number;
  /** Their size in memory where a feed enlarges them. */
  readonly stored?: Dataset["stored"];
  readonly channels: number;
  /** Values are floats and not bytes. */
  readonly floats?: boolean;
  readonly classes: number;
  /** Training and test images. */
  readonly train: number;
  readonly test: number;
  /** The images of D_f where they are named, and the labels of all. */
  readonly chosen?: { readonly forget: Uint32Array; readonly labels: Uint16Array };
}

/** What a run does while it needs memory: anything, or something it can do only one of at a time. */
export type Activity = "always" | "training" | "evaluating" | "unlearning";

/** Memory of one purpose. */
export interface PlanRow {
  readonly during: Activity;
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
export type PlannedRun = {
  readonly unlearn?: UnlearnConfig | undefined;
  readonly images: ImageCounts;
} & (
  | { readonly train: TrainConfig; readonly trained?: false | undefined }
  /** The network is trained already: what training takes does not count. */
  | { readonly train: SetupConfig; readonly trained: true }
);

/** The image counts of a run; with D_f, where its configuration names the images. */
export function countsOf(
  { train, test }: Pick<Job<SetupConfig>, "train" | "test">,
  forget?: Uint32Array,
): ImageCounts {
  const { height: size, stored, channels, classes, labels } = train;
  const floats = train.pixels instanceof Float32Array;
  const counts = { floats, classes: classes.length, train: train.count, test: test.count };
  return { size, stored, channels, ...counts, ...(forget && { chosen: { forget, labels } }) };
}

/** What is planned for a job whose network is trained. */
export function plannedUnlearning(job: Job<SetupConfig>, unlearn: UnlearnConfig): PlannedRun {
  const { info, config, forget } = job;
  const { checkpoint: _, forget: named, ...setup } = config;
  const images = countsOf(job, named && forget);
  return { train: { ...setup, model: info.network }, unlearn, trained: true, images };
}

/** The job of a run on a device that makes nothing, with images that have no pixels. */
export async function dryJob(run: PlannedRun, gpu: Gpu): Promise<Job<SetupConfig>> {
  const { train: config } = run;
  const corrupted = corrupt(
    blankImages(run, "train"),
    blankImages(run, "test"),
    config.scenario,
    config.seed,
    run.images.chosen?.forget,
  );
  return jobOn(gpu, config, corrupted, blankImages(run, "test"), { blank: true });
}

/** Plans a run. @throws OutOfMemoryError where the limits do not hold it. */
export async function planRun(run: PlannedRun, limits: DryLimits): Promise<RunPlan> {
  const gpu = await dryGpu(limits);
  const { unlearn } = run;
  const job = await dryJob(run, gpu);
  const rows = rowsOf("always", gpu.bytesByPurpose());
  let peak = gpu.allocatedBytes;
  /** Counts what parts of a run take together, on top of what is there throughout, and frees them. */
  const during = async (
    activity: Activity,
    ...parts: (() => Promise<Owner | undefined>)[]
  ): Promise<void> => {
    const before = gpu.bytesByPurpose();
    const made: (Owner | undefined)[] = [];
    for (const make of parts) made.push(await make());
    rows.push(...rowsOf(activity, added(gpu, before)));
    peak = Math.max(peak, gpu.allocatedBytes);
    for (const part of made) part?.destroy();
  };
  const evaluator = async (): Promise<Owner> => {
    const largest = job.data.count > job.testData.count ? job.data : job.testData;
    const { done } = await job.evaluator(largest);
    return { destroy: done };
  };
  if (run.trained !== true) {
    const training = { ...job, config: run.train };
    await during(
      "training",
      () => jobTrainer(training),
      () => jobNowcaster(training),
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
  const { size, stored, channels, classes, chosen } = images;
  const count = images[part];
  return {
    name: data?.name ?? "images",
    classes: Array.from({ length: classes }, (_, i) => String(i)),
    height: size,
    width: size,
    stored,
    channels,
    count,
    pixels: images.floats === true ? new Float32Array(0) : new Uint8Array(0),
    labels:
      part === "train" && chosen !== undefined
        ? Uint16Array.from(chosen.labels)
        : Uint16Array.from({ length: count }, (_, i) => i % classes),
  };
}

/** What is live now and was not before, by purpose. */
function added(gpu: Gpu, before: ReadonlyMap<string, number>): Map<string, number> {
  const differences = [...gpu.bytesByPurpose()].map(
    ([purpose, bytes]) => [purpose, bytes - (before.get(purpose) ?? 0)] as const,
  );
  return new Map(differences.filter(([, bytes]) => bytes > 0));
}

function rowsOf(during: Activity, live: ReadonlyMap<string, number>): PlanRow[] {
  const rows = [...live].map(([what, bytes]) => ({ during, what, bytes }));
  return rows.sort((a, b) => b.bytes - a.bytes);
}

const headings: Readonly<Record<Activity, string>> = {
  always: "throughout",
  training: "while training",
  evaluating: "while evaluating",
  unlearning: "while unlearning",
};

/** A plan as lines of text. */
export function formatPlan({ rows, peak }: RunPlan): string {
  const width = Math.max(...rows.map(({ what }) => what.length)) + 2;
  const lines = (Object.keys(headings) as Activity[]).flatMap((activity) => {
    const mine = rows.filter((row) => row.during === activity);
    if (mine.length === 0) return [];
    return [
      headings[activity],
      ...mine.map(({ what, bytes }) => `  ${what.padEnd(width)}${megabytes(bytes).padStart(12)}`),
    ];
  });
  return [...lines, `peak${" ".repeat(width - 2)}${megabytes(peak).padStart(12)}`].join("\n");
}
