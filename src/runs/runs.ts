/**
 * Training and unlearning runs in folders: checkpoints, resuming, reports.
 *
 * A run that was killed anywhere continues, with the same command, from its last checkpoint and ends
 * with the same bits on the same adapter.
 */
import type { TrainConfig, UnlearnConfig } from "./config.ts";
import type { Job } from "./job.ts";
import type { Tensors } from "../nn/model.ts";
import { shippedDigest } from "../predictors/index.ts";
import { RunFolder, RunFolderError } from "../report/run-folder.ts";
import { type TrainState, trainJob } from "./training.ts";
import type { Watch } from "../train/replay.ts";
import { type Progress, type Scores, type StopReason, unlearn } from "../unlearn/driver.ts";
import { land } from "../unlearn/landing.ts";
import { startMethod } from "../unlearn/methods/index.ts";

/** Training state between epochs; removed when training is done. */
const trainingFile = "training-state.safetensors";
/** Unlearning state between rounds; removed when the report is written. */
export const unlearningFile = "unlearning-state.safetensors";
/** Weights a round earlier, where the last round may be shortened. */
const previousFile = "unlearning-previous.safetensors";

/** Saves are this many milliseconds apart at least, so that short epochs stay short. */
const defaultSaveEveryMs = 15_000;

function prefixed(
  prefix: string,
  tensors: ReadonlyMap<string, { shape: readonly number[]; data: Float32Array }>,
): Tensors {
  return new Map([...tensors].map(([name, tensor]) => [`${prefix}/${name}`, tensor]));
}

function unprefixed(prefix: string, tensors: Tensors): Tensors {
  const mine = [...tensors].filter(([name]) => name.startsWith(`${prefix}/`));
  return new Map(mine.map(([name, tensor]) => [name.slice(prefix.length + 1), tensor]));
}

function requireModel(metadata: Readonly<Record<string, string>>, job: Job, path: string): void {
  const { name } = job.model.spec;
  if (metadata["model"] !== name) {
    throw new RunFolderError(
      `"${path}" holds model ${metadata["model"] ?? "(unnamed)"}, this run has ${name}.`,
    );
  }
}

/** Trains the job's model in a folder, or loads its checkpoint `result` if it is trained already. */
export async function trainInFolder(
  folder: RunFolder,
  job: Job,
  result: string,
  options: {
    watch?: Watch;
    onEpoch?: (line: object) => void;
    /** What else an epoch's line says, for example scores. */
    measure?: () => Promise<object>;
    /** The state is saved this many milliseconds after the last save at the earliest. */
    saveEveryMs?: number;
  } = {},
): Promise<void> {
  const { model } = job;
  const { saveEveryMs = defaultSaveEveryMs } = options;
  if (await loadTrained(folder, job, result)) return;
  const saved = await folder.readCheckpoint(trainingFile);
  let resume: TrainState | undefined;
  if (saved !== undefined) {
    requireModel(saved.metadata, job, folder.file(trainingFile));
    const moments = Number(saved.metadata["moments"]);
    resume = {
      epoch: Number(saved.metadata["epoch"]),
      tensors: unprefixed("model", saved.tensors),
      optimizer: {
        step: Number(saved.metadata["step"]),
        moments: Array.from({ length: moments }, (_, i) => {
          const moment = unprefixed(`moment${i + 1}`, saved.tensors);
          return new Map([...moment].map(([name, { data }]) => [name, data]));
        }),
      },
      snapshots: Array.from({ length: Number(saved.metadata["snapshots"] ?? 0) }, (_, k) => {
        const snapshot = unprefixed(`snapshot${k + 1}`, saved.tensors);
        return new Map([...snapshot].map(([name, { data }]) => [name, data]));
      }),
    };
  }
  const done = resume?.epoch ?? 0;
  await folder.keepMetrics((line) => line["phase"] !== "train" || Number(line["epoch"]) <= done);
  let lastSave = performance.now();
  await trainJob(job, {
    resume,
    ...(options.watch === undefined ? {} : { watch: options.watch }),
    async onEpoch(epoch, totals, save) {
      const { loss, accuracy } = totals;
      const line = { phase: "train", epoch, loss, accuracy, ...(await options.measure?.()) };
      await folder.log(line);
      options.onEpoch?.(line);
      if (performance.now() - lastSave < saveEveryMs || epoch === job.config.epochs) return;
      const state = await save();
      const shapes = new Map(model.slots.map((slot) => [slot.name, slot.shape]));
      const tensors = prefixed("model", state.tensors);
      for (const [prefix, list] of [
        ["moment", state.optimizer.moments],
        ["snapshot", state.snapshots],
      ] as const) {
        for (const [i, part] of list.entries()) {
          for (const [name, data] of part) {
            tensors.set(`${prefix}${i + 1}/${name}`, { shape: shapes.get(name)!, data });
          }
        }
      }
      await folder.writeCheckpoint(trainingFile, tensors, {
        model: model.spec.name,
        epoch: String(epoch),
        step: String(state.optimizer.step),
        moments: String(state.optimizer.moments.length),
        snapshots: String(state.snapshots.length),
      });
      lastSave = performance.now();
    },
  });
  await folder.writeCheckpoint(result, await model.save(), { model: model.spec.name });
  await folder.discard(trainingFile);
}

/** Loads a trained checkpoint of a folder into the job's model; false if there is none. */
export async function loadTrained(folder: RunFolder, job: Job, name: string): Promise<boolean> {
  const checkpoint = await folder.readCheckpoint(name);
  if (checkpoint === undefined) return false;
  requireModel(checkpoint.metadata, job, folder.file(name));
  job.model.load(checkpoint.tensors);
  return true;
}

/** What an unlearning run did. */
export interface UnlearnResult {
  /** Round 0 first; the end of a shortened round stands before that of the whole one. */
  readonly history: readonly Progress[];
  readonly reason: StopReason;
}

/** Unlearns from the job's model (which must hold the trained weights) in a folder, round by round. */
export async function unlearnInFolder(
  folder: RunFolder,
  job: Job,
  config: UnlearnConfig,
  options: {
    watch?: Watch;
    onRound?: (progress: Progress) => void;
    endOnDivergence?: boolean;
    /** Scores measured after each round; absent: all. Round 0 has all. */
    scores?: readonly (keyof Scores)[];
    /** Shorten the last round so that it ends at the unlearning accuracy asked for; see unlearn/landing.ts. */
    land?: boolean;
  } = {},
): Promise<UnlearnResult> {
  const { model } = job;
  const start = await model.save();
  const saved = await folder.readCheckpoint(unlearningFile);
  if (saved !== undefined) requireModel(saved.metadata, job, folder.file(unlearningFile));
  const done = saved === undefined ? -1 : Number(saved.metadata["round"]);
  await folder.keepMetrics((line) => line["phase"] !== "unlearn" || Number(line["round"]) <= done);
  const rounds = (await folder.metrics())
    .filter((line) => line["phase"] === "unlearn")
    .map((line) => {
      const { round, steps, seconds, scores } = line as unknown as Progress;
      return { round, steps, seconds, scores };
    });
  const report = async (progress: Progress): Promise<void> => {
    await folder.log({ phase: "unlearn", ...progress });
    options.onRound?.(progress);
  };
  if (rounds.length === 0) {
    // Measured before the method starts: retraining throws the weights away at once.
    const first = { round: 0, steps: 0, seconds: 0, scores: await job.evaluate(options.watch) };
    await report(first);
    rounds.push(first);
  } else {
    rounds.forEach((round) => options.onRound?.(round));
  }
  // Weights after the last round and before it.
  let after = saved === undefined ? start : unprefixed("model", saved.tensors);
  const previous = done > 0 ? await folder.readCheckpoint(previousFile) : undefined;
  let before = previous === undefined ? start : unprefixed("model", previous.tensors);
  let preparation = 0;
  const session = await startMethod(config.method, job.request(config.seed), config.settings, {
    ...options.watch,
    addSeconds: (seconds) => (preparation += seconds),
  });
  if (saved !== undefined) {
    model.load(unprefixed("model", saved.tensors));
    session.load({
      round: Number(saved.metadata["round"]),
      steps: Number(saved.metadata["steps"]),
      optimizerStep: Number(saved.metadata["optimizerStep"]),
      tensors: unprefixed("optimizer", saved.tensors),
    });
  }
  const { history, reason } = await unlearn(session, {
    stop: config,
    evaluate: () => job.evaluate({}, options.scores),
    endOnDivergence: options.endOnDivergence,
    preparation,
    resume: rounds,
    ...(options.watch === undefined ? {} : { watch: options.watch }),
    async onRound(progress) {
      await report(progress);
      const state = await session.save();
      [before, after] = [after, await model.save()];
      if (options.land === true) {
        await folder.writeCheckpoint(previousFile, prefixed("model", before), {
          model: model.spec.name,
        });
      }
      const tensors = new Map([
        ...prefixed("model", after),
        ...prefixed("optimizer", state.tensors),
      ]);
      await folder.writeCheckpoint(unlearningFile, tensors, {
        model: model.spec.name,
        round: String(state.round),
        steps: String(state.steps),
        optimizerStep: String(state.optimizerStep),
      });
    },
  });
  session.destroy();
  // The last weights that could be measured, or those before the first round.
  if (reason === "diverged") model.load(after);
  const last = history.at(-1)!;
  if (options.land === true && reason === "unlearning accuracy" && last.round > 0) {
    const target = config.unlearningAccuracy!;
    const share = await land(model, before, after, async () => {
      const { forgetAccuracy } = await job.evaluate({}, []);
      return 100 - forgetAccuracy >= target;
    });
    const landed = { ...last, round: last.round - 1 + share };
    // Before the round's own end: curves are read along their rounds.
    history.splice(-1, 0, { ...landed, scores: await job.evaluate({}, options.scores) });
  }
  await folder.discard(previousFile);
  await folder.writeCheckpoint("checkpoint.safetensors", await model.save(), {
    model: model.spec.name,
  });
  return { history, reason };
}

/**
 * Which weights a run that names no predictor gets: the shipped ones change from version to version, and results of
 * one must not be taken for those of another.
 */
export async function shippedIn({
  method,
  settings,
}: UnlearnConfig): Promise<{ readonly shippedPredictor?: string }> {
  const ours = (method === "rewind" || method === "random-rewind") && !("predictor" in settings);
  return ours ? { shippedPredictor: await shippedDigest() } : {};
}

/** Configuration of a demo: training, then unlearning. */
export interface DemoConfig {
  readonly train: TrainConfig;
  readonly unlearn: UnlearnConfig;
}
