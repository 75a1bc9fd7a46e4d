/** What would make a run fit into memory that does not, found by planning it with other settings. */
import type { TrainConfig, UnlearnConfig } from "./config.ts";
import { OutOfMemoryError } from "../errors.ts";
import type { DryLimits } from "../gpu/dry.ts";
import { passesOf } from "../train/memory.ts";
import { methods } from "../unlearn/methods/index.ts";
import { type PlannedRun, planRun } from "./memory-plan.ts";

async function fits(run: PlannedRun, limits: DryLimits): Promise<boolean> {
  try {
    await planRun(run, limits);
    return true;
  } catch (error) {
    if (error instanceof OutOfMemoryError) return false;
    throw error;
  }
}

/** Settings with their values, as messages name them. */
function named(settings: Readonly<Record<string, unknown>>, prefix = ""): string {
  const parts = Object.entries(settings).map(
    ([name, value]) => `${prefix}${name}=${String(value)}`,
  );
  return `\`${parts.join(" ")}\``;
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
 * what else saves memory.
 *
 * @returns a sentence that names settings of the training (`batch=8`) and of the method
 *   (`settings.batch=8`); empty if the plan fits.
 */
export async function memoryAdvice(run: PlannedRun, limits: DryLimits): Promise<string> {
  const { unlearn } = run;
  const onlyTraining = { ...run, unlearn: undefined };
  if (run.trained === true || (await fits(onlyTraining, limits))) {
    if (unlearn === undefined || (await fits(run, limits))) return "";
    const ways = await waysToUnlearn(run, unlearn, limits);
    if (ways.length === 0) {
      return `By the plan ${unlearn.method} does not fit whatever its settings: choose a smaller model or another method.`;
    }
    return run.trained === true
      ? `By the plan these fit: ${ways.join("; ")}.`
      : `By the plan training fits, and ${unlearn.method} with one of these: ${ways.join("; ")}.`;
  }
  const { train, images } = run;
  const trial = (settings: Partial<TrainConfig>): Promise<boolean> =>
    fits({ images, train: { ...train, ...settings } }, limits);
  const most = await largest(train.batch, (n) => trial({ batch: n, microBatch: undefined }));
  const passes = await largest(train.batch, (n) => trial({ microBatch: n }));
  const { batch } = train;
  const ways: string[] = [];
  if (most > 0) ways.push(named({ batch: most }));
  if (passes > 0 && passes < batch) {
    ways.push(named({ batch, microBatch: passesOf(batch, passes).rows }));
  }
  if (train.recompute !== true && (await trial({ recompute: true }))) {
    ways.push(named({ batch, recompute: true }));
  }
  if (ways.length === 0) {
    return "By the plan no batch fits: choose a smaller model, or fewer or smaller images.";
  }
  return `By the plan these fit: ${ways.join("; ")}.`;
}

/** Changes of a method's settings, each of which makes a run fit; only those the method has. */
async function waysToUnlearn(
  run: PlannedRun,
  { method, settings, ...rest }: UnlearnConfig,
  limits: DryLimits,
): Promise<string[]> {
  const known = (change: object): boolean =>
    methods.find(method).settings.safeParse({ ...settings, ...change }).success;
  const trial = (change: object): Promise<boolean> =>
    fits({ ...run, unlearn: { ...rest, method, settings: { ...settings, ...change } } }, limits);
  const batch = Number(
    settings["batch"] ?? (run.trained === true ? run.images.train : run.train.batch),
  );
  const ways: string[] = [];
  if (known({ batch })) {
    const most = await largest(batch, (n) => trial({ batch: n }));
    if (most > 0) ways.push(named({ batch: most }, "settings."));
  }
  if (known({ microBatch: 1 })) {
    const passes = await largest(batch, (n) => trial({ microBatch: n }));
    if (passes > 0) ways.push(named({ microBatch: passes }, "settings."));
  }
  for (const change of [{ recompute: true }, { trajectory: "f16" }]) {
    if (known(change) && (await trial(change))) ways.push(named(change, "settings."));
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
