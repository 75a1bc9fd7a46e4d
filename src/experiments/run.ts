/**
 * Runs the arms of a plan over seeds, each in a run folder of its own.
 *
 * Everything is resumable: a folder with a result is done, one without goes on from its last checkpoint.
 * Tuning runs on a seed of its own, picks each arm's settings by the experiment's statistic, and is
 * written down with every trial.
 */
import { retrainSettings, type UnlearnConfig } from "../runs/config.ts";
import type { Gpu } from "../gpu/device.ts";
import { type Job, prepareJob } from "../runs/job.ts";
import { exists, join, readText } from "../platform/files.ts";
import type { Final } from "../metrics/final.ts";
import { measureFinal } from "../metrics/measure.ts";
import { scoreOf, type Scores } from "../metrics/metric.ts";
import { RunFolder } from "../report/run-folder.ts";
import { loadTrained, trainInFolder } from "../runs/train-run.ts";
import { shippedIn, unlearnInFolder } from "../runs/unlearn-run.ts";
import type { Watch } from "../train/replay.ts";
import type { Progress, StopReason } from "../unlearn/driver.ts";
import { methodSettings } from "../unlearn/methods/index.ts";
import type { Arm, Plan } from "./plan.ts";
import { statisticOf } from "./statistic.ts";

/** Where and on what an experiment runs. */
export interface Surroundings {
  readonly gpu: Gpu;
  /** Folder of the whole experiment. */
  readonly out: string;
  readonly watch: Watch;
  /** Called with one line at the start and end of every run. */
  readonly say: (line: string) => void;
}

/** What one arm did on one seed. */
export interface ArmResult {
  readonly arm: string;
  readonly method: string;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly seed: number;
  readonly stoppedBy: StopReason;
  readonly history: readonly Progress[];
  /** The experiment's number; absent where the curve does not get that far. */
  readonly statistic?: number | undefined;
  /** Every score of the network at the end. */
  readonly end: Scores;
  /** UA, RA, TA and membership inference at the end (`standard` only). */
  readonly final?: Final;
}

/** The trials of an arm on the tuning seed, and the settings that won. */
export interface Tuned {
  readonly settings: Readonly<Record<string, unknown>>;
  readonly trials: readonly {
    readonly settings: Readonly<Record<string, unknown>>;
    readonly statistic: number | undefined;
    /** Where on the x axis the run ended: decides where no trial reaches the statistic. */
    readonly end: number;
  }[];
}

async function json<T>(path: string): Promise<T | undefined> {
  return (await exists(path)) ? (JSON.parse(await readText(path)) as T) : undefined;
}

/** Folder of an arm: its name, without what file systems mind. */
export function folderOf(name: string): string {
  return name.replaceAll(/[^\w.-]+/g, "-");
}

/** The settings of an arm: what tuning chose, its own, and for retraining the recipe of the plan. */
function settingsOf(
  plan: Plan,
  arm: Arm,
  chosen: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const recipe = arm.method === "retrain" ? retrainSettings(plan.train(0)) : {};
  return methodSettings(arm.method, { ...recipe, ...chosen, ...arm.settings });
}

/**
 * Test accuracy below which a network is lost and its run ends, %: twice what guessing gets, but no more than half
 * of what the trained network had.
 */
export function lostBelow(classes: number, trained: number): number {
  return Math.min(200 / classes, trained / 2);
}

/** Rounds that retraining takes. @throws if its epochs are not a whole number of rounds. */
function roundsToRetrain({ epochs, epochsPerRound }: Record<string, unknown>): number {
  const rounds = Number(epochs) / Number(epochsPerRound);
  if (!Number.isInteger(rounds)) {
    throw new Error(`retrain: ${epochs as number} epochs are not a multiple of epochsPerRound.`);
  }
  return rounds;
}

/** A trained job with the folder its weights are in; shared by all arms of a seed. */
class Ground {
  readonly job: Job;
  readonly folder: RunFolder;
  /** Test accuracy below which a network is lost, %. */
  readonly #lostBelow: number;

  private constructor(job: Job, folder: RunFolder, lostBelow: number) {
    this.job = job;
    this.folder = folder;
    this.#lostBelow = lostBelow;
  }

  static async open(plan: Plan, seed: number, path: string, around: Surroundings): Promise<Ground> {
    const train = plan.train(seed);
    const { folder } = await RunFolder.start(join(path, "trained"), { train });
    const job = await prepareJob(around.gpu, train);
    await trainInFolder(folder, job, "checkpoint.safetensors", { watch: around.watch });
    const { testAccuracy } = await job.evaluate(around.watch, ["testAccuracy"]);
    return new Ground(job, folder, lostBelow(job.data.classes, testAccuracy!));
  }

  /** Runs one arm from the trained weights, or returns the result it left behind. */
  async run(
    plan: Plan,
    arm: Arm,
    options: {
      settings: Record<string, unknown>;
      seed: number;
      path: string;
      retrainedUa?: number | undefined;
    },
    around: Surroundings,
  ): Promise<ArmResult> {
    const { settings, seed, path, retrainedUa } = options;
    const { job } = this;
    const config: UnlearnConfig = {
      method: arm.method,
      settings,
      rounds: arm.method === "retrain" ? roundsToRetrain(settings) : arm.rounds,
      ...(arm.method === "retrain"
        ? {}
        : {
            ...plan.stop,
            ...(plan.endLost ? { testFloor: this.#lostBelow } : {}),
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
    const done = await json<ArmResult>(folder.file("result.json"));
    if (done !== undefined) return done;
    await loadTrained(this.folder, job, "checkpoint.safetensors");
    const { history, reason } = await unlearnInFolder(folder, job, config, {
      watch: around.watch,
      endOnDivergence: true,
      scores: plan.scores,
      shortenLast: plan.name === "standard" && arm.method !== "retrain",
    });
    const statistic = statisticOf(plan.name, history, { retrainedUa });
    const result: ArmResult = {
      arm: arm.name,
      method: arm.method,
      settings,
      seed,
      stoppedBy: reason,
      history,
      end: await job.evaluate(around.watch),
      ...(statistic === undefined ? {} : { statistic }),
      ...(plan.name === "standard" ? { final: await measureFinal(job) } : {}),
    };
    await folder.writeJson("result.json", result);
    return result;
  }
}

function summary(plan: Plan, result: ArmResult, seconds: number): string {
  const last = result.history.at(-1)!;
  const value = result.statistic?.toFixed(plan.statistic.decimals) ?? "not reached";
  return (
    `${result.arm}, seed ${result.seed}: ${plan.statistic.name} ${value}; ${last.round} rounds, ` +
    `stopped by ${result.stoppedBy}, ${seconds.toFixed(0)} s`
  );
}

/** The trial with the best statistic; where none reaches it, the one that got furthest along x. */
function bestTrial(plan: Plan, trials: Tuned["trials"]): Tuned["trials"][number] {
  const sign = plan.statistic.better === "higher" ? 1 : -1;
  const along = plan.reverseX ? -1 : 1;
  const [best] = [...trials].sort((a, b) => {
    if (a.statistic !== undefined && b.statistic !== undefined) {
      return sign * (b.statistic - a.statistic);
    }
    if (a.statistic !== undefined || b.statistic !== undefined) {
      return a.statistic === undefined ? 1 : -1;
    }
    return along * (b.end - a.end);
  });
  return best!;
}

/**
 * Tries every trial of every arm on one seed and keeps the best settings of each.
 *
 * @param known what is tuned already; arms whose trials are the same are not tuned again.
 */
export async function tune(
  plan: Plan,
  seed: number,
  around: Surroundings,
  known: Readonly<Record<string, Tuned>> = {},
): Promise<Record<string, Tuned>> {
  const path = join(around.out, "tuning", `seed-${seed}`);
  const tuned: Record<string, Tuned> = {};
  let ground: Ground | undefined;
  let retrainedUa: number | undefined;
  for (const arm of plan.arms) {
    if (arm.trials.length === 0 && !(arm.name === "retrain" && plan.name === "standard")) continue;
    const before = known[arm.name];
    const same =
      JSON.stringify(before?.trials.map(({ settings }) => settings)) === JSON.stringify(arm.trials);
    if (before !== undefined && same) {
      tuned[arm.name] = before;
      continue;
    }
    ground ??= await Ground.open(plan, seed, path, around);
    const trials: Tuned["trials"][number][] = [];
    const choices = arm.trials.length === 0 ? [{}] : arm.trials;
    for (const [i, chosen] of choices.entries()) {
      const start = performance.now();
      const settings = settingsOf(plan, arm, chosen);
      const options = { settings, seed, path: join(path, `${arm.name}-${i + 1}`), retrainedUa };
      const result = await ground.run(plan, arm, options, around);
      if (arm.name === "retrain") {
        retrainedUa = 100 - scoreOf(result.history.at(-1)!.scores, "forgetAccuracy");
      }
      const end = result.history.at(-1)!.scores[plan.x.score]!;
      trials.push({ settings: chosen, statistic: result.statistic, end });
      around.say(
        `tuning ${JSON.stringify(chosen)} ${summary(plan, result, (performance.now() - start) / 1000)}`,
      );
    }
    tuned[arm.name] = { settings: bestTrial(plan, trials).settings, trials };
  }
  ground?.job.destroy();
  return tuned;
}

/** Runs every arm on the given seeds with its tuned settings. */
export async function runSeeds(
  plan: Plan,
  seeds: readonly number[],
  tuned: Readonly<Record<string, Tuned>>,
  around: Surroundings,
): Promise<ArmResult[]> {
  const results: ArmResult[] = [];
  for (const seed of seeds) {
    const path = join(around.out, `seed-${seed}`);
    const ground = await Ground.open(plan, seed, path, around);
    let retrainedUa: number | undefined;
    for (const arm of plan.arms) {
      const start = performance.now();
      const chosen = tuned[arm.tunedAs ?? arm.name]?.settings ?? {};
      const settings = settingsOf(plan, arm, chosen);
      const options = {
        settings,
        seed,
        path: join(path, folderOf(arm.name)),
        retrainedUa: plan.name === "standard" ? retrainedUa : undefined,
      };
      const result = await ground.run(plan, arm, options, around);
      if (arm.name === "retrain") {
        retrainedUa = 100 - scoreOf(result.history.at(-1)!.scores, "forgetAccuracy");
      }
      results.push(result);
      around.say(summary(plan, result, (performance.now() - start) / 1000));
    }
    ground.job.destroy();
  }
  return results;
}
