/** `rewind demo`: trains on wrong labels, rewinds them, reports: the whole mission in one command. */
import type { Command } from "commander";
import { datasets, loadDataset } from "../data/index.ts";
import { forgetRecord, forgetText, recordForget } from "../runs/forget-record.ts";
import { defaults } from "../runs/defaults.ts";
import { loadImages } from "../runs/images.ts";
import { inputsOf, recordInputs } from "../runs/inputs.ts";
import { prepareJob } from "../runs/job.ts";
import { RunFolder } from "../report/run-folder.ts";
import type { DemoConfig } from "../runs/config.ts";
import { shippedIn } from "../runs/unlearn-run.ts";
import { checkNetwork, checkTraining, checkUnlearning } from "./check-inputs.ts";
import { example } from "./examples.ts";
import { imagesFlag } from "./report.ts";
import { claimFolder, type FolderFlags, privateFlag, requireApart } from "./run-folder.ts";
import { type TrainFlags, trainConfig, trainOptions } from "./train-options.ts";
import { unlearnConfig, type UnlearnFlags, unlearnOptions } from "./unlearn-options.ts";
import { forgetConfig, forgetOptions } from "./forget-options.ts";
import { profileOption, startProfile, writeProfile } from "./profile.ts";
import { sayNotes } from "./notes.ts";
import { trainShown } from "./train-job.ts";
import { type DeviceFlags, deviceOptions, lossOption, withDevice } from "./device-options.ts";
import { interruptSignal } from "./interrupt.ts";
import { methods } from "../unlearn/methods/index.ts";
import { showFinished, unlearnAndReport } from "./unlearn-job.ts";

/** Images by default: as many as fit five minutes on a software adapter, and more of sets in files. */
const defaultCounts = { drawn: 2000, inFiles: 6000, test: 2000 };

/** Side of the images, in pixels, where only files say how large they are. */
const defaultSide = 32;

/** Steps an epoch has at least by default. */
const leastSteps = 8;

/** How many images files hold, where they alone say it; of the classes that are taken, where not all are. */
async function imagesIn(flags: DemoFlags): Promise<{ train: number; test: number } | undefined> {
  const { dataset: name, data: dir, onlyClasses: classes, train, test, testShare } = flags;
  const { drawn = false, sizes, counts } = datasets.find(name);
  if (drawn || dir === undefined) return undefined;
  const asked = train !== undefined && test !== undefined;
  if (counts !== undefined && (asked || classes === undefined)) return counts(dir, { testShare });
  if (asked || (sizes !== undefined && classes === undefined)) return undefined;
  const { imageSize: size = counts === undefined ? undefined : defaultSide } = flags;
  const split = await loadDataset({ name, dir, classes, size, testShare, seed: flags.seed });
  return { train: split.train.count, test: split.test.count };
}

/** Flags with counts, size and batch that suit the data set, where they are not given; `notes`: what is not usual. */
export async function sized(
  flags: DemoFlags,
  given: (option: string) => boolean,
): Promise<{ flags: DemoFlags; notes: string[] }> {
  const { drawn = false, sizes, counts } = datasets.find(flags.dataset);
  const usual = drawn ? defaultCounts.drawn : defaultCounts.inFiles;
  const there = await imagesIn(flags);
  if (counts === undefined || there === undefined) {
    const most = there ?? { train: Infinity, test: Infinity };
    const { train = Math.min(usual, most.train), test = Math.min(defaultCounts.test, most.test) } =
      flags;
    return { flags: { ...flags, train, test }, notes: [] };
  }
  const notes: string[] = [];
  const train = flags.train ?? Math.min(usual, there.train);
  const test = flags.test ?? Math.min(defaultCounts.test, there.test);
  if (train === there.train && test === there.test) {
    notes.push(`all ${train} training and ${test} test images of ${flags.data} are taken`);
  }
  const batch = given("batch")
    ? flags.batch
    : Math.max(1, Math.min(flags.batch, Math.floor(train / leastSteps)));
  if (batch !== flags.batch) {
    notes.push(`--batch ${batch}, for ${leastSteps} steps an epoch; ${flags.batch} is usual`);
  }
  const imageSize = flags.imageSize ?? (sizes === undefined ? defaultSide : undefined);
  if (imageSize !== flags.imageSize) {
    notes.push(`the images are seen as ${defaultSide}×${defaultSide}; --image-size chooses`);
  }
  return {
    flags: { ...flags, train, test, batch, ...(imageSize === undefined ? {} : { imageSize }) },
    notes,
  };
}

/** Flags of the command. */
export type DemoFlags = TrainFlags &
  UnlearnFlags &
  DeviceFlags &
  FolderFlags & { profile?: boolean; images: boolean };

export function registerDemo(command: Command): void {
  command
    .option("--out <dir>", "run folder; the same command continues an interrupted run", "runs/demo")
    .option(...privateFlag)
    .option(...imagesFlag);
  const usual = `${defaults.damage}; where images are named: ${defaults.scenario}`;
  forgetOptions(unlearnOptions(trainOptions(command, { scenario: usual })));
  example(
    command,
    "wrong labels on MNIST",
    "rewind demo --dataset mnist --data data/mnist --out runs/mnist",
  );
  profileOption(lossOption(deviceOptions(command))).action(async (asked: DemoFlags) => {
    const forget = await forgetConfig(asked);
    const scenario = asked.scenario ?? (forget === undefined ? defaults.damage : undefined);
    const { flags, notes } = await sized(
      { ...asked, ...(scenario === undefined ? {} : { scenario }) },
      (option) => command.getOptionValueSource(option) !== "default",
    );
    const train = await trainConfig(flags, forget);
    // A rule that needs D_f only; retraining goes to its end.
    const share = methods.find(flags.method).reference === true ? undefined : 0.5;
    const untilShare = flags.untilShare ?? share;
    const unlearn = unlearnConfig({ ...flags, untilShare }, train);
    const config: DemoConfig = { train, unlearn };
    const written = { ...config, ...(await shippedIn(unlearn)) };
    requireApart(flags.out, train.data.dir, train.forget?.dir);
    if (await RunFolder.check(flags.out, written)) {
      if (await showFinished(await RunFolder.open(flags.out))) return;
    }
    const started = performance.now();
    await checkTraining(train);
    const loaded = await loadImages(train);
    sayNotes([...notes, ...loaded.notes, forgetText(loaded.corrupted, train)]);
    checkNetwork(train, loaded);
    await checkUnlearning(unlearn, loaded, train.model);
    const folder = await claimFolder(flags, written);
    const record = await forgetRecord(loaded.corrupted, train);
    await recordInputs(folder, await inputsOf({ setup: train, unlearn, images: loaded }));
    await recordForget(folder, record);
    const signal = interruptSignal();
    await withDevice(flags, async (gpu) => {
      startProfile(gpu, flags.profile);
      const job = await prepareJob(gpu, train, { images: loaded });
      await trainShown(folder, job, "trained.safetensors", flags, signal);
      await unlearnAndReport(folder, job, config.unlearn, {
        record,
        asked: train.forget,
        images: flags.images,
        signal,
        started,
      });
      await writeProfile(gpu, folder);
    });
  });
}
