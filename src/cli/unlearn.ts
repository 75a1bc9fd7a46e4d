/** `rewind unlearn`: makes a trained run's network forget D_f. */
import type { Command } from "commander";
import { DataError } from "../errors.ts";
import { trainSchema } from "../runs/config.ts";
import { prepareJob } from "../runs/job.ts";
import { RunFolder } from "../report/run-folder.ts";
import { loadTrained } from "../runs/train-run.ts";
import { shippedIn } from "../runs/unlearn-run.ts";
import { unlearnConfig, type UnlearnFlags, unlearnOptions } from "./unlearn-options.ts";
import { profileOption, startProfile, writeProfile } from "./profile.ts";
import { type DeviceFlags, deviceOptions, openDevice } from "./device-options.ts";
import { interruptSignal } from "./interrupt.ts";
import { integer, validate } from "./parse.ts";
import { showFinished, unlearnAndReport } from "./unlearn-job.ts";

export function registerUnlearn(root: Command): void {
  const command = root
    .command("unlearn")
    .description("make a trained network forget D_f")
    .requiredOption("--run <dir>", "folder of `rewind train`")
    .requiredOption("--out <dir>", "run folder; the same command continues an interrupted run")
    .option("--reference <dir>", "run folder of --method retrain: gaps are measured to its network")
    .option("--seed <n>", "seed of the order of D_f", integer(0), 1);
  profileOption(deviceOptions(unlearnOptions(command))).action(
    async (
      flags: UnlearnFlags &
        DeviceFlags & {
          run: string;
          out: string;
          reference?: string;
          profile?: boolean;
        },
    ) => {
      const trained = await RunFolder.open(flags.run);
      const train = validate(
        trainSchema,
        await trained.config(),
        `${flags.run}/config.json`,
        DataError,
      );
      const config = unlearnConfig(flags, train);
      const { folder, resumed } = await RunFolder.start(flags.out, {
        run: flags.run,
        train,
        unlearn: config,
        ...(await shippedIn(config)),
      });
      if (resumed && (await showFinished(folder))) return;
      const gpu = await openDevice(flags);
      startProfile(gpu, flags.profile);
      const started = performance.now();
      const job = await prepareJob(gpu, train);
      if (!(await loadTrained(trained, job, "checkpoint.safetensors"))) {
        throw new DataError(
          `"${flags.run}" has no checkpoint.safetensors: its training is not finished.`,
        );
      }
      await unlearnAndReport(folder, job, config, interruptSignal(), started, flags.reference);
      await writeProfile(gpu, folder);
    },
  );
}
