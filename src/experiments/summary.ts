/** Tables, figures and comparisons of an experiment's results. */
import { csvFormatRows } from "d3-dsv";
import { type Measurement, missing } from "../metrics/measurement.ts";
import { holm, meanAndDeviation, type Paired, paired } from "../metrics/statistics.ts";
import { headline } from "../metrics/final.ts";
import { scoreMetrics } from "../metrics/index.ts";
import { lineChart, type Series } from "../figures/plot.ts";
import { type Column, markdownTable } from "../report/table.ts";
import type { Axis, ExperimentName, Plan } from "./plan.ts";
import type { ArmResult, Tuned } from "./run.ts";
import { whereReached } from "./statistic.ts";

/** Columns of results.csv after experiment, data set, seed, arm, round, steps and seconds. */
const scoreColumns = (): readonly string[] => scoreMetrics().map(({ name }) => name);

/** One line a round of a run; empty fields were not measured. */
export function tidyCsv(plan: Plan, results: readonly ArmResult[]): string {
  const dataset = plan.train(0).data.name;
  const head = ["experiment", "dataset", "seed", "arm", "round", "steps", "seconds"];
  const rows = results.flatMap(({ seed, arm, history }) =>
    history.map(({ round, steps, seconds, scores }) =>
      [plan.name, dataset, seed, arm, round, steps, seconds.toFixed(3)]
        .concat(scoreColumns().map((key) => scores[key] ?? ""))
        .map(String),
    ),
  );
  return `${csvFormatRows([[...head, ...scoreColumns()], ...rows])}\n`;
}

/** A number over seeds; `n`: how many measured it. */
interface Spread {
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
  /** Statistic over the seeds that reach it. */
  readonly statistic: Spread | null;
  readonly missing?: string;
  /** Scores at the end of the runs. */
  readonly end: Readonly<Record<string, Spread>>;
  /** `standard`: RA, UA, TA and MIA at the end. */
  readonly final?: Readonly<Record<string, Spread>>;
  /** Distances of RA, UA, TA and MIA to the retrained network's means, and their mean. */
  readonly gaps?: Readonly<Record<string, number>>;
  readonly gap?: Measurement;
  readonly seconds: number;
  readonly steps: number;
}

const finals = ["RA", "UA", "TA", "MIA"] as const;

function finalOf({ final }: ArmResult): Record<(typeof finals)[number], number> | undefined {
  if (final === undefined) return undefined;
  const { RA, UA, TA, MIA } = headline(final);
  return { RA: RA.value!, UA: UA.value!, TA: TA.value!, MIA: MIA.value! };
}

const gapMetric = {
  name: "average gap",
  definition:
    "mean over RA, UA, TA and MIA of the distance to the retrained network's mean, points",
  unit: "points",
} as const;

/** Scores at the end of runs, over those that measured them. */
function endOf(runs: readonly ArmResult[]): ArmSummary["end"] {
  const measured = scoreColumns().filter((key) => runs.some(({ end }) => end[key] !== undefined));
  return Object.fromEntries(
    measured.map((key) => {
      const values = runs.flatMap(({ end }) => end[key] ?? []);
      return [key, spread(values)];
    }),
  );
}

/** Summaries of all arms, in the plan's order. */
export function summarise(plan: Plan, results: readonly ArmResult[]): ArmSummary[] {
  const of = (arm: string): ArmResult[] => results.filter((result) => result.arm === arm);
  const meansOf = (runs: readonly ArmResult[]): Record<string, Spread> | undefined => {
    const values = runs.map(finalOf).filter((final) => final !== undefined);
    if (values.length === 0) return undefined;
    return Object.fromEntries(
      finals.map((key) => [key, spread(values.map((value) => value[key]))]),
    );
  };
  const reference = meansOf(of("retrain"));
  return plan.arms.map(({ name: arm, method }) => {
    const runs = of(arm);
    const reached = runs.flatMap(({ statistic }) => (statistic === undefined ? [] : [statistic]));
    const final = meansOf(runs);
    const gaps =
      final === undefined || reference === undefined
        ? undefined
        : Object.fromEntries(
            finals.map((key) => [key, Math.abs(final[key]!.mean - reference[key]!.mean)]),
          );
    const gap =
      final === undefined
        ? undefined
        : gaps === undefined
          ? missing(gapMetric, "no retrained network was run")
          : {
              ...gapMetric,
              value: finals.reduce((sum, key) => sum + gaps[key]! / finals.length, 0),
              n: runs.length,
            };
    const last = runs.map(({ history }) => history.at(-1)!);
    return {
      arm,
      method,
      seeds: runs.length,
      statistic: reached.length === 0 ? null : spread(reached),
      ...(reached.length > 0
        ? {}
        : {
            missing:
              plan.name === "standard" && method === "retrain"
                ? "it is what the others are measured against"
                : "no run gets as far as the statistic is read",
          }),
      end: endOf(runs),
      ...(final === undefined ? {} : { final }),
      ...(gaps === undefined ? {} : { gaps }),
      ...(gap === undefined ? {} : { gap }),
      seconds: meanAndDeviation(last.map(({ seconds }) => seconds)).mean,
      steps: meanAndDeviation(last.map(({ steps }) => steps)).mean,
    };
  });
}

/** A rewind against another arm, on the seeds where both reach the statistic. */
export interface Comparison {
  readonly first: string;
  readonly second: string;
  readonly result?: Paired & { readonly holmP: number };
  readonly missing?: string;
}

/** Arms that are compared with all others. */
const comparedArms = new Set(["rewind", "rewind-published"]);

/** Each rewind against every other arm, p corrected within each rewind. */
export function compare(plan: Plan, results: readonly ArmResult[]): Comparison[] {
  const rewinds = plan.arms.filter(({ name }) => comparedArms.has(name));
  return rewinds.flatMap(({ name: first }) => {
    const others = plan.arms.filter(({ name }) => name !== first && name !== "retrain");
    const raw = others.map(({ name: second }): { second: string; result?: Paired } => {
      const pairs = results
        .filter(({ arm }) => arm === first)
        .flatMap((mine) => {
          const theirs = results.find(({ arm, seed }) => arm === second && seed === mine.seed);
          return mine.statistic === undefined || theirs?.statistic === undefined
            ? []
            : [[mine.statistic, theirs.statistic] as const];
        });
      if (pairs.length < 2) return { second };
      const result = paired(
        pairs.map(([a]) => a),
        pairs.map(([, b]) => b),
      );
      return { second, result };
    });
    const adjusted = holm(raw.flatMap(({ result }) => (result === undefined ? [] : [result.p])));
    let at = 0;
    return raw.map(({ second, result }) =>
      result === undefined
        ? { first, second, missing: "fewer than two seeds where both reach the statistic" }
        : { first, second, result: { ...result, holmP: adjusted[at++]! } },
    );
  });
}

function plusMinus(
  value: { mean: number; deviation: number } | null | undefined,
  decimals: number,
): string {
  if (value === null || value === undefined) return "–";
  return `${value.mean.toFixed(decimals)} ± ${value.deviation.toFixed(decimals)}`;
}

/** Scores at the end of a run that a table shows beside the statistic. */
const endColumns: Readonly<
  Record<ExperimentName, readonly { score: string; title: string; decimals: number }[]>
> = {
  standard: [],
  "label-noise": [
    { score: "forgetAccuracy", title: "wrong labels, end", decimals: 2 },
    { score: "testAccuracy", title: "test, end", decimals: 2 },
  ],
  backdoor: [
    { score: "attackSuccess", title: "attack success, end", decimals: 2 },
    { score: "testAccuracy", title: "test, end", decimals: 2 },
  ],
  overfit: [
    { score: "forgetLoss", title: "D_f loss, end", decimals: 3 },
    { score: "testAccuracy", title: "test accuracy, end", decimals: 2 },
  ],
};

/**
 * The result table: in the form of the paper's Table 1 for `standard`, gaps to the retrained network in brackets,
 * and the margin RA + UA - 100 by which D_r is kept better than D_f; by the statistic otherwise.
 */
export function resultTable(plan: Plan, summaries: readonly ArmSummary[]): string {
  const { statistic } = plan;
  const standard = plan.name === "standard";
  const ends = endColumns[plan.name];
  const columns: Column[] = [
    { title: "method" },
    ...(standard ? [...finals, "avg. gap", "RA + UA - 100"].map((title) => ({ title })) : []),
    { title: statistic.name },
    { title: "seeds" },
    ...ends.map(({ title }) => ({ title })),
    { title: "seconds" },
  ];
  const rows = summaries.map((one) => [
    one.arm,
    ...(standard
      ? [
          ...finals.map(
            (key) =>
              plusMinus(one.final?.[key], 2) +
              (one.gaps === undefined || one.method === "retrain"
                ? ""
                : ` (${one.gaps[key]!.toFixed(2)})`),
          ),
          one.gap?.value === null || one.gap === undefined ? "–" : one.gap.value.toFixed(2),
          one.final === undefined
            ? "–"
            : (one.final["RA"]!.mean + one.final["UA"]!.mean - 100).toFixed(2),
        ]
      : []),
    plusMinus(one.statistic, statistic.decimals),
    one.statistic === null ? `0 of ${one.seeds}` : `${one.statistic.n} of ${one.seeds}`,
    ...ends.map(({ score, decimals }) => plusMinus(one.end[score], decimals)),
    one.seconds.toFixed(1),
  ]);
  return markdownTable(columns, rows);
}

/** The comparisons as a table. */
export function comparisonTable(plan: Plan, comparisons: readonly Comparison[]): string {
  const columns = [
    "first",
    "second",
    "difference",
    "95 % interval",
    "seeds first is better",
    "p (Holm)",
  ].map((title) => ({ title }));
  const { better, decimals } = plan.statistic;
  const rows = comparisons.map(({ first, second, result, missing: why }) => {
    if (result === undefined) return [first, second, why ?? "–", "", "", ""];
    const wins = better === "higher" ? result.wins : result.losses;
    return [
      first,
      second,
      result.difference.toFixed(decimals),
      `${result.interval[0].toFixed(decimals)} to ${result.interval[1].toFixed(decimals)}`,
      `${wins} of ${result.n}`,
      result.holmP < 0.001 ? "< 0.001" : result.holmP.toFixed(3),
    ];
  });
  return markdownTable(columns, rows);
}

/** What tuning tried and chose. */
export function tuningTable(plan: Plan, tuned: Readonly<Record<string, Tuned>>): string {
  const rows = Object.entries(tuned).flatMap(([arm, { settings, trials }]) =>
    trials.map((trial) => [
      arm,
      JSON.stringify(trial.settings),
      trial.statistic?.toFixed(plan.statistic.decimals) ?? "not reached",
      JSON.stringify(trial.settings) === JSON.stringify(settings) ? "chosen" : "",
    ]),
  );
  const columns = ["method", "settings", plan.statistic.name, ""].map((title) => ({ title }));
  return markdownTable(columns, rows);
}

/** Mean curve of an arm over its seeds on a grid of x, with a band of one standard deviation. */
export function meanCurve(plan: Plan, runs: readonly ArmResult[], y: Axis): Series["points"] {
  const curves = runs.map(({ history }) =>
    history.flatMap(({ scores }) => {
      const [px, py] = [scores[plan.x.score], scores[y.score]];
      return px === undefined || py === undefined ? [] : [{ x: px, y: py }];
    }),
  );
  const direction = plan.reverseX ? "falling" : "rising";
  const xs = curves.flatMap((curve) => curve.map(({ x }) => x));
  const [low, high] = [Math.min(...xs), Math.max(...xs)];
  const steps = 30;
  return Array.from({ length: steps + 1 }, (_, i) => {
    const share = i / steps;
    return plan.reverseX ? high - share * (high - low) : low + share * (high - low);
  }).flatMap((x) => {
    const values = curves.flatMap((curve) => {
      const start = curve[0]!.x;
      if (plan.reverseX ? start < x : start > x) return [];
      const value = whereReached(curve, x, direction);
      return value === undefined ? [] : [value];
    });
    // A mean over few of the seeds would jump where one of them ends.
    if (values.length === 0 || 2 * values.length <= runs.length) return [];
    const { mean, deviation } = meanAndDeviation(values);
    return [{ x, y: mean, low: mean - deviation, high: mean + deviation }];
  });
}

/** Arms that the figures leave out: those that read D_r, and those of the newest snapshot, which fail. */
const notDrawn = new Set([
  "retrain",
  "fine-tune",
  "scrub",
  "fisher",
  "rewind-newest",
  "rewind-published-newest",
]);

/** Figures of a plan, one an y axis, in the form of the paper's Figure 3. */
export async function figures(
  plan: Plan,
  results: readonly ArmResult[],
): Promise<{ name: string; svg: string; png: Uint8Array }[]> {
  const drawn: { name: string; svg: string; png: Uint8Array }[] = [];
  const seeds = new Set(results.map(({ seed }) => seed)).size;
  for (const y of plan.y) {
    const series = plan.arms
      .filter(({ name }) => !notDrawn.has(name))
      .map(({ name }) => ({
        name,
        points: meanCurve(
          plan,
          results.filter(({ arm }) => arm === name),
          y,
        ),
      }))
      .filter(({ points }) => points.length > 0);
    if (series.length === 0) continue;
    const chart = await lineChart({
      title: plan.title,
      subtitle: `${plan.train(0).data.name}, methods that read D_f only, mean and standard deviation of ${seeds} seeds`,
      xLabel: plan.x.label,
      yLabel: y.label,
      reverseX: plan.reverseX,
      series,
    });
    drawn.push({ name: y.score, ...chart });
  }
  return drawn;
}
