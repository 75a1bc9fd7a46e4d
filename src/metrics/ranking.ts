/** How well one number tells two groups apart. */
import { UsageError } from "../errors.ts";

/** Area under the ROC curve: the chance that a positive ranks above a negative, ties counting half. */
export function auc(positive: ArrayLike<number>, negative: ArrayLike<number>): number {
  const [p, n] = [positive.length, negative.length];
  if (p === 0 || n === 0) throw new UsageError(`AUC needs both groups, got ${p} and ${n} samples.`);
  const all = [
    ...Array.from(positive, (value) => ({ value, group: 1 })),
    ...Array.from(negative, (value) => ({ value, group: 0 })),
  ].sort((a, b) => a.value - b.value);
  let rankSum = 0;
  for (let i = 0; i < all.length;) {
    let end = i;
    while (end < all.length && all[end]!.value === all[i]!.value) end++;
    // Equal values share the mean of their ranks, 1-based.
    const rank = (i + 1 + end) / 2;
    for (; i < end; i++) if (all[i]!.group === 1) rankSum += rank;
  }
  return (rankSum - (p * (p + 1)) / 2) / (p * n);
}

/** Standard error of an AUC (Hanley and McNeil, 1982). */
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
