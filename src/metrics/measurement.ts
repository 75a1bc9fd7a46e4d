/** A measured number with what it means and what it rests on. */

/** One number. */
export interface Measurement {
  readonly name: string;
  readonly definition: string;
  readonly unit: "%" | "points" | "nats" | "1";
  /** Absent value: `missing` says why. */
  readonly value: number | null;
  /** Samples the value rests on. */
  readonly n: number;
  /** 95 % interval, where one is known. */
  readonly interval?: readonly [number, number];
  readonly missing?: string;
}

/** One that cannot be given, with the reason: never a silent gap. */
export function missing(
  metric: Pick<Measurement, "name" | "definition" | "unit">,
  why: string,
): Measurement {
  return { ...metric, value: null, n: 0, missing: why };
}

/** Wilson's 95 % score interval of a share, in %. */
export function wilson(hits: number, n: number): [number, number] {
  if (n === 0) return [0, 100];
  const z = 1.959964;
  const p = hits / n;
  const centre = p + (z * z) / (2 * n);
  const spread = z * Math.sqrt((p * (1 - p)) / n + (z * z) / (4 * n * n));
  const scale = 1 + (z * z) / n;
  return [
    Math.max(0, (100 * (centre - spread)) / scale),
    Math.min(100, (100 * (centre + spread)) / scale),
  ];
}

/** A share of samples in %, with its interval. */
export function share(
  metric: Pick<Measurement, "name" | "definition">,
  hits: number,
  n: number,
): Measurement {
  if (n === 0) return missing({ ...metric, unit: "%" }, "there are no samples");
  return { ...metric, unit: "%", value: (100 * hits) / n, n, interval: wilson(hits, n) };
}
