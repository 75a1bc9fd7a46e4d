/** Means over seeds and paired comparisons. */
import { mean, sampleStandardDeviation } from "simple-statistics";
import { UsageError } from "../errors.ts";

/** Mean and sample standard deviation (0 for one value). */
export function meanAndDeviation(values: readonly number[]): { mean: number; deviation: number } {
  if (values.length === 0) throw new UsageError("a mean needs at least one value.");
  return {
    mean: mean([...values]),
    deviation: values.length === 1 ? 0 : sampleStandardDeviation([...values]),
  };
}

/** P(T ≤ t) of Student's t with a whole number of degrees of freedom (Abramowitz and Stegun 26.7.3-4). */
export function studentCdf(t: number, df: number): number {
  const angle = Math.atan(t / Math.sqrt(df));
  const [sin, cos] = [Math.sin(angle), Math.cos(angle)];
  let term = df % 2 === 1 ? cos : 1;
  let sum = df === 1 ? 0 : term;
  for (let k = df % 2 === 1 ? 3 : 2; k <= df - 2; k += 2) {
    term *= ((k - 1) / k) * cos * cos;
    sum += term;
  }
  const area = df % 2 === 1 ? (2 / Math.PI) * (angle + sin * sum) : sin * sum;
  return 0.5 + area / 2;
}

/** The t with P(T ≤ t) = p, by bisection. */
export function studentQuantile(p: number, df: number): number {
  if (!(p > 0 && p < 1 && Number.isInteger(df) && df >= 1)) {
    throw new UsageError(`no t quantile of ${p} with ${df} degrees of freedom.`);
  }
  let [low, high] = [-1e6, 1e6];
  for (let i = 0; i < 200; i++) {
    const middle = (low + high) / 2;
    if (studentCdf(middle, df) < p) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** A comparison of two methods on the same seeds. */
export interface Paired {
  readonly n: number;
  /** Mean of first minus second. */
  readonly difference: number;
  /** Standard error of that mean. */
  readonly standardError: number;
  /** 95 % t interval. */
  readonly interval: readonly [number, number];
  /** Two-sided p of the t test; of the sign test where all differences are the same, and the t test has no spread to go by. */
  readonly p: number;
  /** Two-sided p of the exact sign test; ties left out. */
  readonly signP: number;
  readonly wins: number;
  readonly losses: number;
}

/** Whether differences are the same but for the last digits of what they were computed from. */
const isRounding = (standardError: number, scale: number): boolean =>
  standardError <= 1e-9 * Math.abs(scale);

/** Compares values of the same seeds. @throws UsageError unless there are two pairs or more. */
export function paired(first: readonly number[], second: readonly number[]): Paired {
  const n = first.length;
  if (n < 2 || second.length !== n) {
    throw new UsageError(
      `a paired comparison needs two pairs or more, got ${n} and ${second.length}.`,
    );
  }
  const differences = first.map((value, i) => value - second[i]!);
  const { mean: difference, deviation } = meanAndDeviation(differences);
  const standardError = deviation / Math.sqrt(n);
  const halfWidth = studentQuantile(0.975, n - 1) * standardError;
  const wins = differences.filter((value) => value > 0).length;
  const losses = differences.filter((value) => value < 0).length;
  const signP = signTest(wins, losses);
  const t = Math.abs(difference) / standardError;
  return {
    n,
    difference,
    standardError,
    interval: [difference - halfWidth, difference + halfWidth],
    p: isRounding(standardError, difference) ? signP : 2 * (1 - studentCdf(t, n - 1)),
    signP,
    wins,
    losses,
  };
}

/**
 * p of two one-sided t tests that a mean difference lies between -margin and margin (Schuirmann, 1987): small where two
 * methods are shown to be as good as equal.
 *
 * Differences that are all the same have no spread that Student's t could go by, and two coarse numbers are alike by chance:
 * their p is that of a sign test, 2⁻ⁿ, so that five of them are needed at 5 %.
 */
export function equivalenceP(
  { n, difference, standardError }: Pick<Paired, "n" | "difference" | "standardError">,
  margin: number,
): number {
  const room = margin - Math.abs(difference);
  if (isRounding(standardError, margin)) return room > 0 ? 2 ** -n : 1;
  return 1 - studentCdf(room / standardError, n - 1);
}

/** Two-sided p of the sign test: how often a fair coin is at least so one-sided. */
export function signTest(wins: number, losses: number): number {
  const n = wins + losses;
  const extreme = Math.min(wins, losses);
  let ways = 1;
  let sum = 0;
  for (let k = 0; k <= extreme; k++) {
    sum += ways;
    ways = (ways * (n - k)) / (k + 1);
  }
  return Math.min(1, (2 * sum) / 2 ** n);
}

/** Holm's step-down correction: adjusted p in the order given. */
export function holm(ps: readonly number[]): number[] {
  const order = [...ps.keys()].sort((a, b) => ps[a]! - ps[b]!);
  const adjusted = Array.from(ps, () => 1);
  let floor = 0;
  order.forEach((index, rank) => {
    floor = Math.max(floor, Math.min(1, (ps.length - rank) * ps[index]!));
    adjusted[index] = floor;
  });
  return adjusted;
}
