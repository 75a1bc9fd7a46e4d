/** `rewind evaluate`: scores of a run's network. */
import type { Command } from "commander";
import { DataError } from "../errors.ts";
import { readRunNetwork } from "../runs/given-network.ts";
import { loadImages } from "../runs/images.ts";
import { changedNotes } from "../runs/inputs.ts";
import { prepareJob } from "../runs/job.ts";
import { recordedSchema } from "../runs/recorded-run.ts";
import { scoresText } from "../report/report.ts";
import { scoreDefinitions } from "../metrics/index.ts";
import { RunFolder } from "../report/run-folder.ts";
import { checkNetwork } from "./check-inputs.ts";
import { example } from "./examples.ts";
import { interruptSignal } from "./interrupt.ts";
import { loadOwnModel } from "./model-file.ts";
import { sayNotes } from "./notes.ts";
import { answer } from "./output.ts";
import { withProgress } from "./progress.ts";
import { type DeviceFlags, deviceOptions, openDevice } from "./device-options.ts";
import { type NonfiniteFlags, nonfiniteOption } from "./nonfinite.ts";
import { validate } from "./parse.ts";

export function registerEvaluate(command: Command): void {
  command
    .requiredOption("--run <dir>", "folder of `rewind train`, `unlearn` or `demo`")
    .option("--checkpoint <name>", "which checkpoint of the folder", "checkpoint.safetensors");
  example(
    command,
    "the network that an unlearning left, and the one it started from",
    "rewind evaluate --run runs/demo && rewind evaluate --run runs/demo",
    "--checkpoint trained.safetensors",
  );
  deviceOptions(nonfiniteOption(command)).action(
    async (flags: DeviceFlags & NonfiniteFlags & { run: string; checkpoint: string }) => {
      const folder = await RunFolder.open(flags.run);
      const config = await folder.config();
      await loadOwnModel(config);
      const { setup, forget } = validate(
        recordedSchema,
        config,
        `${flags.run}/config.json`,
        DataError,
      );
      await folder.requireCheckpoint(flags.checkpoint);
      const given = await readRunNetwork(folder.file(flags.checkpoint), {
        model: setup.model,
        allowNonfinite: flags.allowNonfinite ?? setup.allowNonfinite,
      });
      const images = await loadImages(setup, { given, forget });
      sayNotes([...images.notes, ...(await changedNotes(folder, images))]);
      checkNetwork(setup, images, given);
      const gpu = await openDevice(flags);
      const job = await prepareJob(gpu, setup, { images, given, forget });
      const scores = await withProgress(
        "measuring",
        interruptSignal(),
        (watch) => job.evaluate(watch),
        true,
      );
      const counts = { forget: job.forget.length, retain: job.retain.length, test: job.test.count };
      const { run, checkpoint } = flags;
      answer(
        {
          run,
          checkpoint,
          ...scores,
          images: counts,
          definitions: scoreDefinitions(job.task.name),
        },
        `${scoresText([{ name: checkpoint, scores }])}\n\n${run}: ${imagesText(counts)}`,
      );
    },
  );
}

function imagesText(counts: Readonly<Record<"forget" | "retain" | "test", number>>): string {
  return `${counts.forget} images in D_f, ${counts.retain} in D_r, ${counts.test} test images.`;
}
