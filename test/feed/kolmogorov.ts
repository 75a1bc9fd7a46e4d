/** Kolmogorov's statistic: it is above 1.95 once in a thousand times. */

/** Largest distance of the share of numbers below each to what it should be, in units of 1 / sqrt(n). */
export function kolmogorov(values: ArrayLike<number>, share: (value: number) => number): number {
  const sorted = Array.from(values).sort((a, b) => a - b);
  const n = sorted.length;
  const distances = sorted.map((value, i) =>
    Math.max(Math.abs(share(value) - i / n), Math.abs(share(value) - (i + 1) / n)),
  );
  return Math.sqrt(n) * Math.max(...distances);
}
