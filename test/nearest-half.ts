/** The nearest half of a number, ties to even; for numbers that halves reach. */
export function nearestHalf(value: number): number {
  const unit = 2 ** (Math.max(-14, Math.floor(Math.log2(Math.abs(value)))) - 10);
  const scaled = value / unit;
  const low = Math.floor(scaled);
  const up = scaled - low > 0.5 || (scaled - low === 0.5 && low % 2 !== 0);
  return value === 0 ? value : (low + (up ? 1 : 0)) * unit;
}
