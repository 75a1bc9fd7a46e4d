/** `rewind experiment nowcast`: trainings with forecasts against plain Adam. */
import { UsageError } from "../errors.ts";
import type { TrainConfig } from "../runs/config.ts";
import {
  type NowcastArm,
  nowcastCsv,
  nowcastFigures,
  nowcastTable,
  plainArm,
  runNowcast,
  summariseNowcast,
} from "../experiments/nowcast.ts";
import { defaultLimits, limitsOf } from "../gpu/dry.ts";
import { loadData } from "../runs/job.ts";
import { withAdvice } from "../runs/memory-advice.ts";
import { countsOf, type PlannedRun, planRun } from "../runs/memory-plan.ts";
import { adapterLine } from "../report/report.ts";
import { RunFolder } from "../report/run-folder.ts";
import type { NowcastConfig } from "../forecast/nowcast.ts";
import { type DeviceFlags, openDevice } from "./device-options.ts";
import { interruptSignal } from "./interrupt.ts";

/** What `rewind experiment nowcast` is told. */
export interface NowcastFlags extends DeviceFlags {
  readonly out: string;
  readonly dataset: string;
  readonly seeds: number;
  readonly firstSeed: number;
  /** `METHOD=PATH`, see `rewind train --nowcast`. */
  readonly forecaster: readonly string[];
  readonly period?: number;
}

/** Straight lines on WNN's schedule: what a learned forecast must beat. */
const linearArm: NowcastArm = {
  name: "linear",
  nowcast: { method: "wnn", predictor: "linear:-4:5" },
};

/** Plain Adam, the line, and an arm for each forecaster; NiNo's forecasts are ten a training by default. */
function armsOf(flags: NowcastFlags, steps: number): NowcastArm[] {
  const period = flags.period ?? Math.max(5, 5 * Math.floor(steps / 50));
  const given = flags.forecaster.map((text): NowcastArm => {
    const [, method, predictor] = /^(wnn|introspection|nino)=(.+)$/.exec(text) ?? [];
    if (method === undefined || predictor === undefined) {
      throw new UsageError(
        `--forecaster "${text}": it is wnn=PATH, introspection=PATH or nino=PATH.`,
      );
    }
    const nowcast =
      method === "nino"
        ? { method, predictor, period }
        : { method: method as "wnn" | "introspection", predictor };
    const file = predictor.replace(/^.*\//, "");
    return { name: `${method} (${file})`, nowcast: nowcast as NowcastConfig };
  });
  return [{ name: plainArm }, linearArm, ...given];
}

/** The training of the arm that takes most memory: what fits it fits all. */
async function largestRun(train: TrainConfig, arms: readonly NowcastArm[]): Promise<PlannedRun> {
  const images = countsOf(await loadData(train));
  const runs = arms.map(({ nowcast }) => ({ train: { ...train, nowcast }, images }));
  const unlimited = { ...defaultLimits, maxBinding: Infinity, maxBuffer: Infinity };
  const plans = await Promise.all(runs.map((run) => planRun(run, unlimited)));
  const peaks = plans.map(({ peak }) => peak);
  return runs[peaks.indexOf(Math.max(...peaks))]!;
}

/** Runs the experiment and writes table, curves and numbers. */
export async function nowcastExperiment(
  train: (seed: number) => TrainConfig,
  flags: NowcastFlags,
): Promise<void> {
  const seeds = Array.from({ length: flags.seeds }, (_, i) => flags.firstSeed + i);
  const config: TrainConfig = train(0);
  const images = config.data.trainCount;
  if (images === undefined) throw new UsageError("experiment nowcast: give --train.");
  const arms = armsOf(flags, config.epochs * Math.ceil(images / config.batch));
  const { folder } = await RunFolder.start(flags.out, { experiment: "nowcast", train: config });
  const gpu = await openDevice(flags);
  const results = await withAdvice(
    () => largestRun(config, arms),
    limitsOf(gpu),
    () =>
      runNowcast(train, arms, seeds, {
        gpu,
        out: flags.out,
        watch: { signal: interruptSignal() },
        log: (line) => console.error(line),
      }),
  );
  const summaries = summariseNowcast(arms, results);
  await folder.write("results.csv", nowcastCsv(results));
  await folder.writeJson("results.json", {
    experiment: "nowcast",
    dataset: flags.dataset,
    seeds,
    adapter: adapterLine(gpu.adapter),
    runtime: gpu.adapter.runtimeVersion,
    summaries,
  });
  const figures = await nowcastFigures(arms, results, flags.dataset);
  for (const { name, svg, png } of figures) {
    await folder.write(`${name}.svg`, svg);
    await folder.write(`${name}.png`, png);
  }
  const table = nowcastTable(summaries);
  const report = [
    `# Nowcasting (${flags.dataset})`,
    "",
    `Seeds ${seeds.join(", ")}; ${config.epochs} epochs of ${images} images. Epochs to where plain Adam of the same ` +
      "seed ends; mean ± standard deviation over the seeds that get there.",
    "",
    table,
    "",
    ...figures.map(({ name }) => `![${name} by epoch](${name}.svg)\n`),
    `${adapterLine(gpu.adapter)}, ${gpu.adapter.runtimeVersion}.`,
    "",
  ];
  await folder.write("report.md", report.join("\n"));
  console.log(table);
  console.log(`\nreport: ${folder.file("report.md")}`);
}
