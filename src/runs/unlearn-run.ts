/**
 * Unlearning in a folder, round by round: checkpoints on the way, and resuming from them.
 *
 * A run that was killed anywhere continues, with the same command, from its last checkpoint and ends
 * with the same bits on the same adapter.
 */
import { scoreOf } from "../metrics/metric.ts";
import { shippedDigest } from "../predictors/shipped.ts";
import type { RunFolder } from "../report/run-folder.ts";
import type { Watch } from "../train/replay.ts";
import { type Progress, type StopReason, unlearn } from "../unlearn/driver.ts";
import { land } from "../unlearn/landing.ts";
import { hasSetting, startMethod } from "../unlearn/methods/index.ts";
import { prefixed, requireModel, unprefixed } from "./checkpoints.ts";
import type { UnlearnConfig } from "./config.ts";
import type { Job } from "./job.ts";

/** Unlearning state between rounds; removed when the report is written. */
export const unlearningFile = "unlearning-state.safetensors";
/** Weights a round earlier, where the last round may be shortened. */
const previousFile = "unlearning-previous.safetensors";

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
    scores?: readonly string[];
    /** Shorten the last round so that it ends at the unlearning accuracy asked for; see unlearn/landing.ts. */
    shortenLast?: boolean;
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
      if (options.shortenLast === true) {
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
  if (options.shortenLast === true && reason === "unlearning accuracy" && last.round > 0) {
    const target = config.unlearningAccuracy!;
    const share = await land(model, before, after, async () => {
      const scores = await job.evaluate({}, []);
      return 100 - scoreOf(scores, "forgetAccuracy") >= target;
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
  const ours = hasSetting(method, "predictor") && !("predictor" in settings);
  return ours ? { shippedPredictor: await shippedDigest() } : {};
}
