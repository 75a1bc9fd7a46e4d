/** `rewind evaluate`: scores of a run's network. */
import type { Command } from "commander";
import { z } from "zod";
import { DataError } from "../errors.ts";
import { trainSchema } from "../runs/config.ts";
import { prepareJob } from "../runs/job.ts";
import { scoreDefinitions } from "../metrics/index.ts";
import { RunFolder } from "../report/run-folder.ts";
import { loadTrained } from "../runs/train-run.ts";
import { type DeviceFlags, deviceOptions, openDevice } from "./device-options.ts";
import { validate } from "./parse.ts";

/** A run's config.json is a training's, or has one under `train`. */
const runSchema = z.union([trainSchema, z.looseObject({ train: trainSchema })]);

export function registerEvaluate(root: Command): void {
  const command = root
    .command("evaluate")
    .description("accuracy of a run's network on D_f, D_r and the test images")
    .requiredOption("--run <dir>", "folder of `rewind train`, `unlearn` or `demo`")
    .option("--checkpoint <name>", "which checkpoint of the folder", "checkpoint.safetensors");
  deviceOptions(command).action(
    async (flags: DeviceFlags & { run: string; checkpoint: string }) => {
      const folder = await RunFolder.open(flags.run);
      const config = validate(
        runSchema,
        await folder.config(),
        `${flags.run}/config.json`,
        DataError,
      );
      const gpu = await openDevice(flags);
      const job = await prepareJob(gpu, "train" in config ? config.train : config);
      if (!(await loadTrained(folder, job, flags.checkpoint))) {
        throw new DataError(`"${flags.run}" has no ${flags.checkpoint}.`);
      }
      const scores = await job.evaluate();
      const counts = { forget: job.forget.length, retain: job.retain.length, test: job.test.count };
      console.log(
        JSON.stringify(
          {
            run: flags.run,
            checkpoint: flags.checkpoint,
            ...scores,
            pictures: counts,
            definitions: scoreDefinitions(),
          },
          null,
          2,
        ),
      );
    },
  );
}
