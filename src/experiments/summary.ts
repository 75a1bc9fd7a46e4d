/** What an experiment's arms did over seeds. */
import { listed } from "../registry.ts";
import { comparedNames, headline } from "../metrics/final.ts";
import { allScores, finalMetrics, inPlace } from "../metrics/index.ts";
import { type Measurement, missing } from "../metrics/measurement.ts";
import { meanAndDeviation } from "../metrics/statistics.ts";
import { isReference } from "./arms.ts";
import type { Protocol } from "./protocol.ts";
import type { ArmResult } from "./trained-network.ts";

/** A number over seeds; `n`: how many measured it. */
export interface Spread {
  readonly mean: number;
  readonly deviation: number;
  readonly n: number;
}

const spread = (values: readonly number[]): Spread => ({
  ...meanAndDeviation(values),
  n: values.length,
});

/** An arm's results over seeds. */
export interface ArmSummary {
  readonly arm: string;
  readonly method: string;
  readonly seeds: number;
  /** Seeds that get as far as the statistic is read. */
  readonly reached?: number;
  /** Statistic over the seeds that reach it, and those that count as something without; null where none reaches it. */
  readonly statistic: Spread | null;
  readonly missing?: string;
  /** Scores at the end of the runs. */
  readonly end: Readonly<Record<string, Spread>>;
  /** RA, UA, TA and MIA at the end, where the experiment is measured against retraining. */
  readonly final?: Readonly<Record<string, Spread>>;
  /** Distances of RA, UA, TA and MIA to the retrained network's means, and their mean. */
  readonly gaps?: Readonly<Record<string, number>>;
  readonly gap?: Measurement;
  readonly seconds: number;
  readonly steps: number;
}

/** Names of the metrics at the end of a run, in the order of their columns. */
export function finalNames(): readonly string[] {
  return inPlace(finalMetrics()).map(({ name }) => name);
}

/** Values of the metrics at the end of a run; those that could not be measured are left out. */
function finalOf({ final }: ArmResult): Readonly<Record<string, number>> | undefined {
  if (final === undefined) return undefined;
  const values = headline(final);
  return Object.fromEntries(
    finalNames().flatMap((name) => {
      const value = values[name]?.value ?? undefined;
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

/** The average gap without its value. */
function averageGap(names: readonly string[]): Pick<Measurement, "name" | "definition" | "unit"> {
  return {
    name: "average gap",
    definition: `mean over ${listed(names)} of the distance to the retrained network's mean, points`,
    unit: "points",
  };
}

/** Scores at the end of runs, over those that measured them. */
function endOf(runs: readonly ArmResult[]): ArmSummary["end"] {
  const measured = allScores()
    .map(({ name }) => name)
    .filter((key) => runs.some(({ end }) => end[key] !== undefined));
  return Object.fromEntries(
    measured.map((key) => {
      const values = runs.flatMap(({ end }) => end[key] ?? []);
      return [key, spread(values)];
    }),
  );
}

/** Summaries of all arms, in the protocol's order. */
export function summarise(protocol: Protocol, results: readonly ArmResult[]): ArmSummary[] {
  const reference = protocol.arms.find(isReference);
  const retrained = finalsOf(results.filter(({ arm }) => arm === reference?.name));
  return protocol.arms.map((arm) => {
    const { name, method } = arm;
    const runs = results.filter((result) => result.arm === name);
    const reached = runs.filter(({ statistic }) => statistic !== undefined).length;
    const counted = runs.flatMap(
      ({ statistic, history }) => statistic ?? protocol.statistic.never?.(history) ?? [],
    );
    const last = runs.map(({ history }) => history.at(-1)!);
    return {
      arm: name,
      method,
      seeds: runs.length,
      reached,
      statistic: reached === 0 ? null : spread(counted),
      ...(reached > 0
        ? {}
        : {
            missing:
              protocol.againstRetrained && isReference(arm)
                ? "it is what the others are measured against"
                : "no run gets as far as the statistic is read",
          }),
      end: endOf(runs),
      ...finalPart(runs, retrained),
      seconds: meanAndDeviation(last.map(({ seconds }) => seconds)).mean,
      steps: meanAndDeviation(last.map(({ steps }) => steps)).mean,
    };
  });
}

/** Metrics at the end of runs over seeds, where they were measured. */
function finalsOf(runs: readonly ArmResult[]): Readonly<Record<string, Spread>> | undefined {
  const values = runs.map(finalOf).filter((final) => final !== undefined);
  if (values.length === 0) return undefined;
  const names = finalNames().filter((name) => values.some((value) => name in value));
  return Object.fromEntries(
    names.map((name) => [name, spread(values.flatMap((value) => value[name] ?? []))]),
  );
}

/** What a summary says of the metrics at the end, and of their distances to the retrained network's. */
function finalPart(
  runs: readonly ArmResult[],
  retrained: Readonly<Record<string, Spread>> | undefined,
): Pick<ArmSummary, "final" | "gaps" | "gap"> {
  const final = finalsOf(runs);
  if (final === undefined) return {};
  const compared = comparedNames();
  const names = finalNames().filter((name) => compared.includes(name));
  if (retrained === undefined) {
    return { final, gap: missing(averageGap(names), "no retrained network was run") };
  }
  const gaps = Object.fromEntries(
    names.map((name) => [name, Math.abs(final[name]!.mean - retrained[name]!.mean)]),
  );
  const value = names.reduce((sum, name) => sum + gaps[name]! / names.length, 0);
  return { final, gaps, gap: { ...averageGap(names), value, n: runs.length } };
}

/** Summaries of the arms that have results, while an experiment is under way. */
export function summariseFinished(protocol: Protocol, results: readonly ArmResult[]): ArmSummary[] {
  const arms = protocol.arms.filter(({ name }) => results.some(({ arm }) => arm === name));
  return summarise({ ...protocol, arms }, results);
}
