/** Paired comparisons of an experiment's arms. */
import { equivalenceP, holm, type Paired, paired } from "../metrics/statistics.ts";
import { methods } from "../unlearn/methods/index.ts";
import { isReference } from "./arms.ts";
import type { Protocol } from "./protocol.ts";
import type { ArmResult } from "./trained-network.ts";

/** An arm against another, seed by seed. */
export interface Comparison {
  readonly first: string;
  readonly second: string;
  /** Seeds on which each gets as far as the statistic is read; on the others a run counts as the statistic says. */
  readonly reached?: readonly [number, number];
  readonly result?: Paired & {
    /** p corrected by Holm over the first arm's planned comparisons; absent where it is not one of them. */
    readonly holmP?: number;
    /** p of the test that the two differ by less than the statistic's margin, over {@link equalSeeds}. */
    readonly equalP: number;
    /** Seeds that say whether the two are equal: those on which one of them gets there, or both. Absent in older results. */
    readonly equalSeeds?: number;
  };
  readonly missing?: string;
}

/** What is said of a planned comparison: which arm is better, that both are equal, or that neither is shown. */
export type Verdict = "first" | "second" | "equal" | "not shown";

/** Errors that are taken in a planned comparison. */
const level = 0.05;

/** What a planned comparison shows; undefined for others. */
export function verdictOf(
  { better }: Protocol["statistic"],
  { result }: Comparison,
): Verdict | undefined {
  if (result?.holmP === undefined) return undefined;
  if (result.holmP < level)
    return result.difference > 0 === (better === "higher") ? "first" : "second";
  return result.equalP < level ? "equal" : "not shown";
}

/** What a run counts as, by arm and seed; undefined on a seed that no arm gets anywhere on. */
function valuesOf(
  { statistic }: Protocol,
  results: readonly ArmResult[],
): (run: ArmResult) => number | undefined {
  const sign = statistic.better === "higher" ? 1 : -1;
  const worst = (seed: number): number | undefined => {
    const reached = results.flatMap((one) => (one.seed === seed ? (one.statistic ?? []) : []));
    return reached.length === 0
      ? undefined
      : sign * Math.min(...reached.map((value) => sign * value));
  };
  return (run) => run.statistic ?? statistic.never?.(run.history) ?? worst(run.seed);
}

/** What two arms count as on a seed, and how many of the two get there. */
interface Pair {
  readonly values: readonly [number, number];
  readonly reached: number;
}

/**
 * p of the test that two arms are equal within the statistic's margin, and the seeds that it is over.
 *
 * Where neither gets there both count as the same, which says nothing of their difference: such seeds are left out, and a
 * single one that is left shows nothing. In a test for a difference they stay: they bring its t nearer to 0. Where nothing is
 * counted for a run that never gets there, how far it is from one that does is not known, and two arms of which one does not
 * get there on a seed where the other does are never called equal.
 */
function equality(
  { never, margin }: Protocol["statistic"],
  pairs: readonly Pair[],
): { readonly equalP: number; readonly equalSeeds: number } {
  const told = pairs.filter(({ reached }) => reached > 0);
  const isKnown = never !== undefined || told.every(({ reached }) => reached === 2);
  const of = (at: 0 | 1): number[] => told.map(({ values }) => values[at]);
  const equalP = isKnown && told.length > 1 ? equivalenceP(paired(of(0), of(1)), margin) : 1;
  return { equalP, equalSeeds: told.length };
}

/** Each arm that says so against every other one but the reference; p corrected over the planned ones within each. */
export function compare(protocol: Protocol, results: readonly ArmResult[]): Comparison[] {
  const valueOf = valuesOf(protocol, results);
  const compared = protocol.arms.filter((arm) => arm.compared === true);
  return compared.flatMap(({ name: first }) => {
    const others = protocol.arms.filter(
      (arm) => arm.name !== first && !isReference(arm) && methods.has(arm.method),
    );
    const raw = others.map(({ name: second, planned = false }) => {
      const pairs = results.flatMap((mine) => {
        const theirs = results.find(({ arm, seed }) => arm === second && seed === mine.seed);
        return mine.arm === first && theirs !== undefined ? [[mine, theirs] as const] : [];
      });
      const count = (at: 0 | 1): number =>
        pairs.filter((pair) => pair[at].statistic !== undefined).length;
      const reached = [count(0), count(1)] as const;
      const counted = pairs.flatMap((pair): Pair[] => {
        const [a, b] = pair.map(valueOf);
        const there = pair.filter(({ statistic }) => statistic !== undefined).length;
        return a === undefined || b === undefined ? [] : [{ values: [a, b], reached: there }];
      });
      if (reached[0] + reached[1] === 0)
        return { second, reached, missing: "neither gets there on any seed" };
      if (counted.length < 2)
        return { second, reached, missing: "it needs two seeds that count, or more" };
      const of = (at: 0 | 1): number[] => counted.map(({ values }) => values[at]);
      const result = { ...paired(of(0), of(1)), ...equality(protocol.statistic, counted) };
      return { second, reached, planned, result };
    });
    const planned = raw.flatMap(({ planned: is, result }) => (is === true ? [result!.p] : []));
    const adjusted = holm(planned);
    let at = 0;
    return raw.map(({ planned: is, result, ...one }): Comparison => {
      if (result === undefined) return { first, ...one };
      const holmP = is ? { holmP: adjusted[at++]! } : {};
      return { first, ...one, result: { ...result, ...holmP } };
    });
  });
}
