/** `rewind train`: trains a network on data of which a part is to be forgotten. */
import type { Command } from "commander";
import { limitsOf } from "../gpu/dry.ts";
import { loadImages } from "../runs/images.ts";
import { forgetRecord, forgetText, recordForget } from "../runs/forget-record.ts";
import { inputsOf, recordInputs } from "../runs/inputs.ts";
import { prepareJob } from "../runs/job.ts";
import { withAdvice } from "../runs/memory-advice.ts";
import { countsOf } from "../runs/memory-plan.ts";
import { scoresText } from "../report/report.ts";
import { RunFolder } from "../report/run-folder.ts";
import { checkNetwork, checkTraining } from "./check-inputs.ts";
import { example } from "./examples.ts";
import { claimFolder, type FolderFlags, privateFlag, requireApart } from "./run-folder.ts";
import { type TrainFlags, trainConfig, trainOptions } from "./train-options.ts";
import { forgetConfig, forgetOptions } from "./forget-options.ts";
import { profileOption, startProfile, writeProfile } from "./profile.ts";
import { sayNotes } from "./notes.ts";
import { answer } from "./output.ts";
import { duration } from "./duration.ts";
import { withProgress } from "./progress.ts";
import { trainShown } from "./train-job.ts";
import { type DeviceFlags, deviceOptions, lossOption, withDevice } from "./device-options.ts";
import { interruptSignal } from "./interrupt.ts";

export function registerTrain(command: Command): void {
  command
    .requiredOption("--out <dir>", "run folder; the same command continues an interrupted run")
    .option(...privateFlag);
  example(
    command,
    "a network for MNIST that 20 % of the images were labelled wrongly for",
    "rewind fetch mnist --dir mnist && rewind train --data mnist --epochs 10",
    "--scenario label-noise --share 0.2 --out runs/trained",
  );
  profileOption(
    lossOption(
      deviceOptions(
        forgetOptions(trainOptions(command, { tasks: ["classification", "diffusion"] })),
      ),
    ),
  ).action(async (flags: TrainFlags & DeviceFlags & FolderFlags & { profile?: boolean }) => {
    const started = performance.now();
    const config = await trainConfig(flags, await forgetConfig(flags));
    requireApart(flags.out, config.data.dir, config.forget?.dir);
    await RunFolder.check(flags.out, config);
    await checkTraining(config);
    const images = await loadImages(config);
    sayNotes([...images.notes, forgetText(images.corrupted, config)]);
    checkNetwork(config, images);
    const { corrupted, test } = images;
    const folder = await claimFolder(flags, config);
    await recordInputs(folder, await inputsOf({ setup: config, images }));
    await recordForget(folder, await forgetRecord(corrupted, config));
    const signal = interruptSignal();
    await withDevice(flags, async (gpu) => {
      startProfile(gpu, flags.profile);
      const named = config.forget && corrupted.forget;
      const run = { train: config, images: countsOf({ train: corrupted.train, test }, named) };
      const job = await withAdvice(run, limitsOf(gpu), async () => {
        const prepared = await prepareJob(gpu, config, { images });
        await trainShown(folder, prepared, "checkpoint.safetensors", flags, signal);
        return prepared;
      });
      const scores = await withProgress("measuring", signal, (watch) => job.evaluate(watch), true);
      const seconds = (performance.now() - started) / 1000;
      const adapter = gpu.adapter.description;
      const gpuBytes = gpu.peakBytes;
      const report = { ...scores, seed: config.seed, adapter, seconds, gpuBytes };
      await folder.writeJson("report.json", report);
      await writeProfile(gpu, folder);
      const place = `network: ${folder.file("checkpoint.safetensors")} (${duration(seconds)})`;
      answer(
        { folder: flags.out, ...scores, gpuBytes },
        `${scoresText([{ name: "trained", scores }])}\n\n${place}`,
      );
    });
  });
}
