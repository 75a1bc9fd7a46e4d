/**
 * Unlearning in a folder, round by round: checkpoints on the way, and resuming from them.
 *
 * A run that was killed anywhere continues, with the same command, from its last checkpoint and ends
 * with the same bits on the same adapter.
 */
import { scoreOf } from "../metrics/metric.ts";
import type { Tensors } from "../nn/model.ts";
import { shippedDigest } from "../predictors/shipped.ts";
import type { RunFolder } from "../report/run-folder.ts";
import type { Watch } from "../train/replay.ts";
import { type Progress, type StopReason, unlearn } from "../unlearn/driver.ts";
import { shortenRound } from "../unlearn/shorten-round.ts";
import type { SessionState } from "../unlearn/method.ts";
import { hasSetting, startMethod } from "../unlearn/methods/index.ts";
import { prefixed, requireModel, unprefixed, writeWhole } from "./checkpoints.ts";
import type { SetupConfig, UnlearnConfig } from "./config.ts";
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

/** Settings of {@link unlearnInFolder}. */
export interface UnlearnOptions {
  readonly watch?: Watch;
  readonly onRound?: (progress: Progress) => void;
  readonly endOnDivergence?: boolean;
  /** Scores measured after each round; absent: all. Round 0 has all. */
  readonly scores?: readonly string[];
  /** Shorten the last round so that it ends at the unlearning accuracy asked for; see unlearn/shorten-round.ts. */
  readonly shortenLast?: boolean;
}

/** Unlearns from the job's model (which must hold the trained weights) in a folder, round by round. */
export async function unlearnInFolder(
  folder: RunFolder,
  job: Job<SetupConfig>,
  config: UnlearnConfig,
  options: UnlearnOptions = {},
): Promise<UnlearnResult> {
  const { model } = job;
  const { watch = {}, scores, shortenLast = false } = options;
  const start = await model.save();
  const saved = await savedRound(folder, job);
  const rounds = await keptRounds(folder, saved?.state.round ?? -1);
  const report = async (progress: Progress): Promise<void> => {
    await folder.log({ phase: "unlearn", ...progress });
    options.onRound?.(progress);
  };
  if (rounds.length === 0) {
    // Measured before the method starts: retraining throws the weights away at once.
    const first = {
      round: 0,
      steps: 0,
      seconds: 0,
      scores: await job.evaluate({ signal: watch.signal }),
    };
    await report(first);
    rounds.push(first);
  } else {
    rounds.forEach((round) => options.onRound?.(round));
  }
  // Weights after the last round and before it.
  let after = saved?.model ?? start;
  let before = saved?.previous ?? start;
  let preparation = 0;
  // Progress is that of the rounds.
  const session = await startMethod(config.method, job.request(config.seed), config.settings, {
    signal: watch.signal,
    addSeconds: (seconds) => (preparation += seconds),
  });
  let result: Awaited<ReturnType<typeof unlearn>>;
  try {
    if (saved !== undefined) {
      model.load(saved.model);
      session.load(saved.state);
    }
    result = await unlearn(session, {
      stop: config,
      evaluate: () => job.evaluate({}, scores),
      endOnDivergence: options.endOnDivergence,
      preparation,
      resume: rounds,
      watch,
      async onRound(progress) {
        await report(progress);
        const state = await session.save();
        [before, after] = [after, await model.save()];
        await saveRound(folder, job, state, after, shortenLast ? before : undefined);
      },
    });
  } finally {
    session.destroy();
  }
  const { history, reason } = result;
  // The last weights that could be measured, or those before the first round.
  if (reason === "diverged") model.load(after);
  const last = history.at(-1)!;
  if (shortenLast && reason === "unlearning accuracy" && last.round > 0) {
    const target = config.unlearningAccuracy!;
    const share = await shortenRound(model, before, after, async () => {
      const measured = await job.evaluate({}, []);
      return 100 - scoreOf(measured, "forgetAccuracy") >= target;
    });
    const shortened = { ...last, round: last.round - 1 + share };
    // Before the round's own end: curves are read along their rounds.
    history.splice(-1, 0, { ...shortened, scores: await job.evaluate({}, scores) });
  }
  await folder.discard(previousFile);
  await writeWhole(folder, "checkpoint.safetensors", job);
  return { history, reason };
}

/** What an interrupted run had saved after its last round. */
interface SavedRound {
  readonly state: SessionState;
  readonly model: Tensors;
  /** Weights a round earlier, where they were kept. */
  readonly previous: Tensors | undefined;
}

/** Reads what {@link saveRound} wrote. */
async function savedRound(
  folder: RunFolder,
  job: Job<SetupConfig>,
): Promise<SavedRound | undefined> {
  const saved = await folder.readCheckpoint(unlearningFile);
  if (saved === undefined) return undefined;
  const { metadata, tensors } = saved;
  requireModel(metadata, job, folder.file(unlearningFile));
  const state = {
    round: Number(metadata["round"]),
    steps: Number(metadata["steps"]),
    optimizerStep: Number(metadata["optimizerStep"]),
    tensors: unprefixed("optimizer", tensors),
  };
  const earlier = state.round > 0 ? await folder.readCheckpoint(previousFile) : undefined;
  return {
    state,
    model: unprefixed("model", tensors),
    previous: earlier && unprefixed("model", earlier.tensors),
  };
}

/** Saves a round's end, with the weights before it where the last round may be shortened. */
async function saveRound(
  folder: RunFolder,
  { model: { spec } }: Job<SetupConfig>,
  { round, steps, optimizerStep, tensors: optimizer }: SessionState,
  after: Tensors,
  before: Tensors | undefined,
): Promise<void> {
  if (before !== undefined) {
    await folder.writeCheckpoint(previousFile, prefixed("model", before), { model: spec.name });
  }
  const tensors = new Map([...prefixed("model", after), ...prefixed("optimizer", optimizer)]);
  await folder.writeCheckpoint(unlearningFile, tensors, {
    model: spec.name,
    round: String(round),
    steps: String(steps),
    optimizerStep: String(optimizerStep),
  });
}

/** The rounds of the log up to one, round 0 first; later ones are struck out, they are run again. */
async function keptRounds(folder: RunFolder, last: number): Promise<Progress[]> {
  await folder.keepMetrics((line) => line["phase"] !== "unlearn" || Number(line["round"]) <= last);
  const lines = await folder.metrics();
  return lines
    .filter((line) => line["phase"] === "unlearn")
    .map((line) => {
      const { round, steps, seconds, scores } = line as unknown as Progress;
      return { round, steps, seconds, scores };
    });
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
