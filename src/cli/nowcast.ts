/** `rewind experiment nowcast`: trainings with forecasts against plain ones. */
import { absolutePredictor } from "../predictors/index.ts";
import { experimentPage } from "../experiments/experiment-page.ts";
import type { Command } from "commander";
import { UsageError } from "../errors.ts";
import type { TrainConfig } from "../runs/config.ts";
import {
  linearArm,
  type NowcastArm,
  nowcastCsv,
  nowcastFigures,
  nowcastTable,
  runNowcast,
  summariseNowcast,
} from "../experiments/nowcast.ts";
import { defaultLimits, limitsOf } from "../gpu/dry.ts";
import { loadSplit } from "../runs/images.ts";
import { withAdvice } from "../runs/memory-advice.ts";
import { countsOf, type PlannedRun, planRun } from "../runs/memory-plan.ts";
import { pageText } from "../report/page.ts";
import { adapterLine, pageFile } from "../report/report.ts";
import { RunFolder } from "../report/run-folder.ts";
import { numbersLine } from "../report/written-numbers.ts";
import { forecasters } from "../forecast/index.ts";
import { listed } from "../registry.ts";
import { checkTraining } from "./check-inputs.ts";
import { type NonfiniteFlags, takenPredictor } from "./nonfinite.ts";
import { claimFolder, type FolderFlags } from "./run-folder.ts";
import { answer } from "./output.ts";
import { withRuns } from "./progress.ts";
import { type DeviceFlags, precisionOf, withDevice } from "./device-options.ts";
import { interruptSignal } from "./interrupt.ts";
import { texts } from "./parse.ts";
import { refuseUnused, settingOptions, settingsGiven } from "./setting-options.ts";

/** What `rewind experiment nowcast` is told. */
export interface NowcastFlags extends DeviceFlags, NonfiniteFlags, FolderFlags {
  readonly dataset: string;
  readonly seeds: number;
  readonly firstSeed: number;
  readonly optimizer?: string;
  /** `METHOD=PATH`, see `rewind train --nowcast`. */
  readonly forecaster?: readonly string[];
}

/** Forecasters with the options they have in the experiment. */
function competing() {
  return forecasters.all.map(({ name, settings, experiment }) => ({
    ...{ name, settings },
    options: experiment?.options ?? [],
  }));
}

/** Adds the options of the experiment alone. */
export function nowcastOptions(command: Command): Command {
  const places = forecasters.all.map(({ name, takes }) => `${name}=${takes.place}`);
  command.option(
    "--forecaster <method=path>",
    `nowcast: a competitor, ${listed(places, "or")} (repeatable)`,
    texts,
  );
  return settingOptions(command, competing());
}

/** The arm that `METHOD=PATH` stands for, in trainings of so many steps. */
function armOf(text: string, flags: NowcastFlags, steps: number): NowcastArm {
  const [, method = "", predictor] = /^([^=]+)=(.+)$/.exec(text) ?? [];
  if (!forecasters.has(method) || predictor === undefined) {
    const known = forecasters.names.map((name) => `${name}=PATH`);
    throw new UsageError(`--forecaster "${text}": it is ${listed(known, "or")}.`);
  }
  const { settings, experiment } = forecasters.find(method);
  const given = settingsGiven({ name: method, settings }, competing(), flags);
  const file = predictor.replace(/^.*\//, "");
  return {
    name: `${method} (${file})`,
    nowcast: {
      method,
      predictor: takenPredictor(absolutePredictor(predictor), flags),
      ...experiment?.settings(steps),
      ...given,
    },
  };
}

/** The training of the arm that takes most memory: what fits it fits all. */
async function largestRun(train: TrainConfig, arms: readonly NowcastArm[]): Promise<PlannedRun> {
  const images = countsOf(await loadSplit(train));
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
  const steps = config.epochs * Math.ceil(images / config.batch);
  const arms = [
    { name: flags.optimizer ?? config.optimizer.name },
    linearArm,
    ...(flags.forecaster ?? []).map((text) => armOf(text, flags, steps)),
  ];
  const chosen = new Set(arms.map(({ nowcast }) => nowcast?.method));
  refuseUnused(
    competing().filter(({ name }) => chosen.has(name)),
    competing(),
    flags,
    "no --forecaster uses it",
  );
  const written = { experiment: "nowcast", train: config, ...precisionOf(flags) };
  await RunFolder.check(flags.out, written);
  for (const { nowcast } of arms) await checkTraining({ ...config, nowcast });
  await loadSplit(config);
  const folder = await claimFolder(flags, written);
  const signal = interruptSignal();
  const { adapter, results } = await withDevice(flags, async (gpu) => ({
    adapter: gpu.adapter,
    results: await withAdvice(
      () => largestRun(config, arms),
      limitsOf(gpu),
      () =>
        withRuns("nowcast", arms.length * seeds.length, signal, (told) =>
          runNowcast(train, arms, seeds, { gpu, out: flags.out, ...told }),
        ),
    ),
  }));
  const summaries = summariseNowcast(arms, results);
  await folder.write("results.csv", nowcastCsv(results));
  const numbers = {
    experiment: "nowcast",
    dataset: flags.dataset,
    seeds,
    adapter: adapterLine(adapter),
    runtime: adapter.runtimeVersion,
    summaries,
  };
  await folder.writeJson("results.json", numbers);
  const figures = await nowcastFigures(arms, results, flags.dataset);
  for (const { name, svg, png } of figures) {
    await folder.write(`${name}.svg`, svg);
    await folder.write(`${name}.png`, png);
  }
  const table = nowcastTable(summaries);
  const report = [
    `# Nowcasting (${flags.dataset})`,
    "",
    `Seeds ${numbersLine(seeds)}; ${config.epochs} epochs of ${images} images. Epochs to where ${summaries[0]!.arm} of the same ` +
      "seed ends; mean ± standard deviation over the seeds that get there.",
    "",
    table,
    "",
    ...figures.map(({ name }) => `![${name} by epoch](${name}.svg)\n`),
    `${adapterLine(adapter)}, ${adapter.runtimeVersion}.`,
    "",
  ];
  await folder.write(pageFile, pageText(await experimentPage(folder.path)));
  await folder.write("report.md", report.join("\n"));
  answer({ folder: folder.path, ...numbers }, `${table}\n\nreport: ${folder.file("report.md")}`);
}
