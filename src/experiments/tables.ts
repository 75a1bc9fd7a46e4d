/** An experiment's results as tables. */
import { csvFormatRows } from "d3-dsv";
import { type Cell, type Column, markdownTable } from "../report/table.ts";
import { listed } from "../registry.ts";
import { isReference } from "./arms.ts";
import { type Comparison, verdictOf } from "./comparison.ts";
import type { Protocol } from "./protocol.ts";
import type { Tuned } from "./plan.ts";
import { numbersLine } from "../report/written-numbers.ts";
import { type ArmSummary, finalNames, type Spread } from "./summary.ts";
import { type ArmResult, hasNothingToForget } from "./trained-network.ts";
import { edgesOf } from "./widening.ts";

/** What decides the columns of a result table. */
type Judged = Pick<Protocol, "statistic" | "againstRetrained" | "endColumns">;

/** A table's columns and rows. */
export interface Rows {
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly Cell[])[];
}

function plusMinus(
  value: { mean: number; deviation: number } | null | undefined,
  decimals: number,
): string {
  if (value === null || value === undefined) return "–";
  return `${value.mean.toFixed(decimals)} ± ${value.deviation.toFixed(decimals)}`;
}

/** Metrics that the margin adds up: how much better D_r is kept than D_f. */
const marginParts = ["RA", "UA"] as const;

/** On how many of its seeds an arm gets as far as the statistic is read. Older results count those that have a value. */
export function reachedText({ reached, statistic, seeds }: ArmSummary): string {
  return `${reached ?? statistic?.n ?? 0} of ${seeds}`;
}

function marginOf({ final }: ArmSummary): string {
  const means = marginParts.map((name) => final?.[name]?.mean ?? NaN);
  const margin = means.reduce((sum, mean) => sum + mean) - 100;
  return Number.isNaN(margin) ? "–" : margin.toFixed(2);
}

/**
 * The result table: in the form of the paper's Table 1 for `standard`, gaps to the retrained network in brackets,
 * and the margin RA + UA - 100 by which D_r is kept better than D_f; by the statistic otherwise.
 */
export function resultRows(protocol: Judged, summaries: readonly ArmSummary[]): Rows {
  const { statistic, againstRetrained: standard, endColumns: ends } = protocol;
  const finals = finalNames();
  const columns: Column[] = [
    { title: "method" },
    ...(standard
      ? [...finals, "avg. gap", `${marginParts.join(" + ")} - 100`].map((title) => ({ title }))
      : []),
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
              (one.gaps?.[key] === undefined || isReference(one)
                ? ""
                : ` (${one.gaps[key].toFixed(2)})`),
          ),
          one.gap?.value === null || one.gap === undefined ? "–" : one.gap.value.toFixed(2),
          marginOf(one),
        ]
      : []),
    plusMinus(one.statistic, statistic.decimals),
    reachedText(one),
    ...ends.map(({ score, decimals }) => plusMinus(one.end[score], decimals)),
    one.seconds.toFixed(1),
  ]);
  return { columns, rows };
}

/** The result table as text. */
export function resultTable(
  protocol: Judged,
  summaries: readonly ArmSummary[],
  form: typeof markdownTable = markdownTable,
): string {
  const { columns, rows } = resultRows(protocol, summaries);
  return form(columns, rows);
}

/** The result table as numbers: a mean, a standard deviation and a count of seeds for each. */
export function resultCsv(
  { statistic, endColumns }: Judged,
  summaries: readonly ArmSummary[],
): string {
  const finals = finalNames().filter((name) => summaries.some(({ final }) => final?.[name]));
  const parts = ["mean", "deviation", "seeds"] as const;
  const ends = endColumns.map(({ score }) => score);
  const spreads = [statistic.name, ...finals, ...ends.map((score) => `${score} at the end`)];
  const head = ["arm", "method", "runs"].concat(
    spreads.flatMap((name) => parts.map((part) => `${name}: ${part}`)),
    finals.map((name) => `${name}: gap`),
    ["average gap", "seconds", "steps"],
  );
  const numbers = (spread: Spread | null | undefined): (number | string)[] =>
    spread === null || spread === undefined
      ? ["", "", ""]
      : [spread.mean, spread.deviation, spread.n];
  const rows = summaries.map((one) => [
    one.arm,
    one.method,
    one.seeds,
    ...numbers(one.statistic),
    ...finals.flatMap((name) => numbers(one.final?.[name])),
    ...ends.flatMap((score) => numbers(one.end[score])),
    ...finals.map((name) => one.gaps?.[name] ?? ""),
    one.gap?.value ?? "",
    one.seconds,
    one.steps,
  ]);
  return `${csvFormatRows([head, ...rows.map((row) => row.map(String))])}\n`;
}

/** The comparisons as a table. */
export function comparisonRows(
  protocol: Pick<Judged, "statistic">,
  comparisons: readonly Comparison[],
): Rows {
  const columns = [
    "first",
    "second",
    "difference",
    "95 % interval",
    "seeds first is better",
    "p (Holm)",
    "shown",
  ].map((title) => ({ title }));
  const { better, decimals, margin } = protocol.statistic;
  const rows = comparisons.map((comparison) => {
    const { first, second, result, missing: why } = comparison;
    if (result === undefined) return [first, second, why ?? "–", "", "", "", ""];
    const verdict = verdictOf(protocol.statistic, comparison);
    const shown = {
      first: `${first} is better`,
      second: `${second} is better`,
      equal: `equal within ${margin}`,
      "not shown": "not shown",
    };
    const wins = better === "higher" ? result.wins : result.losses;
    const neither = result.n - (result.equalSeeds ?? result.n);
    const ties = result.n - result.wins - result.losses - neither;
    return [
      first,
      second,
      result.difference.toFixed(decimals),
      `${result.interval[0].toFixed(decimals)} to ${result.interval[1].toFixed(decimals)}`,
      `${wins} of ${result.n}${ties === 0 ? "" : `, ${ties} equal`}` +
        (neither === 0 ? "" : `, ${neither} where neither gets there`),
      ...(result.holmP === undefined
        ? ["–", "not planned"]
        : [result.holmP < 0.001 ? "< 0.001" : result.holmP.toFixed(3), shown[verdict!]]),
    ];
  });
  return { columns, rows };
}

/** The comparisons as Markdown. */
export function comparisonTable(
  protocol: Pick<Judged, "statistic">,
  comparisons: readonly Comparison[],
): string {
  const { columns, rows } = comparisonRows(protocol, comparisons);
  return markdownTable(columns, rows);
}

/** What tuning tried and chose; `written`: settings as a text. */
export function tuningRows(
  { statistic }: Pick<Judged, "statistic">,
  tuned: Readonly<Record<string, Tuned>>,
  written: (settings: unknown) => string,
): Rows {
  const rows = Object.entries(tuned).flatMap(([arm, { settings, trials }]) => {
    const tried = trials.map((trial) => trial.settings);
    const edges = edgesOf(settings, tried).map(({ name }) => name);
    const chosen =
      edges.length === 0 ? "chosen" : `chosen, at the edge of what was tried of ${listed(edges)}`;
    return trials.map((trial) => [
      arm,
      written(trial.settings),
      trial.statistic?.toFixed(statistic.decimals) ?? "not reached",
      trial.reached?.toString() ?? "–",
      JSON.stringify(trial.settings) === JSON.stringify(settings) ? chosen : "",
    ]);
  });
  const columns = ["method", "settings", statistic.name, "seeds that get there", ""].map(
    (title) => ({ title }),
  );
  return { columns, rows };
}

/** How tuning chooses, in words; a setting with the better mean may have fewer seeds. */
export function choiceText({ never }: Protocol["statistic"]): string {
  const chosen =
    never === undefined
      ? "Means are of the seeds that get there. Chosen is what gets there on most seeds, and of that the best."
      : "A seed that does not get there counts as the definition says, where another does. Chosen is the best mean of the settings " +
        "that get there on a seed.";
  return `${chosen} Where none does, it is what gets furthest.`;
}

/** Says of seeds that there was nothing to forget on them; undefined where there was on all. */
export function nothingToForgetText(
  protocol: Pick<Protocol, "landing" | "againstRetrained">,
  results: readonly ArmResult[],
): string | undefined {
  const seeds = results.flatMap((run) =>
    run.statistic === undefined && !isReference(run) && hasNothingToForget(protocol, results, run)
      ? [run.seed]
      : [],
  );
  if (seeds.length === 0) return undefined;
  return (
    `Nothing to forget on seed ${numbersLine([...new Set(seeds)])}: the trained network is where runs are to get before any ` +
    "round. No arm counts as getting there, and nothing is decided between two arms."
  );
}

/** How tuning chooses, what it tried and what it chose, as Markdown. */
export function tuningTable(
  protocol: Pick<Judged, "statistic">,
  tuned: Readonly<Record<string, Tuned>>,
): string {
  const { columns, rows } = tuningRows(protocol, tuned, JSON.stringify);
  return [choiceText(protocol.statistic), "", markdownTable(columns, rows)].join("\n");
}
