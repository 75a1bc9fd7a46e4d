/**
 * The tables of bench/results/README.md from what experiments wrote: `npx tsx bench/tables.ts FOLDER…`, each folder
 * with a results.json. One table of the numbers the experiments are judged by, and one a rewind with what its paired
 * comparisons say: a win or a loss is one that Holm's correction leaves below 5 %.
 */
import { readFileSync } from "node:fs";
import type { Comparison } from "../src/experiments/comparison.ts";
import type { ArmSummary } from "../src/experiments/summary.ts";
import { markdownTable } from "../src/report/table.ts";
import type { Statistic } from "../src/scenarios/scenario.ts";

interface Results {
  readonly experiment: string;
  readonly dataset: string;
  readonly statistic: Statistic;
  readonly summaries: readonly (Pick<ArmSummary, "arm" | "seeds" | "statistic"> &
    // Absent in results of before.
    Partial<Pick<ArmSummary, "reached">>)[];
  readonly comparisons: readonly Comparison[];
}

/** Decimals in these tables: fewer than in the reports. */
const decimalsOf = ({ better }: Statistic): number => (better === "lower" ? 2 : 1);

function value({ summaries, statistic }: Results, arm: string): string {
  const found = summaries.find((summary) => summary.arm === arm);
  if (found === undefined) return "";
  if (found.statistic === null) return "–";
  const { mean, deviation, n } = found.statistic;
  const { reached = n } = found;
  const decimals = decimalsOf(statistic);
  const some = reached < found.seeds ? ` (${reached})` : "";
  return `${mean.toFixed(decimals)} ± ${deviation.toFixed(decimals)}${some}`;
}

function verdict(results: Results, first: string, second: string): string {
  const found = results.comparisons.find((one) => one.first === first && one.second === second);
  if (found === undefined) return "";
  const reached = (arm: string): number =>
    results.summaries.find((summary) => summary.arm === arm)?.statistic?.n ?? 0;
  if (found.result === undefined) return `reached ${reached(first)} : ${reached(second)}`;
  const { difference, holmP } = found.result;
  const better = results.statistic.better === "higher" ? difference > 0 : difference < 0;
  const sign = difference > 0 ? "+" : "";
  const word =
    holmP === undefined ? "not planned" : holmP >= 0.05 ? "not shown" : better ? "wins" : "loses";
  return `${word} (${sign}${difference.toFixed(decimalsOf(results.statistic))})`;
}

const all = process.argv
  .slice(2)
  .map((folder) => JSON.parse(readFileSync(`${folder}/results.json`, "utf8")) as Results);
if (all.length === 0) throw new Error("which folders? bench/tables.ts FOLDER…");
const titles = all.map(({ experiment, dataset }) => ({ title: `${experiment}, ${dataset}` }));
const arms = [...new Set(all.flatMap(({ summaries }) => summaries.map(({ arm }) => arm)))];
console.log(
  markdownTable(
    [{ title: "" }, ...titles],
    arms.map((arm) => [arm, ...all.map((results) => value(results, arm))]),
  ),
);
for (const first of ["rewind", "rewind-published"]) {
  console.log(
    `\n${markdownTable(
      [{ title: `${first} against` }, ...titles],
      arms
        .filter((arm) => arm !== first && arm !== "retrain")
        .map((second) => [second, ...all.map((results) => verdict(results, first, second))]),
    )}`,
  );
}
