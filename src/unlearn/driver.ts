/** Runs a method round by round until a stop rule holds. */
import { DivergedError, UsageError } from "../errors.ts";
import { scoreOf, type Scores } from "../metrics/metric.ts";
import type { Watch } from "../train/replay.ts";
import type { Round, UnlearnSession } from "./method.ts";

/** When to stop; the first rule that holds ends the run. */
export interface StopRules {
  readonly rounds: number;
  /** Unlearning accuracy (100 - accuracy on D_f) to reach, in %. */
  readonly unlearningAccuracy?: number | undefined;
  /** Share of the first accuracy on D_f to fall to: 0.5 stops where it has halved. */
  readonly forgetShare?: number | undefined;
  /**
   * Fall on D_f to the accuracy that the untouched model has on the test images, as on images that it never saw; for D_f
   * whose labels are right.
   */
  readonly unseen?: boolean | undefined;
  /** Cross-entropy on D_f to reach, in nats. */
  readonly forgetLoss?: number | undefined;
  /** Test accuracy below which nothing is left worth going on for, in %. */
  readonly testFloor?: number | undefined;
  readonly seconds?: number | undefined;
  /**
   * End on the level of forgetting that was asked for: of the round that first reaches the unlearning accuracy, the share, the
   * accuracy of unseen images or the cross-entropy, the part that it takes to get there is kept. Default: whole rounds.
   */
  readonly land?: boolean | undefined;
}

/** Levels of forgetting among the reasons. */
type Level = Extract<
  StopReason,
  "unlearning accuracy" | "forget share" | "as unseen" | "forget loss"
>;

/**
 * State of a run after some round; round 0 is the untouched model. Of a round of which a part is kept (`land`), `round` says
 * which, and steps and seconds are those of the whole round, which had to be made.
 */
export interface Progress {
  readonly round: number;
  readonly steps: number;
  /** Seconds of unlearning with what passes over data it takes first; evaluation and compiling not counted. */
  readonly seconds: number;
  readonly scores: Scores;
}

/** Why a run ended. */
export type StopReason =
  | "rounds"
  | "unlearning accuracy"
  | "forget share"
  | "as unseen"
  | "forget loss"
  | "test floor"
  | "seconds"
  | "diverged";

/** What the driver needs of its surroundings. */
export interface DriverOptions {
  readonly stop: StopRules;
  readonly evaluate: () => Promise<Scores>;
  /** Called after each round with scores, before the stop rules are tested: logs and checkpoints. */
  readonly onRound?: ((progress: Progress) => Promise<void>) | undefined;
  readonly watch?: Watch;
  /** End with the reason "diverged" where weights became NaN, instead of throwing. */
  readonly endOnDivergence?: boolean | undefined;
  /** Seconds of passes over data before the first round, which its time includes. */
  readonly preparation?: number;
  /** Rounds a resumed run has behind it, round 0 first. */
  readonly resume?: readonly Progress[] | undefined;
}

const accuracyIn = (of: Scores): number => scoreOf(of, "forgetAccuracy");

/** Whether scores are at a level that was asked for, or past it; `start`: those of the untouched model. */
const levels: Readonly<Record<Level, (scores: Scores, start: Scores, stop: StopRules) => boolean>> =
  {
    "unlearning accuracy": (scores, _, { unlearningAccuracy }) =>
      unlearningAccuracy !== undefined && 100 - accuracyIn(scores) >= unlearningAccuracy,
    "forget share": (scores, start, { forgetShare }) =>
      forgetShare !== undefined && accuracyIn(scores) <= forgetShare * accuracyIn(start),
    "as unseen": (scores, { testAccuracy }, { unseen }) =>
      unseen === true && testAccuracy !== undefined && accuracyIn(scores) <= testAccuracy,
    "forget loss": (scores, _, { forgetLoss }) =>
      forgetLoss !== undefined && scoreOf(scores, "forgetLoss") >= forgetLoss,
  };

/**
 * Whether scores are at the level that ended a run, or past it; undefined where it ended for another reason, or before its
 * first round.
 */
export function levelReached(
  history: readonly Progress[],
  reason: StopReason,
  stop: StopRules,
): ((scores: Scores) => boolean) | undefined {
  if (!(reason in levels) || history.at(-1)!.round === 0) return undefined;
  return (scores) => levels[reason as Level](scores, history[0]!.scores, stop);
}

/** Whether the last round of a history got to a level that was asked for: with `land` a part of it is kept. */
export function landsIn(history: readonly Progress[], stop: StopRules): boolean {
  const reason = stopReason(history, stop);
  return (
    stop.land === true && reason !== undefined && levelReached(history, reason, stop) !== undefined
  );
}

/**
 * Why a run cannot end at or on a level, if it is to and cannot. A network begun anew knows nothing of D_f at first: any
 * level would end its training, and between trained weights and its own there is nothing to keep. A run ends on one level.
 */
export function cannotEnd(
  stop: StopRules,
  { reference }: { readonly reference?: boolean | undefined },
): "no level" | "several levels" | "begins anew" | undefined {
  const { land = false, testFloor } = stop;
  const levels = levelsOf(stop);
  if (reference === true) {
    return land || levels > 0 || testFloor !== undefined ? "begins anew" : undefined;
  }
  if (!land || levels === 1) return undefined;
  return levels === 0 ? "no level" : "several levels";
}

/** How many levels of forgetting end a run, besides its rounds. */
function levelsOf({
  unlearningAccuracy,
  forgetShare,
  unseen,
  forgetLoss,
}: Partial<StopRules>): number {
  const asked = [unlearningAccuracy, forgetShare, unseen === true || undefined, forgetLoss];
  return asked.filter((level) => level !== undefined).length;
}

/** The rules that are left where no level ends a run. */
export function withoutLevels(stop: StopRules): StopRules {
  const none = { unlearningAccuracy: undefined, forgetShare: undefined };
  return { ...stop, ...none, unseen: undefined, forgetLoss: undefined };
}

/** Whether a run ends at a level of forgetting, besides its rounds. */
export function hasLevel(stop: Partial<StopRules>): boolean {
  return levelsOf(stop) > 0;
}

/** Whether a run ended before it got to a level that was asked for. */
export function fellShort(reason: StopReason, stop: StopRules): boolean {
  return hasLevel(stop) && !(reason in levels);
}

/** The rule that reads the test accuracy, if one does. */
export function readsTest({
  testFloor,
  unseen,
}: Pick<StopRules, "testFloor" | "unseen">): "testFloor" | "unseen" | undefined {
  if (testFloor !== undefined) return "testFloor";
  return unseen === true ? "unseen" : undefined;
}

/** Which rule holds at the end of a history (round 0 first), if any. */
export function stopReason(history: readonly Progress[], stop: StopRules): StopReason | undefined {
  const { scores, round, seconds } = history.at(-1)!;
  const start = history[0]!.scores;
  for (const level of Object.keys(levels) as Level[]) {
    if (levels[level](scores, start, stop)) return level;
  }
  const { testFloor } = stop;
  const { testAccuracy } = scores;
  if (testFloor !== undefined && testAccuracy !== undefined && testAccuracy < testFloor) {
    return "test floor";
  }
  if (round >= stop.rounds) return "rounds";
  if (stop.seconds !== undefined && seconds >= stop.seconds) return "seconds";
  return undefined;
}

/** @throws DivergedError naming the score: no stop rule can hold for NaN. */
function requireFinite(scores: Scores, round: number): void {
  for (const [name, value] of Object.entries(scores)) {
    if (Number.isFinite(value)) continue;
    throw new DivergedError(
      `unlearn: after round ${round} ${name} is NaN or infinite; lower the learning rate or stop earlier.`,
    );
  }
}

/** Runs rounds until a stop rule holds; returns the history, round 0 first. */
export async function unlearn(
  session: UnlearnSession,
  options: DriverOptions,
): Promise<{ history: Progress[]; reason: StopReason }> {
  const { stop, evaluate, onRound, watch = {}, preparation = 0 } = options;
  if (!(stop.rounds >= 1))
    throw new UsageError(`unlearn: at least one round is needed, got ${stop.rounds}.`);
  const history: Progress[] = [...(options.resume ?? [])];
  if (history.length === 0) {
    history.push({ round: 0, steps: 0, seconds: 0, scores: await evaluate() });
  }
  for (;;) {
    const reason = stopReason(history, stop);
    if (reason !== undefined) return { history, reason };
    const start = performance.now();
    let done: Round;
    let scores: Scores;
    let seconds: number;
    try {
      watch.phase?.("steps");
      done = await session.round(watch);
      const last = history.at(-1)!;
      const before = last.round === 0 ? preparation : last.seconds;
      seconds = before + (performance.now() - start) / 1000;
      scores = await evaluate();
      requireFinite(scores, done.round);
    } catch (cause) {
      if (options.endOnDivergence === true && cause instanceof DivergedError) {
        return { history, reason: "diverged" };
      }
      throw cause;
    }
    const progress = { round: done.round, steps: done.steps, seconds, scores };
    history.push(progress);
    await onRound?.(progress);
  }
}
