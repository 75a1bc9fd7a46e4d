/** Reading the number of an experiment off a run's curve. */
import type { Progress } from "../unlearn/driver.ts";
import type { ExperimentName } from "./plan.ts";

/** A point of a curve. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

/**
 * The value of y where a curve first reaches a value of x, going along it; linear between points.
 *
 * @returns undefined if it never does.
 */
export function whereReached(
  points: readonly Point[],
  target: number,
  direction: "falling" | "rising",
): number | undefined {
  const past = (x: number): boolean => (direction === "falling" ? x <= target : x >= target);
  const at = points.findIndex(({ x }) => past(x));
  if (at < 0) return undefined;
  const here = points[at]!;
  const before = points[at - 1];
  if (before === undefined || here.x === before.x) return here.y;
  const share = (target - before.x) / (here.x - before.x);
  return before.y + share * (here.y - before.y);
}

/** What a run of an experiment is measured against, where there is something. */
export interface Reference {
  /** Unlearning accuracy of the retrained network, %. */
  readonly retrainedUa?: number | undefined;
}

/** The statistic of {@link ExperimentName}; undefined where the curve does not get that far. */
export function statisticOf(
  name: ExperimentName,
  history: readonly Progress[],
  { retrainedUa }: Reference = {},
): number | undefined {
  const [first] = history;
  if (first === undefined) return undefined;
  const best = (
    holds: (scores: Progress["scores"]) => boolean,
    value: (scores: Progress["scores"]) => number,
  ): number | undefined => {
    const values = history.filter(({ scores }) => holds(scores)).map(({ scores }) => value(scores));
    return values.length === 0 ? undefined : values.reduce((a, b) => Math.max(a, b));
  };
  const start = first.scores;
  switch (name) {
    case "standard":
      return retrainedUa === undefined
        ? undefined
        : whereReached(
            history.map(({ scores }) => ({ x: scores.forgetAccuracy!, y: scores.testAccuracy! })),
            100 - retrainedUa,
            "falling",
          );
    case "label-noise": {
      const top = best(
        ({ forgetAccuracy }) => forgetAccuracy! <= start.forgetAccuracy! / 2,
        ({ testAccuracy }) => testAccuracy!,
      );
      return top === undefined ? undefined : top - start.testAccuracy!;
    }
    case "backdoor":
      return whereReached(
        history.map(({ scores }) => ({ x: scores.forgetAccuracy!, y: scores.forgetTrueAccuracy! })),
        10,
        "falling",
      );
    case "overfit": {
      const low = best(
        ({ forgetLoss }) => forgetLoss! >= 0.1 && forgetLoss! <= 1.5,
        ({ testLoss }) => -testLoss!,
      );
      return low === undefined ? undefined : -low - start.testLoss!;
    }
    default:
      throw new Error(`no statistic for experiment "${name as string}".`);
  }
}
