/** A trained network that all arms of a seed start from, and the run of one arm. */
import { z } from "zod";
import type { Gpu } from "../gpu/device.ts";
import { Owned } from "../gpu/owned.ts";
import { UsageError } from "../errors.ts";
import type { Drawing } from "../metrics/drawn.ts";
import type { Grader } from "../metrics/grader.ts";
import type { Final } from "../metrics/final.ts";
import { measureFinal } from "../metrics/measure.ts";
import { scoreOf, type Scores } from "../metrics/metric.ts";
import { exists, join, readJson } from "../platform/files.ts";
import { RunFolder } from "../report/run-folder.ts";
import { checkedFile } from "../runs/checked-file.ts";
import { retrainSettings, type UnlearnConfig } from "../runs/config.ts";
import { forgetRecord, recordForget } from "../runs/forget-record.ts";
import { loadImages } from "../runs/images.ts";
import { inputsOf, recordInputs } from "../runs/inputs.ts";
import { keepDrawn } from "../runs/drawn-rounds.ts";
import { type Job, prepareJob } from "../runs/job.ts";
import { loadTrained, trainInFolder } from "../runs/train-run.ts";
import { discardRounds, shippedIn, unlearnInFolder } from "../runs/unlearn-run.ts";
import { finalSchema, roundSchema, scoresSchema } from "../runs/written.ts";
import type { Watch } from "../train/replay.ts";
import type { Arm, Settings } from "../unlearn/arm.ts";
import type { Progress, StopReason } from "../unlearn/driver.ts";
import { methodSettings } from "../unlearn/methods/index.ts";
import { isReference } from "./arms.ts";
import { recordPlace } from "./places.ts";
import type { Protocol } from "./protocol.ts";

/** Where and on what an experiment runs. */
export interface Environment {
  readonly gpu: Gpu;
  /** Folder of the whole experiment. */
  readonly out: string;
  readonly watch: Watch;
  /** Called with one line at the end of every run. */
  readonly log: (line: string) => void;
  /** Called for a run that comes to those that were counted, before it is done. */
  readonly added?: () => void;
  /** What a network of diffusion is judged by; its runs draw with their own seed. */
  readonly judging?: { readonly grader: Grader; readonly drawing: Omit<Drawing, "seed"> };
}

/** What one arm did on one seed. */
export interface ArmResult {
  readonly arm: string;
  readonly method: string;
  readonly settings: Settings;
  readonly seed: number;
  readonly stoppedBy: StopReason;
  readonly history: readonly Progress[];
  /** The experiment's number; absent where the curve does not get that far, and where it begins there. */
  readonly statistic?: number | undefined;
  /** Every score of the network at the end. */
  readonly end: Scores;
  /** UA, RA, TA and membership inference at the end, where the experiment is measured against retraining. */
  readonly final?: Final;
}

/** The run of an arm. */
export interface ArmRun {
  readonly arm: Arm;
  readonly settings: Settings;
  readonly seed: number;
  /** Folder of the run. */
  readonly path: string;
  /** Unlearning accuracy of the retrained network, %, where it is known. */
  readonly retrainedUa: number | undefined;
}

/** The settings of an arm: what tuning chose, its own, and for retraining the recipe of the protocol. */
export function settingsOf(protocol: Protocol, arm: Arm, chosen: Settings): Settings {
  const recipe = isReference(arm) ? retrainSettings(protocol.train(0)) : {};
  return methodSettings(arm.method, { ...recipe, ...chosen, ...arm.settings });
}

/** Unlearning accuracy at the end of a run, %. */
export function unlearningAccuracyOf({ history }: Pick<ArmResult, "history">): number {
  return 100 - scoreOf(history.at(-1)!.scores, "forgetAccuracy");
}

/**
 * Test accuracy below which a network has collapsed and its run ends, %: twice what guessing gets, but no more than half
 * of what the trained network had.
 */
export function collapseFloor(classes: number, trained: number): number {
  return Math.min(200 / classes, trained / 2);
}

/** Rounds that retraining takes. @throws UsageError if its epochs are not a whole number of rounds. */
function roundsToRetrain({ epochs, epochsPerRound }: Settings): number {
  const rounds = Number(epochs) / Number(epochsPerRound);
  if (!Number.isInteger(rounds)) {
    throw new UsageError(
      `retrain: ${epochs as number} epochs are not a multiple of \`epochsPerRound\`.`,
    );
  }
  return rounds;
}

/** The file of a run's {@link ArmResult}. */
export const resultFile = "result.json";

/** The parts of a run's result that are read. */
const resultSchema = z.looseObject({
  arm: z.string(),
  method: z.string(),
  settings: z.record(z.string(), z.unknown()),
  seed: z.number(),
  stoppedBy: z.string() as unknown as z.ZodType<StopReason>,
  history: z.array(roundSchema).min(1),
  end: scoresSchema,
  final: finalSchema.optional(),
});

/** Whether a trained network is where runs are to get before their first round: there is nothing to forget. */
function beginsThere(
  { landing }: Pick<Protocol, "landing">,
  { scores: start }: Progress,
  retrainedUa: number | undefined,
): boolean {
  return retrainedUa === undefined
    ? landing?.reached(start, start) === true
    : 100 - start["forgetAccuracy"]! >= retrainedUa;
}

/** Whether a run of some results begins where it is to get: there is nothing to forget. */
export function hasNothingToForget(
  protocol: Pick<Protocol, "landing" | "againstRetrained">,
  results: readonly ArmResult[],
  { seed, history }: ArmResult,
): boolean {
  const reference = protocol.againstRetrained
    ? results.find((one) => one.seed === seed && isReference(one))
    : undefined;
  return beginsThere(protocol, history[0]!, reference && unlearningAccuracyOf(reference));
}

/** The number that a run of a method is judged by; undefined where its curve does not get that far, or begins there. */
function statisticOf(
  protocol: Protocol,
  arm: Pick<Arm, "method">,
  history: readonly Progress[],
  retrainedUa: number | undefined,
): number | undefined {
  if (beginsThere(protocol, history[0]!, retrainedUa)) return undefined;
  const { statistic } = protocol;
  return isReference(arm) ? statistic.ofRetrained?.(history) : statistic.of(history, retrainedUa);
}

/** Whether a run was ended by its unlearning accuracy short of the level that it is judged at, as older versions did. */
export function endedShort(
  { landing }: Pick<Protocol, "landing">,
  { method, stoppedBy, history }: Pick<ArmResult, "method" | "stoppedBy" | "history">,
): boolean {
  return (
    landing !== undefined &&
    stoppedBy === "unlearning accuracy" &&
    !isReference({ method }) &&
    !history.some(({ scores }) => landing.reached(scores, history[0]!.scores))
  );
}

/**
 * The result of a run in its folder; undefined where there is none yet, or one that {@link endedShort}: it is done anew.
 *
 * @param retrainedUa as in {@link ArmRun}: the statistic is read off the curve anew.
 * @throws DataError for a file that is damaged.
 */
export async function finishedRun(
  protocol: Protocol,
  path: string,
  retrainedUa: number | undefined,
): Promise<ArmResult | undefined> {
  const file = join(path, resultFile);
  if (!(await exists(file))) return undefined;
  const read = checkedFile(resultSchema, await readJson(file), file);
  const { statistic: _, ...left } = read as z.output<typeof resultSchema> & ArmResult;
  if (endedShort(protocol, left)) return undefined;
  const statistic = statisticOf(protocol, left, left.history, retrainedUa);
  return { ...left, ...(statistic === undefined ? {} : { statistic }) };
}

/** A trained job with the folder its weights are in; shared by all arms of a seed. Owns the job. */
export class TrainedNetwork {
  readonly job: Job;
  readonly folder: RunFolder;
  /** Test accuracy below which the network has collapsed, %. */
  readonly #floor: number;

  private constructor(job: Job, folder: RunFolder, floor: number) {
    this.job = job;
    this.folder = folder;
    this.#floor = floor;
  }

  /** Trains the network of a seed in `path`, or loads what was trained there. */
  static async open(
    protocol: Protocol,
    seed: number,
    path: string,
    { gpu, watch, judging: given }: Environment,
  ): Promise<TrainedNetwork> {
    const train = protocol.train(seed);
    const judging = given && { ...given, drawing: { ...given.drawing, seed } };
    const { folder } = await RunFolder.start(join(path, "trained"), { train });
    return Owned.during(async (owned) => {
      const images = await loadImages(train);
      await recordInputs(folder, await inputsOf({ setup: train, images }));
      await recordForget(folder, await forgetRecord(images.corrupted, train));
      const job = owned.add(await prepareJob(gpu, train, { images, judging }));
      if (!(await folder.has("checkpoint.safetensors"))) await recordPlace(folder, gpu);
      await trainInFolder(folder, job, "checkpoint.safetensors", { watch });
      if (!protocol.endCollapsed) return new TrainedNetwork(job, folder, 0);
      const accuracy = scoreOf(await job.evaluate(watch, ["testAccuracy"]), "testAccuracy");
      return new TrainedNetwork(job, folder, collapseFloor(job.data.classes, accuracy));
    });
  }

  /** Runs one arm from the trained weights, unless its result is there: {@link finishedRun} reads it. */
  async run(protocol: Protocol, run: ArmRun, { gpu, watch }: Environment): Promise<void> {
    const { arm, settings, seed, path, retrainedUa } = run;
    const { job } = this;
    const reference = isReference(arm);
    const { againstRetrained, endCollapsed, until, landing } = protocol;
    const config: UnlearnConfig = {
      method: arm.method,
      settings,
      rounds: reference ? roundsToRetrain(settings) : arm.rounds,
      ...(reference
        ? {}
        : {
            ...until,
            ...(endCollapsed ? { testFloor: this.#floor } : {}),
            ...(retrainedUa === undefined
              ? {}
              : { unlearningAccuracy: Math.min(100, retrainedUa) }),
          }),
      seed,
    };
    const { folder } = await RunFolder.start(path, {
      train: job.config,
      unlearn: config,
      ...(await shippedIn(config)),
    });
    const trained = this.folder.file("checkpoint.safetensors");
    await recordInputs(folder, await inputsOf({ unlearn: config, given: { path: trained } }));
    if ((await finishedRun(protocol, path, retrainedUa)) !== undefined)
      return discardRounds(folder);
    await recordPlace(folder, gpu);
    await loadTrained(this.folder, job, "checkpoint.safetensors");
    const { history, reason } = await unlearnInFolder(folder, job, config, {
      watch,
      endOnDivergence: true,
      scores: protocol.scores,
      shortenLast: againstRetrained && !reference,
      // Between trained weights and those of a network begun anew there is nothing to measure.
      landing: reference ? undefined : landing,
      ...(job.judge && { onRound: ({ round }) => keepDrawn(folder, job, round) }),
    });
    const statistic = statisticOf(protocol, arm, history, retrainedUa);
    const result: ArmResult = {
      arm: arm.name,
      method: arm.method,
      settings,
      seed,
      stoppedBy: reason,
      history,
      // Drawing takes its time, and what was drawn last is what would be drawn again.
      end: job.judge === undefined ? await job.evaluate(watch) : history.at(-1)!.scores,
      ...(statistic === undefined ? {} : { statistic }),
      ...(againstRetrained ? { final: await measureFinal(job, watch) } : {}),
    };
    await folder.writeJson(resultFile, result);
    await discardRounds(folder);
  }

  destroy(): void {
    this.job.destroy();
  }

  [Symbol.dispose](): void {
    this.destroy();
  }
}
