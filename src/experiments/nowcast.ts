/**
 * The experiment `nowcast`: trainings with forecasts against a plain one, over seeds.
 *
 * What is compared is how many epochs a training takes to where the plain one of the same seed ends. Each
 * (seed, arm) is a run folder of its own, resumable; the same seeds give all arms the same start.
 */
import { csvFormat } from "d3-dsv";
import { z } from "zod";
import { checkedFile } from "../runs/checked-file.ts";
import { numberSchema } from "../runs/written.ts";
import type { TrainConfig } from "../runs/config.ts";
import { loadImages } from "../runs/images.ts";
import { inputsOf, recordInputs } from "../runs/inputs.ts";
import { prepareJob } from "../runs/job.ts";
import { join, readText } from "../platform/files.ts";
import { type LineChart, lineChart, type Series } from "../figures/plot.ts";
import { RunFolder } from "../report/run-folder.ts";
import { markdownTable } from "../report/table.ts";
import { csvRecords } from "../data/csv.ts";
import type { Rows } from "./tables.ts";
import { trainInFolder } from "../runs/train-run.ts";
import { Owned } from "../gpu/owned.ts";
import { axisLabel, scoreMetric } from "../metrics/index.ts";
import { meanAndDeviation } from "../metrics/statistics.ts";
import type { NowcastConfig } from "../forecast/index.ts";
import { folderOf } from "./plan.ts";
import type { Environment } from "./trained-network.ts";

/** A competitor: a schedule and what forecasts, or a plain training. */
export interface NowcastArm {
  readonly name: string;
  readonly nowcast?: NowcastConfig;
}

/** A training by epoch, counted from 1. */
export interface EpochLine {
  readonly epoch: number;
  /** Mean training loss during the epoch, nats. */
  readonly loss: number;
  readonly testAccuracy: number;
  readonly testLoss: number;
}

/** A training's metrics.jsonl: a line an epoch. */
const curveSchema = z
  .array(
    z.looseObject({
      epoch: z.number(),
      loss: numberSchema,
      testAccuracy: numberSchema,
      testLoss: numberSchema,
    }),
  )
  .min(1);

/** Metrics measured after every epoch. */
const measured = ["testAccuracy", "testLoss"] as const satisfies readonly (keyof EpochLine)[];

/** What one arm did on one seed. */
export interface NowcastResult {
  readonly arm: string;
  readonly seed: number;
  readonly curve: readonly EpochLine[];
}

/** Nothing is to be forgotten; D_f is a part of the images in name only. */
export const nowcastScenario = { name: "standard", share: 0.02 } as const;

/** Straight lines on WNN's schedule: what a learned forecast must beat. */
export const linearArm: NowcastArm = {
  name: "linear",
  nowcast: { method: "wnn", predictor: "linear:-4:5" },
};

/** Runs every arm on every seed, or takes what finished runs left. */
export async function runNowcast(
  train: (seed: number) => TrainConfig,
  arms: readonly NowcastArm[],
  seeds: readonly number[],
  { gpu, out, watch, log }: Environment,
): Promise<NowcastResult[]> {
  const results: NowcastResult[] = [];
  for (const seed of seeds) {
    for (const { name, nowcast } of arms) {
      const config: TrainConfig = { ...train(seed), ...(nowcast === undefined ? {} : { nowcast }) };
      const path = join(out, `seed-${seed}`, folderOf(name));
      const { folder } = await RunFolder.start(path, config);
      const images = await loadImages(config);
      await recordInputs(folder, await inputsOf({ setup: config, images }));
      const started = performance.now();
      await Owned.within(async (owned) => {
        const job = owned.add(await prepareJob(gpu, config, { images }));
        await trainInFolder(folder, job, "checkpoint.safetensors", {
          watch,
          measure: () => job.evaluate({}, measured),
        });
      });
      const file = folder.file("metrics.jsonl");
      const curve = checkedFile(curveSchema, await folder.metrics(), file);
      results.push({ arm: name, seed, curve });
      const { testAccuracy, loss } = curve.at(-1)!;
      const seconds = ((performance.now() - started) / 1000).toFixed(0);
      log(
        `${name}, seed ${seed}: test accuracy ${testAccuracy.toFixed(2)} %, training loss ${loss.toFixed(4)}, ${seconds} s`,
      );
    }
  }
  return results;
}

/** The first epoch at least as good as `goal`; absent where none is. */
export function epochsTo(
  curve: readonly EpochLine[],
  of: "loss" | "testAccuracy",
  goal: number,
): number | undefined {
  return curve.find((line) => (of === "loss" ? line.loss <= goal : line.testAccuracy >= goal))
    ?.epoch;
}

/** An arm over its seeds. */
export interface NowcastSummary {
  readonly arm: string;
  readonly seeds: number;
  /** Epochs to the plain training's last loss and last test accuracy, over the seeds that get there. */
  readonly toLoss: Reached;
  readonly toAccuracy: Reached;
  readonly testAccuracy: { readonly mean: number; readonly deviation: number };
  readonly loss: { readonly mean: number; readonly deviation: number };
}

/** Mean and deviation over the seeds that reach a goal, and how many do. */
export interface Reached {
  readonly n: number;
  readonly mean?: number | undefined;
  readonly deviation?: number | undefined;
}

/** Summaries in the order of the arms, the plain training first. */
export function summariseNowcast(
  arms: readonly NowcastArm[],
  results: readonly NowcastResult[],
): NowcastSummary[] {
  const [first] = arms;
  const plain = new Map(
    results
      .filter(({ arm }) => arm === first?.name)
      .map(({ seed, curve }) => [seed, curve.at(-1)!]),
  );
  return arms.map(({ name }) => {
    const mine = results.filter(({ arm }) => arm === name);
    const reached = (of: "loss" | "testAccuracy"): Reached => {
      const epochs = mine.flatMap(
        ({ seed, curve }) => epochsTo(curve, of, plain.get(seed)![of]) ?? [],
      );
      return { n: epochs.length, ...(epochs.length === 0 ? {} : meanAndDeviation(epochs)) };
    };
    const last = (of: "loss" | "testAccuracy"): { mean: number; deviation: number } =>
      meanAndDeviation(mine.map(({ curve }) => curve.at(-1)![of]));
    return {
      arm: name,
      seeds: mine.length,
      toLoss: reached("loss"),
      toAccuracy: reached("testAccuracy"),
      testAccuracy: last("testAccuracy"),
      loss: last("loss"),
    };
  });
}

/** The summaries as a Markdown table. */
export function nowcastTable(summaries: readonly NowcastSummary[]): string {
  const { columns, rows } = nowcastRows(summaries);
  return markdownTable(columns, rows);
}

/** The summaries as a table. */
export function nowcastRows(summaries: readonly NowcastSummary[]): Rows {
  const spread = (
    { mean, deviation }: { mean?: number | undefined; deviation?: number | undefined },
    digits: number,
  ): string =>
    mean === undefined ? "–" : `${mean.toFixed(digits)} ± ${deviation!.toFixed(digits)}`;
  const plain = summaries[0]?.arm;
  const reached = (of: Reached, seeds: number): string =>
    `${spread(of, 1)}${of.n < seeds && of.n > 0 ? ` (${of.n} of ${seeds})` : ""}`;
  return {
    columns: [
      { title: "training" },
      { title: `epochs to the last loss of ${plain}` },
      { title: `epochs to the last test accuracy of ${plain}` },
      { title: "last test accuracy, %" },
      { title: "last training loss" },
    ],
    rows: summaries.map(({ arm, seeds, toLoss, toAccuracy, testAccuracy, loss }) => [
      arm,
      reached(toLoss, seeds),
      reached(toAccuracy, seeds),
      spread(testAccuracy, 2),
      spread(loss, 4),
    ]),
  };
}

/** One line an epoch of every run. */
export function nowcastCsv(results: readonly NowcastResult[]): string {
  const rows = results.flatMap(({ arm, seed, curve }) =>
    curve.map((line) => ({
      ...{ arm, seed, epoch: line.epoch, loss: line.loss },
      ...Object.fromEntries(measured.map((name) => [name, line[name]])),
    })),
  );
  return `${csvFormat(rows)}\n`;
}

/** Reads what {@link nowcastCsv} wrote. */
export async function readNowcast(path: string): Promise<NowcastResult[]> {
  const runs = new Map<string, NowcastResult & { curve: EpochLine[] }>();
  for (const row of csvRecords(await readText(path), path)) {
    const key = `${row["seed"]} ${row["arm"]}`;
    const run = runs.get(key) ?? { arm: row["arm"] ?? "", seed: Number(row["seed"]), curve: [] };
    const scores = Object.fromEntries(measured.map((name) => [name, Number(row[name])]));
    run.curve.push({
      epoch: Number(row["epoch"]),
      loss: Number(row["loss"]),
      ...(scores as Pick<EpochLine, (typeof measured)[number]>),
    });
    runs.set(key, run);
  }
  return [...runs.values()];
}

/** Charts of mean curves with bands of one standard deviation. */
export function nowcastCharts(
  arms: readonly Pick<NowcastArm, "name">[],
  results: readonly NowcastResult[],
  dataset: string,
): { readonly name: string; readonly chart: LineChart }[] {
  const seeds = new Set(results.map(({ seed }) => seed)).size;
  const axes = [
    { name: measured[0], label: axisLabel(scoreMetric(measured[0])) },
    { name: "loss", label: "training loss (nats)" },
  ] as const;
  return axes.map(({ name, label }) => {
    const series = arms.map((arm): Series => {
      const curves = results.filter((result) => result.arm === arm.name).map(({ curve }) => curve);
      const points = (curves[0] ?? []).map(({ epoch }, i) => {
        const { mean, deviation } = meanAndDeviation(curves.map((curve) => curve[i]![name]));
        return { x: epoch, y: mean, low: mean - deviation, high: mean + deviation };
      });
      return { name: arm.name, points };
    });
    const chart = {
      title: "Nowcasting",
      subtitle: `${dataset}, mean and standard deviation of ${seeds} seeds`,
      xLabel: "epoch",
      yLabel: label,
      series,
    };
    return { name, chart };
  });
}

/** Figures of {@link nowcastCharts}; none where the packages that draw are not installed. */
export async function nowcastFigures(
  arms: readonly NowcastArm[],
  results: readonly NowcastResult[],
  dataset: string,
): Promise<{ name: string; svg: string; png: Uint8Array }[]> {
  const drawn: { name: string; svg: string; png: Uint8Array }[] = [];
  for (const { name, chart } of nowcastCharts(arms, results, dataset)) {
    const figure = await lineChart(chart);
    if (figure !== undefined) drawn.push({ name, ...figure });
  }
  return drawn;
}
