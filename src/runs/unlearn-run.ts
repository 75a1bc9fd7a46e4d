/**
 * Unlearning in a folder, round by round: checkpoints on the way, and resuming from them.
 *
 * A run that was killed anywhere continues, with the same command, from its last checkpoint and ends
 * with the same bits on the same adapter.
 */
import { z } from "zod";
import { prefixed, unprefixed, wholeText } from "../io/state-parts.ts";
import type { Scores } from "../metrics/metric.ts";
import type { Tensors } from "../nn/model.ts";
import { shippedDigest } from "../predictors/shipped.ts";
import type { RunFolder } from "../report/run-folder.ts";
import type { Watch } from "../train/replay.ts";
import {
  levelReached,
  type Progress,
  type StopReason,
  type StopRules,
  unlearn,
  withoutLevels,
} from "../unlearn/driver.ts";
import { packRound, type RoundState, sessionFields, unpackRound } from "../unlearn/round-state.ts";
import { landOn } from "../unlearn/shorten-round.ts";
import type { SessionState } from "../unlearn/method.ts";
import { hasSetting, startMethod } from "../unlearn/methods/index.ts";
import { checkedFile } from "./checked-file.ts";
import { writeWhole } from "./checkpoints.ts";
import { keepRound } from "./kept-rounds.ts";
import { computedIn, putBack, readState, type SavedState } from "./saved-state.ts";
import type { SetupConfig, UnlearnConfig } from "./config.ts";
import type { Job } from "./job.ts";
import { roundSchema } from "./written.ts";

/** Unlearning state between rounds; removed when the report is written. */
export const unlearningFile = "unlearning-state.safetensors";
/** Weights a round earlier, where the last round may be shortened. */
const previousFile = "unlearning-previous.safetensors";

/** What an unlearning run did. */
export interface UnlearnResult {
  /**
   * Round 0 first; where a round was shortened or landed stands before its own end, with a fraction for its number, or in its
   * place where the run was to end there (`land`).
   */
  readonly history: readonly Progress[];
  readonly reason: StopReason;
  /** Seconds of unlearning that an interrupted run had behind it. */
  readonly secondsBefore: number;
}

/** Settings of {@link unlearnInFolder}. */
export interface UnlearnOptions {
  readonly watch?: Watch;
  /** Called after each round; in a run that goes on first for the rounds that it has behind it. */
  readonly onRound?: (progress: Progress) => unknown;
  readonly endOnDivergence?: boolean;
  /** Scores measured after each round; absent: all. Round 0 has all. */
  readonly scores?: readonly string[];
  /**
   * Shorten the last round so that it ends at the level asked for, as `land` does, but keep the round's own end in the
   * history; see unlearn/shorten-round.ts.
   */
  readonly shortenLast?: boolean;
  /**
   * A level of forgetting: the round that first gets there is also measured where it does, and goes on from its end. Levels
   * that are to end the run do so no earlier.
   */
  readonly landing?: Landing | undefined;
}

/** A level of forgetting that a round may reach before its end. */
export interface Landing {
  /** Whether scores are at the level or past it; both measure D_f. `start`: those of the untouched network. */
  reached(scores: Scores, start: Scores): boolean;
}

/** Unlearns from the job's model (which must hold the trained weights) in a folder, round by round. */
export async function unlearnInFolder(
  folder: RunFolder,
  job: Job<SetupConfig>,
  config: UnlearnConfig,
  options: UnlearnOptions = {},
): Promise<UnlearnResult> {
  const { model } = job;
  const { watch = {}, scores, shortenLast = false, landing } = options;
  const shortens = shortenLast || config.land === true;
  const { phase, progress: told } = watch;
  // A round that is done is measured to its end.
  const measuring: Watch = { phase, progress: told };
  const start = await model.save();
  const saved = await savedRound(folder, job, config);
  const logged = await keptRounds(folder, saved?.session.round ?? -1);
  const rounds = logged.filter(({ round }) => Number.isInteger(round));
  let landed = logged.find(({ round }) => !Number.isInteger(round));
  if (saved !== undefined && rounds.length !== saved.session.round + 1) {
    saved.refuse(
      `metrics.jsonl has ${rounds.length} of the ${saved.session.round + 1} rounds it has behind it, round 0 among them`,
    );
  }
  const report = async (progress: Progress): Promise<void> => {
    await folder.log({ phase: "unlearn", ...progress });
    await options.onRound?.(progress);
  };
  const secondsBefore = rounds.at(-1)?.seconds ?? 0;
  if (rounds.length === 0) {
    // Measured before the method starts: retraining throws the weights away at once.
    const first = {
      round: 0,
      steps: 0,
      seconds: 0,
      scores: await job.evaluate({ ...measuring, signal: watch.signal }),
    };
    await report(first);
    rounds.push(first);
  } else {
    for (const round of rounds) await options.onRound?.(round);
  }
  const isPast = (own: Scores): boolean => landing!.reached(own, rounds[0]!.scores);
  /** Whether the level is still to be reached. */
  let isOpen = landing !== undefined && !rounds.some((one) => isPast(one.scores));
  const stop: StopRules = isOpen ? withoutLevels(config) : { ...config };
  const evaluate = (only = scores): Promise<Scores> => job.evaluate(measuring, only);
  // Weights after the last round and before it.
  let after = saved?.model ?? start;
  let before = saved?.previous ?? start;
  let preparation = 0;
  phase?.("preparing");
  const session = await startMethod(config.method, job.request(config.seed), config.settings, {
    ...measuring,
    signal: watch.signal,
    addSeconds: (seconds) => (preparation += seconds),
  });
  let result: Awaited<ReturnType<typeof unlearn>>;
  try {
    if (saved !== undefined) {
      putBack(saved, () => {
        model.load(saved.model);
        session.load(saved.session);
      });
    }
    result = await unlearn(session, {
      stop,
      evaluate: () => evaluate(),
      endOnDivergence: options.endOnDivergence,
      preparation,
      resume: rounds,
      watch,
      async onRound(progress) {
        const end = await model.save();
        if (isOpen && isPast(progress.scores)) {
          isOpen = false;
          Object.assign(stop, config);
          const there = await landOn(model, [after, end], progress, evaluate, isPast);
          model.load(end);
          if (there.round < progress.round) {
            landed = there;
            await folder.log({ phase: "unlearn", ...landed });
          }
        }
        await report(progress);
        const state = await session.save();
        [before, after] = [after, end];
        if (config.keepRounds !== undefined) {
          const { round } = progress;
          await keepRound(folder, job, session, round, config.keepRounds, before, after);
        }
        await saveRound(folder, job, state, after, shortens ? before : undefined);
      },
    });
  } finally {
    session.destroy();
  }
  const { history, reason } = result;
  // The last weights that could be measured, or those before the first round.
  if (reason === "diverged") model.load(after);
  const last = history.at(-1)!;
  const reached = levelReached(history, reason, config);
  if (shortens && reached !== undefined) {
    const shortened = await landOn(model, [before, after], last, evaluate, reached);
    // Before the round's own end, where that is kept: curves are read along their rounds.
    history.splice(-1, config.land === true ? 1 : 0, shortened);
  }
  if (landed !== undefined) {
    const at = landed.round;
    history.splice(
      history.findIndex(({ round }) => round > at),
      0,
      landed,
    );
  }
  await writeWhole(folder, "checkpoint.safetensors", job);
  return { history, reason, secondsBefore };
}

/** Removes the states of an unlearning; call it when its result is written. */
export async function discardRounds(folder: RunFolder): Promise<void> {
  await folder.discard(unlearningFile);
  await folder.discard(previousFile);
}

/** What an interrupted run had saved after its last round. */
interface SavedRound extends RoundState, Pick<SavedState<unknown>, "refuse"> {
  /** Weights a round earlier, where they were kept. */
  readonly previous: Tensors | undefined;
}

/** Reads what {@link saveRound} wrote. */
async function savedRound(
  folder: RunFolder,
  job: Job<SetupConfig>,
  { rounds }: UnlearnConfig,
): Promise<SavedRound | undefined> {
  const fields = z.object({
    ...sessionFields,
    round: sessionFields.round.pipe(z.number().max(rounds)),
  });
  const saved = await readState(folder, unlearningFile, job, fields);
  if (saved === undefined) return undefined;
  const { tensors, refuse } = saved;
  const earlier = await readState(folder, previousFile, job, z.object({ round: wholeText }));
  // Written just before the round's own state: after an interruption between the two it is a round ahead.
  const { round } = saved.fields;
  const previous = earlier?.fields.round === round - 1 ? earlier : undefined;
  return {
    ...unpackRound(tensors, saved.fields),
    previous: previous && unprefixed("model", previous.tensors),
    refuse,
  };
}

/** Saves a round's end, with the weights before it where the last round may be shortened. */
async function saveRound(
  folder: RunFolder,
  { model: { gpu, spec } }: Job<SetupConfig>,
  session: SessionState,
  after: Tensors,
  before: Tensors | undefined,
): Promise<void> {
  if (before !== undefined) {
    const round = String(session.round - 1);
    const metadata = { model: spec.name, round, ...computedIn(gpu) };
    await folder.writeCheckpoint(previousFile, prefixed("model", before), metadata);
  }
  const { tensors, metadata } = packRound({ model: after, session }, spec.name);
  await folder.writeCheckpoint(unlearningFile, tensors, { ...metadata, ...computedIn(gpu) });
}

/** The rounds of the log up to one, round 0 first; later ones are struck out, they are run again. */
async function keptRounds(folder: RunFolder, last: number): Promise<Progress[]> {
  await folder.keepMetrics((line) => line["phase"] !== "unlearn" || Number(line["round"]) <= last);
  const file = folder.file("metrics.jsonl");
  const lines = await folder.metrics();
  return lines
    .filter((line) => line["phase"] === "unlearn")
    .map((line) => {
      const { round, steps, seconds, scores } = checkedFile(roundSchema, line, file);
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
