/** `rewind lira`: how much of D_f an unlearning method leaves behind, by a strong attack. */
import type { Command } from "commander";
import { requireTargets, runLira } from "../experiments/lira.ts";
import { limitsOf } from "../gpu/dry.ts";
import { loadSplit } from "../runs/images.ts";
import { inputsOf, recordInputs } from "../runs/inputs.ts";
import type { Measurement } from "../metrics/measurement.ts";
import { withAdvice } from "../runs/memory-advice.ts";
import { countsOf, type PlannedRun } from "../runs/memory-plan.ts";
import { RunFolder } from "../report/run-folder.ts";
import { shippedIn } from "../runs/unlearn-run.ts";
import { textTable } from "../report/table.ts";
import { checkSettings, checkTraining, checkUnlearning } from "./check-inputs.ts";
import { example } from "./examples.ts";
import { claimFolder, type FolderFlags, privateFlag, requireApart } from "./run-folder.ts";
import { answer } from "./output.ts";
import { withRuns } from "./progress.ts";
import { type TrainFlags, trainConfig, trainOptions } from "./train-options.ts";
import { unlearnConfig, type UnlearnFlags, unlearnOptions } from "./unlearn-options.ts";
import { type DeviceFlags, deviceOptions, lossOption, withDevice } from "./device-options.ts";
import { interruptSignal } from "./interrupt.ts";
import { integer, most } from "./parse.ts";

type LiraFlags = TrainFlags &
  UnlearnFlags &
  DeviceFlags &
  FolderFlags & { shadows: number; targets: number };

export function registerLira(command: Command): void {
  command
    .requiredOption("--out <dir>", "folder; the same command continues an interrupted attack")
    .option(...privateFlag)
    .option("--shadows <n>", "shadow models to train", integer(4, most.networks), 16)
    .option(
      "--targets <n>",
      "images under attack, half of them in each model's D_f",
      integer(1, most.images),
      200,
    );
  example(
    command,
    "can what salun forgot still be told, on drawn digits?",
    "rewind lira --method salun --shadows 8 --targets 100 --out runs/lira",
  );
  lossOption(deviceOptions(unlearnOptions(trainOptions(command)))).action(
    async (flags: LiraFlags) => {
      const train = await trainConfig({
        ...flags,
        train: flags.train ?? 1000,
        test: flags.test ?? 1000,
      });
      const unlearn = unlearnConfig(flags, train);
      const protocol = { train, unlearn, models: flags.shadows, targets: flags.targets };
      requireApart(flags.out, train.data.dir);
      await RunFolder.check(flags.out, protocol);
      await checkTraining(train);
      await checkUnlearning(unlearn);
      const split = await loadSplit(train);
      await checkSettings(unlearn, train.model, split.train);
      requireTargets(protocol, split.train.count);
      const folder = await claimFolder(flags, protocol);
      // Among what it reads and not in its configuration, so that folders of earlier versions go on.
      const { shippedPredictor: shipped } = await shippedIn(unlearn);
      await recordInputs(folder, {
        ...(await inputsOf({ setup: train, unlearn, splits: [split] })),
        ...(shipped !== undefined && { "shipped predictor": shipped }),
      });
      // Of the shadow models' size, but for the targets that are not in their D_f.
      const planned: PlannedRun = { train, unlearn, images: countsOf(split) };
      const signal = interruptSignal();
      const result = await withDevice(flags, (gpu) =>
        withAdvice(planned, limitsOf(gpu), () =>
          withRuns("shadow models", flags.shadows, signal, (told) =>
            runLira(gpu, protocol, flags.out, { ...told, saveEveryMs: 1000 * flags.saveEvery }),
          ),
        ),
      );
      const { scores: _, ...metrics } = result;
      const report = { method: unlearn.method, settings: unlearn.settings, ...metrics };
      await folder.writeJson("lira.json", report);
      const rows = Object.values(metrics).map((metric: Measurement) => [
        metric.name,
        metric.value?.toFixed(3) ?? metric.missing ?? "–",
        metric.n,
      ]);
      const columns = [{ title: unlearn.method }, { title: "" }, { title: "pairs", decimals: 0 }];
      answer(
        { folder: folder.path, ...report },
        `${textTable(columns, rows)}\n\nstandard error of the AUC: ` +
          `${result.auc.standardError.toFixed(3)}; ${folder.file("lira.json")}`,
      );
    },
  );
}
