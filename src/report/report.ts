/** What a run's report says: one object, written as JSON, Markdown and a chart. */
import type { AdapterReport } from "../gpu/device.ts";
import type { Progress, Scores, StopReason } from "../unlearn/driver.ts";
import { lineChart } from "./plot.ts";
import type { RunFolder } from "./run-folder.ts";
import { type Cell, type Column, markdownTable, textTable } from "./table.ts";

/** The report of an unlearning run. Accuracies in %, losses in nats. */
export interface UnlearnReport {
  readonly dataset: string;
  readonly model: string;
  readonly method: string;
  readonly settings: Readonly<Record<string, unknown>>;
  /** Of the rewind: which predictor, and the snapshot its residual is added to. */
  readonly predictor?: string;
  readonly base?: string;
  readonly seed: number;
  readonly pictures: { readonly train: number; readonly forget: number; readonly test: number };
  readonly rounds: number;
  readonly stoppedBy: StopReason;
  /** Seconds of the whole command and of unlearning alone. */
  readonly seconds: number;
  readonly unlearnSeconds: number;
  readonly adapter: string;
  readonly runtime: string;
  readonly before: Scores;
  readonly after: Scores;
  readonly definitions: Readonly<Record<keyof Scores, string>>;
}

/** What each score is, written beside the numbers. */
export const definitions: Readonly<Record<keyof Scores, string>> = {
  forgetAccuracy: "share of D_f classified as its (wrong) label, %; lower is better forgotten",
  forgetLoss: "mean cross-entropy on D_f with its (wrong) labels, nats",
  forgetTrueAccuracy: "share of D_f classified as its true class, %",
  retainAccuracy: "share of the training pictures outside D_f classified as their label, %",
  testAccuracy: "share of the test pictures classified as their class, %",
  testLoss: "mean cross-entropy on the test pictures, nats",
};

/** The adapter in one line. */
export function adapterLine(adapter: AdapterReport): string {
  return `${adapter.description}${adapter.software ? " (software)" : ""}`;
}

const columns: readonly Column[] = [
  { title: "" },
  { title: "test %", decimals: 2 },
  { title: "wrong labels %", decimals: 2 },
  { title: "D_f, true labels %", decimals: 2 },
  { title: "D_r %", decimals: 2 },
];

function row(name: string, scores: Scores): Cell[] {
  const { testAccuracy, forgetAccuracy, forgetTrueAccuracy, retainAccuracy } = scores;
  return [name, testAccuracy, forgetAccuracy, forgetTrueAccuracy, retainAccuracy];
}

/** The before/after table for a terminal. */
export function beforeAfter({ before, after, rounds }: UnlearnReport): string {
  return textTable(columns, [
    row("before", before),
    row(`after ${rounds} round${rounds === 1 ? "" : "s"}`, after),
  ]);
}

/** Writes report.json, report.md and curve.svg / curve.png into the run's folder. */
export async function writeReport(
  folder: RunFolder,
  report: UnlearnReport,
  history: readonly Progress[],
): Promise<void> {
  await folder.writeJson("report.json", report);
  const chart = await lineChart({
    title: "Test accuracy while wrong labels are forgotten",
    subtitle: `${report.dataset}, ${report.model}, ${report.predictor ?? report.method}, seed ${report.seed}; one point a round`,
    xLabel: "accuracy on the wrong labels (%)",
    yLabel: "test accuracy (%)",
    reverseX: true,
    series: [
      {
        name: report.method,
        points: history.map(({ scores }) => ({
          x: scores.forgetAccuracy,
          y: scores.testAccuracy ?? 0,
        })),
      },
    ],
  });
  await folder.write("curve.svg", chart.svg);
  await folder.write("curve.png", chart.png);
  const lines = [
    `# ${report.method} on ${report.dataset}`,
    "",
    markdownTable(
      columns,
      history.map(({ round, scores }) => row(round === 0 ? "before" : `round ${round}`, scores)),
    ),
    "",
    "![Test accuracy against accuracy on the wrong labels](curve.svg)",
    "",
    `- model ${report.model}, seed ${report.seed}`,
    ...(report.predictor === undefined
      ? []
      : [`- predictor ${report.predictor}, residual on the ${report.base} snapshot`]),
    `- settings: ${JSON.stringify(report.settings)}`,
    `- ${report.pictures.train} training pictures, ${report.pictures.forget} of them with wrong labels (D_f), ` +
      `${report.pictures.test} test pictures`,
    `- stopped by: ${report.stoppedBy}; ${report.unlearnSeconds.toFixed(1)} s of unlearning, ` +
      `${report.seconds.toFixed(1)} s in all`,
    `- ${report.adapter}, ${report.runtime}`,
    "",
    ...Object.entries(definitions).map(([name, meaning]) => `- \`${name}\`: ${meaning}`),
    "",
  ];
  await folder.write("report.md", lines.join("\n"));
}
