/** A straight line through measurements that are not independent of their neighbours. */
export interface Trend {
  readonly slope: number;
  readonly standardError: number;
  /** Means of consecutive measurements that the line was fitted to. */
  readonly blocks: number;
}

/** Blocks at most: long ones, so that what lasts for some measurements does not count as many. */
const mostBlocks = 30;

/**
 * Least squares through the means of blocks of equal length; the standard error is that of independent blocks.
 *
 * @throws RangeError for fewer than three points.
 */
export function trend(x: ArrayLike<number>, y: ArrayLike<number>): Trend {
  if (x.length < 3 || x.length !== y.length) {
    throw new RangeError(`a trend needs three points or more, got ${x.length} and ${y.length}.`);
  }
  const size = Math.ceil(x.length / mostBlocks);
  const blocks = Math.floor(x.length / size);
  const means = (of: ArrayLike<number>): number[] =>
    Array.from({ length: blocks }, (_, b) =>
      mean(Array.from({ length: size }, (_, i) => of[x.length - (blocks - b) * size + i]!)),
    );
  const [xs, ys] = [means(x), means(y)];
  const [centre, level] = [mean(xs), mean(ys)];
  const spread = xs.reduce((sum, v) => sum + (v - centre) ** 2, 0);
  const slope = xs.reduce((sum, v, i) => sum + (v - centre) * (ys[i]! - level), 0) / spread;
  const rest = xs.reduce((sum, v, i) => sum + (ys[i]! - level - slope * (v - centre)) ** 2, 0);
  return { slope, standardError: Math.sqrt(rest / (blocks - 2) / spread), blocks };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
