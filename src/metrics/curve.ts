/** Reading numbers off the curve of a run. */

import { requireGiven } from "../checked.ts";

/** A point of a curve. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

/**
 * The value of y where a curve first reaches a value of x, going along it; linear between points.
 *
 * @returns undefined if it never does.
 * @throws UsageError for what are no points.
 */
export function whereReached(
  points: readonly Point[],
  target: number,
  direction: "falling" | "rising",
): number | undefined {
  requireGiven(Array.isArray(points), "whereReached: points", "an array of points", points);
  const past = (x: number): boolean => (direction === "falling" ? x <= target : x >= target);
  const at = points.findIndex(({ x }) => past(x));
  if (at < 0) return undefined;
  const here = points[at]!;
  const before = points[at - 1];
  if (before === undefined || here.x === before.x) return here.y;
  const share = (target - before.x) / (here.x - before.x);
  return before.y + share * (here.y - before.y);
}
