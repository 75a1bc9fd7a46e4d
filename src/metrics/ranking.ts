/** How well one number tells two groups apart. */
import { UsageError } from "../errors.ts";

/** Where the values of two groups stand among each other. */
export interface Placements {
  /** For each positive, how many negatives lie below it, ties counting half. */
  readonly positive: Float64Array;
  /** For each negative, how many positives lie above it, ties counting half. */
  readonly negative: Float64Array;
}

/** Counts for each value how many of the other group it is on the right side of. */
export function placements(positive: ArrayLike<number>, negative: ArrayLike<number>): Placements {
  const of = (values: ArrayLike<number>, group: keyof Placements) =>
    Array.from(values, (value, at) => ({ value, group, at }));
  const all = [...of(positive, "positive"), ...of(negative, "negative")].sort(
    (a, b) => a.value - b.value,
  );
  const counts = {
    positive: new Float64Array(positive.length),
    negative: new Float64Array(negative.length),
  };
  const below = { positive: 0, negative: 0 };
  for (let i = 0; i < all.length;) {
    const equal = { positive: 0, negative: 0 };
    let end = i;
    for (; end < all.length && all[end]!.value === all[i]!.value; end++) equal[all[end]!.group]++;
    for (; i < end; i++) {
      const { group, at } = all[i]!;
      counts[group][at] =
        group === "positive"
          ? below.negative + equal.negative / 2
          : positive.length - below.positive - equal.positive / 2;
    }
    below.positive += equal.positive;
    below.negative += equal.negative;
  }
  return counts;
}

/** Area under the ROC curve: the chance that a positive ranks above a negative, ties counting half. */
export function auc(positive: ArrayLike<number>, negative: ArrayLike<number>): number {
  const [p, n] = [positive.length, negative.length];
  if (p === 0 || n === 0) throw new UsageError(`AUC needs both groups, got ${p} and ${n} samples.`);
  const above = placements(positive, negative).positive.reduce((sum, count) => sum + count, 0);
  return above / (p * n);
}

/** Standard error of an AUC of samples that are all independent (Hanley and McNeil, 1982). */
export function aucError(value: number, positives: number, negatives: number): number {
  const q1 = value / (2 - value);
  const q2 = (2 * value * value) / (1 + value);
  const variance =
    value * (1 - value) +
    (positives - 1) * (q1 - value * value) +
    (negatives - 1) * (q2 - value * value);
  return Math.sqrt(Math.max(0, variance) / (positives * negatives));
}

/** Best balanced accuracy in % of "positive where the value is at least t", over all thresholds t. */
export function bestThreshold(
  positive: ArrayLike<number>,
  negative: ArrayLike<number>,
): { threshold: number; balancedAccuracy: number } {
  const [p, n] = [positive.length, negative.length];
  if (p === 0 || n === 0) throw new UsageError(`a threshold needs both groups, got ${p} and ${n}.`);
  const all = [
    ...Array.from(positive, (value) => ({ value, group: 1 })),
    ...Array.from(negative, (value) => ({ value, group: 0 })),
  ].sort((a, b) => b.value - a.value);
  let best = { threshold: Infinity, balancedAccuracy: 50 };
  let [tp, fp] = [0, 0];
  for (let i = 0; i < all.length;) {
    const { value } = all[i]!;
    for (; i < all.length && all[i]!.value === value; i++) {
      if (all[i]!.group === 1) tp++;
      else fp++;
    }
    const balancedAccuracy = 50 * (tp / p + 1 - fp / n);
    if (balancedAccuracy > best.balancedAccuracy) best = { threshold: value, balancedAccuracy };
  }
  return best;
}

/** True-positive rate in % at a false-positive rate of at most `rate` (a share). */
export function tprAtFpr(
  positive: ArrayLike<number>,
  negative: ArrayLike<number>,
  rate: number,
): number {
  const sorted = Float64Array.from(negative).sort().reverse();
  const allowed = Math.floor(rate * sorted.length);
  // Above the first negative that would be one too many.
  const threshold = sorted[allowed] ?? -Infinity;
  const found = Array.from(positive).filter((value) => value > threshold).length;
  return (100 * found) / positive.length;
}
