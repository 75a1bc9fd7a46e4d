/** What a run's report says: one object, written as JSON, Markdown and a chart. */
import { adapterName } from "../gpu/adapter.ts";
import type { AdapterReport } from "../gpu/device.ts";
import { megabytes } from "../gpu/memory.ts";
import type { Progress, StopReason } from "../unlearn/driver.ts";
import { type Final, type Gaps, headline } from "../metrics/final.ts";
import { axisLabel, inPlace, scoreMetric, allScores } from "../metrics/index.ts";
import type { MiaResult } from "../metrics/mia.ts";
import type { Measurement } from "../metrics/measurement.ts";
import type { Scores } from "../metrics/metric.ts";
import { type LineChart, lineChart } from "../figures/plot.ts";
import { type Forgotten, forgottenLines } from "./forgotten.ts";
import type { RunFolder } from "./run-folder.ts";
import { type Cell, type Column, markdownTable, textTable } from "./table.ts";

/** The report of an unlearning run. Accuracies in %, losses in nats. */
export interface UnlearnReport {
  readonly dataset: string;
  /** The run or file the network came from, and the folder of the images; absent where a run trained and drew its own. */
  readonly source?: { readonly network?: string | undefined; readonly images?: string | undefined };
  readonly scenario: string;
  readonly model: string;
  readonly method: string;
  readonly settings: Readonly<Record<string, unknown>>;
  /** Of the rewind: which predictor, and the snapshot its residual is added to. */
  readonly predictor?: string;
  readonly base?: string;
  readonly seed: number;
  readonly images: { readonly train: number; readonly forget: number; readonly test: number };
  /** D_f, image by image and class by class; absent in older reports. */
  readonly forgotten?: Forgotten;
  readonly rounds: number;
  /** A rule, or who watched it. */
  readonly stoppedBy: StopReason | "hand";
  /**
   * Seconds of the whole command and of unlearning alone; of a run that was interrupted the rounds it had behind it count in
   * both.
   */
  readonly seconds: number;
  readonly unlearnSeconds: number;
  readonly adapter: string;
  readonly runtime: string;
  /** Bytes that all buffers took together at most. */
  readonly gpuBytes: number;
  readonly before: Scores;
  readonly after: Scores;
  /** UA, RA, TA and membership inference after unlearning; where there is no D_r, `missing` says so. */
  readonly final?: Final;
  /** Gaps to a retrained network. */
  readonly gaps?: Gaps;
  readonly missing?: string;
  readonly definitions: Readonly<Record<string, string>>;
  /** Steps, seconds and scores after each round, round 0 (before the first) among them. */
  readonly history: readonly Progress[];
}

/** The page of a folder, as a file for a browser. */
export const pageFile = "report.html";

/** The adapter in one line. */
export function adapterLine(adapter: AdapterReport): string {
  const precision = adapter.precision === "exact" ? "" : `, precision ${adapter.precision}`;
  return `${adapterName(adapter)}${adapter.software ? " (software)" : ""}${precision}`;
}

/** Columns and rows of states of a network; scores that were not measured have no column. */
function scoreTable(
  states: readonly { readonly name: string; readonly scores: Scores }[],
): [readonly Column[], readonly Cell[][]] {
  const shown = inPlace(allScores()).filter(({ name }) => name in states[0]!.scores);
  // A bare number may be of any size, a share in % or a loss in nats is not.
  const decimals = (unit: string): number => (unit === "1" ? 4 : 2);
  const columns = [
    { title: "" },
    ...shown.map(({ title, unit }) => ({ title, decimals: decimals(unit) })),
  ];
  return [
    columns,
    states.map(({ name, scores }) => [name, ...shown.map((metric) => scores[metric.name])]),
  ];
}

/** The metrics that methods are compared by, with their gaps. */
function metricsTable(final: Final, gaps: Gaps, wrongLabels: boolean): string {
  const text = (measured: Measurement | undefined): string =>
    measured === undefined ? "–" : (measured.value?.toFixed(2) ?? `– (${measured.missing})`);
  const none = Object.values(gaps).every(({ value }) => value === null);
  const titles = ["metric", "value", "samples", ...(none ? [] : ["gap to retrained"])];
  const columns = titles.map((title) => ({ title }));
  const rows = Object.entries(headline(final)).map(([name, metric]) => [
    metric.name,
    text(metric),
    `${metric.n}`,
    ...(none ? [] : [text(gaps[name])]),
  ]);
  const average = none
    ? `No gaps to a retrained network: ${gaps.average.missing!}.`
    : `Average gap: ${text(gaps.average)}.`;
  const attack = final.mia === undefined ? "" : ` ${attackLine(final.mia, wrongLabels)}`;
  return [markdownTable(columns, rows), "", `${average}${attack}`].join("\n");
}

/** What the attack found besides its share. */
export function attackLine({ auc, overForgetting }: MiaResult, wrongLabels: boolean): string {
  const flag = overForgetting ? "yes: D_f is less certain than unseen data" : "no";
  const verdict = wrongLabels
    ? "; D_f's labels are wrong, and to doubt them, which a low value says, is what is wanted"
    : `; over-forgetting by this measure: ${flag}`;
  return (
    "AUC of confidence, D_f against test: " +
    `${auc.value!.toFixed(3)} ± ${auc.standardError.toFixed(3)} (0.5: cannot be told apart)${verdict}.`
  );
}

/** What a report's curve shows, round by round: the first that was measured. */
const curves = [
  { x: "forgetAccuracy", y: "testAccuracy", title: "Test accuracy while D_f is forgotten" },
  { y: "forgetAccuracy", title: "Accuracy on D_f, round by round" },
  {
    x: "forgetNoise",
    y: "testNoise",
    title: "Noise error on the test images while D_f is forgotten",
  },
  { y: "forgetNoise", title: "Noise error on D_f, round by round" },
] as const;

/** The number of a round, or of rounds; one that a run landed in has a fraction, which is known to a thousandth. */
export function roundNumber(round: number): string {
  return String(Number(round.toFixed(3)));
}

/** So many rounds, in words. */
export function countOfRounds(rounds: number): string {
  return `${roundNumber(rounds)} round${rounds === 1 ? "" : "s"}`;
}

/** Why nothing was done, where no round was; undefined else. */
export function idle({ rounds, stoppedBy, before }: UnlearnReport): string | undefined {
  if (rounds > 0 || stoppedBy === "diverged") return undefined;
  const known = before["forgetAccuracy"];
  const held = `no round was run: the rule "${stoppedBy}" held for the network as it was. `;
  if (known === undefined) return held;
  return (
    held +
    `Its accuracy on D_f was ${known.toFixed(1)} %` +
    (known === 0 ? ": it had not learned D_f, and there was nothing to forget." : ".")
  );
}

/** The scores of states of a network, a row each, for a terminal. */
export function scoresText(
  states: readonly { readonly name: string; readonly scores: Scores }[],
): string {
  return textTable(...scoreTable(states));
}

/** The before/after table for a terminal. */
export function beforeAfter(report: UnlearnReport): string {
  const { before, after, rounds } = report;
  const name = `after ${countOfRounds(rounds)}`;
  const table = scoresText([
    { name: "before", scores: before },
    { name, scores: after },
  ]);
  const why = idle(report);
  return why === undefined ? table : `${table}\n\n${why}`;
}

function curveOf({ before }: UnlearnReport): { x?: string; y: string; title: string } {
  return curves.find(({ y }) => y in before)!;
}

/** A run under a name. */
export interface ReportedRun {
  /** What its curve is called. */
  readonly name: string;
  readonly report: UnlearnReport;
}

/** Points of a curve that have a label, at most. */
const mostLabels = 10;

/** Whether the point at a place of a curve has a label: the first and the last, and some at even distances. */
function isLabelled(at: number, count: number): boolean {
  const every = Math.ceil(count / mostLabels);
  return at === count - 1 || (at % every === 0 && count - 1 - at >= every);
}

/** The curves of runs: as the first one's, or by round where one has nothing to test on. */
export function curveChart(runs: readonly ReportedRun[]): LineChart {
  const [{ report }] = runs as [ReportedRun];
  const all = runs.map((run) => curveOf(run.report));
  const { x, y, title } = all.find((one) => one.x === undefined) ?? all[0]!;
  // Where x is a score, nothing else says which round a point is of; lines of several runs would hide the numbers.
  const labelled = x !== undefined && runs.length === 1;
  return {
    title: `${title} (${report.scenario})`,
    subtitle: `${report.dataset}, ${report.model}, ${report.predictor ?? report.method}, seed ${report.seed}; one point a round${labelled ? ", with its number" : ""}`,
    xLabel: x === undefined ? "round" : axisLabel(scoreMetric(x)),
    yLabel: axisLabel(scoreMetric(y)),
    // Accuracies fall while D_f is forgotten.
    reverseX: x?.endsWith("Accuracy") === true,
    series: runs.map(({ name, report: { history } }) => ({
      name,
      points: history.map(({ round, scores }, i) => ({
        x: x === undefined ? round : scores[x]!,
        y: scores[y]!,
        ...(labelled && isLabelled(i, history.length) && { label: roundNumber(round) }),
      })),
    })),
  };
}

/** Writes report.json, report.md, report.html (`page`) and curve.svg / curve.png into the run's folder. */
export async function writeReport(
  folder: RunFolder,
  report: UnlearnReport,
  page: string,
): Promise<void> {
  const { history } = report;
  const { title } = curveOf(report);
  const chart = await lineChart(curveChart([{ name: report.method, report }]));
  if (chart !== undefined) {
    await folder.write("curve.svg", chart.svg);
    await folder.write("curve.png", chart.png);
  }
  const wrongLabels = report.forgotten?.answers.some((one) => one.trainedAs !== undefined) === true;
  const lines = [
    `# ${report.method} on ${report.dataset}`,
    "",
    markdownTable(
      ...scoreTable(
        history.map(({ round, scores }) => ({
          name: round === 0 ? "before" : `round ${roundNumber(round)}`,
          scores,
        })),
      ),
    ),
    "",
    chart === undefined
      ? "(No chart: the optional packages that draw are not installed.)"
      : `![${title}](curve.svg)`,
    "",
    `- model ${report.model}, seed ${report.seed}`,
    ...(report.source?.network === undefined
      ? []
      : [`- network from \`${report.source.network}\``]),
    ...(report.source?.images === undefined ? [] : [`- images from \`${report.source.images}\``]),
    ...(report.predictor === undefined
      ? []
      : [`- predictor ${report.predictor}, residual on the ${report.base} snapshot`]),
    `- settings: ${JSON.stringify(report.settings)}`,
    `- ${report.scenario}: ${report.images.train} training images, ${report.images.forget} of them in D_f, ` +
      `${report.images.test} test images`,
    ...(idle(report) === undefined ? [] : [`- ${idle(report)}`]),
    `- stopped by: ${report.stoppedBy}${Number.isInteger(report.rounds) ? "" : ", and landed there"}; ${report.unlearnSeconds.toFixed(1)} s of unlearning, ` +
      `${report.seconds.toFixed(1)} s in all`,
    `- ${report.adapter}, ${report.runtime}; GPU buffers: ${megabytes(report.gpuBytes)} at most`,
    ...(report.final === undefined || report.gaps === undefined
      ? ["", `No membership inference and no gaps: ${report.missing!}.`]
      : ["", metricsTable(report.final, report.gaps, wrongLabels)]),
    "",
    ...(report.forgotten === undefined ? [] : forgottenLines(report.forgotten)),
    ...Object.entries(report.definitions)
      .filter(([name]) => name in report.before)
      .map(([name, meaning]) => `- \`${name}\`: ${meaning}`),
    ...(report.final === undefined
      ? []
      : Object.values(headline(report.final)).map(
          ({ name, definition }) => `- ${name}: ${definition}`,
        )),
    "- D_f: the images that are to be forgotten; D_r: the other training images",
    "",
  ];
  await folder.write("report.md", lines.join("\n"));
  await folder.write(pageFile, page);
  // Last: a folder that has it is finished.
  await folder.writeJson("report.json", report);
}
