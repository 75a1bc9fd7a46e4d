/** What metrics of the core average by: without a package, which whoever takes the core would load. */
import { UsageError } from "../errors.ts";

/** The mean of values. @throws UsageError of none. */
export function meanOf(values: ArrayLike<number>): number {
  if (values.length === 0) throw new UsageError("a mean needs at least one value.");
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  return sum / values.length;
}

/** The sample variance of values; 0 of one. @throws UsageError of none. */
export function varianceOf(values: ArrayLike<number>): number {
  const mean = meanOf(values);
  if (values.length === 1) return 0;
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += (values[i]! - mean) ** 2;
  return sum / (values.length - 1);
}

/** The value that a share (0 to 1) of the values lies below, linear between neighbours. */
export function quantile(values: ArrayLike<number>, share: number): number {
  if (values.length === 0) throw new UsageError("a quantile needs at least one value.");
  const sorted = Float64Array.from(values).sort();
  const place = share * (sorted.length - 1);
  const below = Math.floor(place);
  const [low, high] = [sorted[below]!, sorted[Math.min(below + 1, sorted.length - 1)]!];
  return low + (place - below) * (high - low);
}
