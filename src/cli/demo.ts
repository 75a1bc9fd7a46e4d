/** `rewind demo`: trains on wrong labels, rewinds them, reports: the whole mission in one command. */
import type { Command } from "commander";
import { datasets } from "../data/index.ts";
import { forgetRecord, recordForget } from "../runs/forget-record.ts";
import { loadImages } from "../runs/images.ts";
import { prepareJob } from "../runs/job.ts";
import { RunFolder } from "../report/run-folder.ts";
import type { DemoConfig } from "../runs/config.ts";
import { shippedIn } from "../runs/unlearn-run.ts";
import { trainInFolder } from "../runs/train-run.ts";
import { type TrainFlags, trainConfig, trainOptions } from "./train-options.ts";
import { unlearnConfig, type UnlearnFlags, unlearnOptions } from "./unlearn-options.ts";
import { forgetConfig, forgetOptions } from "./forget-options.ts";
import { sayNotes } from "./notes.ts";
import { profileOption, startProfile, writeProfile } from "./profile.ts";
import { withProgress } from "./progress.ts";
import { type DeviceFlags, deviceOptions, openDevice } from "./device-options.ts";
import { interruptSignal } from "./interrupt.ts";
import { methods } from "../unlearn/methods/index.ts";
import { showFinished, unlearnAndReport } from "./unlearn-job.ts";

/** Training images by default: as many as fit five minutes on a software adapter, and more of sets in files. */
const defaultCounts = { drawn: 2000, inFiles: 6000 };

export function registerDemo(root: Command): void {
  const command = root
    .command("demo")
    .description("train on damaged data (20 % wrong labels), unlearn it, report what changed")
    .option(
      "--out <dir>",
      "run folder; the same command continues an interrupted run",
      "runs/demo",
    );
  forgetOptions(unlearnOptions(trainOptions(command)));
  profileOption(deviceOptions(command)).action(
    async (flags: TrainFlags & UnlearnFlags & DeviceFlags & { out: string; profile?: boolean }) => {
      const { drawn = false } = datasets.find(flags.dataset);
      const images = drawn ? defaultCounts.drawn : defaultCounts.inFiles;
      const train = await trainConfig(
        { ...flags, train: flags.train ?? images, test: flags.test ?? 2000 },
        await forgetConfig(flags),
      );
      // A rule that needs D_f only; retraining goes to its end.
      const share = methods.find(flags.method).reference === true ? undefined : 0.5;
      const untilShare = flags.untilShare ?? share;
      const unlearn = unlearnConfig({ ...flags, untilShare }, train);
      const config: DemoConfig = { train, unlearn };
      const { folder, resumed } = await RunFolder.start(flags.out, {
        ...config,
        ...(await shippedIn(unlearn)),
      });
      if (resumed && (await showFinished(folder))) return;
      const started = performance.now();
      const loaded = await loadImages(train);
      sayNotes(loaded.notes);
      const record = await forgetRecord(loaded.corrupted, train);
      await recordForget(folder, record);
      const gpu = await openDevice(flags);
      startProfile(gpu, flags.profile);
      const job = await prepareJob(gpu, train, { images: loaded });
      const signal = interruptSignal();
      await withProgress("training", signal, (watch) =>
        trainInFolder(folder, job, "trained.safetensors", { watch }),
      );
      await unlearnAndReport(folder, job, config.unlearn, { record, signal, started });
      await writeProfile(gpu, folder);
    },
  );
}
