/** `rewind predictor record`: a library of trajectories. */
import { type Command, InvalidArgumentError } from "commander";
import { UsageError } from "../errors.ts";
import { datasets, loadDataset } from "../data/index.ts";
import type { Split } from "../data/source.ts";
import { absolutePath, exists } from "../platform/files.ts";
import {
  encodeHistories,
  libraryArchitectures,
  type LibrarySettings,
  type LibrarySource,
  libraryTraining,
  recordLibraryTraining,
} from "../predictors-lab/library.ts";
import { inputsOf, recordInputs } from "../runs/inputs.ts";
import { defaults } from "../runs/defaults.ts";
import { RunFolder } from "../report/run-folder.ts";
import { example } from "./examples.ts";
import { claimFolder, requireApart } from "./run-folder.ts";
import { answer } from "./output.ts";
import { withProgress } from "./progress.ts";
import { type DeviceFlags, deviceOptions, openDevice, precisionOf } from "./device-options.ts";
import { interruptSignal } from "./interrupt.ts";
import { integer, most, repeatable } from "./parse.ts";

interface RecordFlags extends DeviceFlags {
  readonly out: string;
  readonly trainings: number;
  readonly seed: number;
  readonly length: number;
  readonly perTensor: number;
  readonly source?: readonly LibrarySource[];
  readonly architectures?: string;
}

/** `NAME` or `NAME=DIR`. */
function source(text: string, before: LibrarySource[] = []): LibrarySource[] {
  const [name = "", dir] = text.split(/=(.*)/s);
  if (!datasets.has(name) || dir?.trim() === "") {
    throw new InvalidArgumentError(
      `it is a data set (${datasets.names.join(", ")}), or one with its folder: mnist=DIR.`,
    );
  }
  if (datasets.find(name).folder !== (dir !== undefined)) {
    throw new InvalidArgumentError(
      dir === undefined
        ? `${name} is read from files: give its folder, ${name}=DIR.`
        : `${name} is drawn, and takes no folder.`,
    );
  }
  const data = { name, ...(dir === undefined ? {} : { dir: absolutePath(dir) }) };
  const known = before.some((one) => one.name === name && one.data.dir === data.dir);
  if (known) throw new InvalidArgumentError("it is there already.");
  return [...before, { name, data }];
}

/** The option `--source`. */
export function sourceOption(command: Command): Command {
  return command.option(
    "--source <name[=dir]>",
    `images (repeatable; default: ${defaults.dataset})`,
    repeatable(source),
  );
}

export function registerPredictorRecord(group: Command): void {
  const command = group
    .command("record")
    .description(
      "a library of trajectories to fit predictors to; the same command goes on or grows it",
    )
    .requiredOption("--out <dir>", "folder of the library")
    .option(
      "--trainings <n>",
      "trainings in all, each with three fine-tunings",
      integer(1, most.networks),
      60,
    );
  sourceOption(command)
    .option("--architectures <list>", `networks (default: ${libraryArchitectures.join(",")})`)
    .option(
      "--length <n>",
      "snapshots of a window, history and horizon together",
      integer(6, 10_000),
      25,
    )
    .option(
      "--per-tensor <n>",
      "weights of a tensor that are kept at most",
      integer(1, most.images),
      400,
    )
    .option("--seed <n>", "seed of everything random", integer(0), 1);
  example(
    command,
    "trainings on drawn digits and on MNIST",
    "rewind predictor record --source synthetic --source mnist=data/mnist",
    "--out runs/library",
  );
  deviceOptions(command).action(async (flags: RecordFlags) => {
    const sources = flags.source ?? [{ name: defaults.dataset, data: { name: defaults.dataset } }];
    const architectures = flags.architectures?.split(",") ?? [...libraryArchitectures];
    const unknown = architectures.find(
      (name) => !libraryArchitectures.includes(name as (typeof libraryArchitectures)[number]),
    );
    if (unknown !== undefined) {
      throw new UsageError(
        `no network "${unknown}" here; there are: ${libraryArchitectures.join(", ")}.`,
      );
    }
    const settings: LibrarySettings = {
      seed: flags.seed,
      length: flags.length,
      perTensor: flags.perTensor,
      architectures: architectures as LibrarySettings["architectures"],
    };
    requireApart(flags.out, ...sources.map(({ data }) => data.dir));
    const written = { ...settings, sources, ...precisionOf(flags) };
    await RunFolder.check(flags.out, written);
    const splits: Split[] = [];
    for (const { data } of sources) splits.push(await loadDataset({ ...data, seed: flags.seed }));
    const folder = await claimFolder(flags, written);
    await recordInputs(folder, await inputsOf({ splits }));
    const gpu = await openDevice(flags);
    const signal = interruptSignal();
    const entries: object[] = [];
    for (let i = 0; i < flags.trainings; i++) {
      const training = libraryTraining(i, sources, settings);
      const file = `training-${String(i + 1).padStart(4, "0")}.safetensors`;
      const { model, optimizer } = training.train;
      const what = `${model.name}, ${training.source}, ${optimizer.name}`;
      const label = `training ${i + 1} of ${flags.trainings} (${what})`;
      if (!(await exists(folder.file(file)))) {
        const histories = await withProgress(label, signal, (watch) =>
          recordLibraryTraining(gpu, training, settings, watch),
        );
        const { tensors, metadata } = encodeHistories(histories, settings.length);
        await folder.writeCheckpoint(file, tensors, metadata);
      }
      // Folders of this machine stay out of the manifest.
      const { dir: _, ...data } = training.train.data;
      entries.push({ file, ...training, train: { ...training.train, data } });
    }
    await folder.writeJson("manifest.json", {
      format: "rewind library 1",
      ...settings,
      sources: sources.map(({ name }) => name),
      loss: "steps in half precision: each off by at most 2^-11 of itself or 2^-25 of its tensor's largest",
      adapter: gpu.adapter.description,
      trainings: entries,
    });
    answer(
      { folder: flags.out, trainings: entries.length },
      `${entries.length} trainings in ${flags.out}`,
    );
  });
}
