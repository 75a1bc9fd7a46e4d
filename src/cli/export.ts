/** `rewind export`: a checkpoint under the names and in the layouts of PyTorch's networks. */
import { type Command, Option } from "commander";
import { DataError, UsageError } from "../errors.ts";
import { type ModelConfig, networks, modelSpec } from "../../models/index.ts";
import { publishedNetwork } from "../../models/published.ts";
import {
  exportedMetadata,
  exportPretrained,
  isExported,
  type PublishedFormat,
  publishedFormats,
  usualFormat,
} from "../io/pretrained.ts";
import { writeSafetensors } from "../io/safetensors.ts";
import { type CheckpointInfo, parseCheckpoint } from "../io/checkpoint.ts";
import { readTensors } from "../io/tensor-file.ts";
import { channelsLast, type Flattened } from "../nn/flattened.ts";
import { type ModelSpec, tensorsOf } from "../nn/model.ts";
import { join, makeDir, readBytes, writeAtomic } from "../platform/files.ts";
import { fileOfNetwork } from "../runs/given-network.ts";
import { hubFolder } from "../runs/hub-folder.ts";
import { example } from "./examples.ts";
import { deviationOption } from "./import.ts";
import { loadOwnModelOf } from "./model-file.ts";
import { nonfiniteOption } from "./nonfinite.ts";
import { sayNotes } from "./notes.ts";
import { answer } from "./output.ts";
import { jsonWith, requireReplaceable, tensorsWith } from "./replaced-files.ts";

interface ExportFlags {
  readonly format?: PublishedFormat;
  readonly std?: readonly number[];
  readonly raw?: true;
  readonly hub?: true;
  readonly allowNonfinite?: true;
  readonly out: string;
}

const areExported = tensorsWith(isExported);

export function registerExport(command: Command): void {
  command
    .argument("<network>", "checkpoint of `rewind train` or `rewind unlearn`, or the run's folder")
    .addOption(
      new Option(
        "--format <names>",
        "whose names (default: timm where the network has them, else same or torchvision)",
      ).choices(publishedFormats),
    )
    .option("--raw", "the weights themselves, where the checkpoint has their average too")
    .option("--hub", "write a folder with config.json and model.safetensors, as timm reads it")
    .requiredOption("--out <path>", "file to write (.safetensors), or folder with --hub");
  example(
    command,
    "a ResNet-18 with the names of torchvision",
    "rewind export runs/gone/checkpoint.safetensors --format torchvision",
    "--out resnet18.safetensors",
  );
  nonfiniteOption(deviationOption(command)).action(async (network: string, flags: ExportFlags) => {
    const { std, raw = false, hub, allowNonfinite, out } = flags;
    const { format: asked = "timm" } = flags;
    if (hub === true && (std !== undefined || asked !== "timm")) {
      throw new UsageError(
        `${std === undefined ? "--format" : "--std"} is for a single file; --hub writes the names of timm, and deviations into config.json.`,
      );
    }
    const file = await fileOfNetwork(network);
    const contents = await readTensors(await readBytes(file), file, { allowNonfinite });
    const { tensors: own, average, metadata, info } = parseCheckpoint(contents, file);
    const averaged = average !== undefined && !raw;
    const tensors = averaged ? average : own;
    await loadOwnModelOf(file);
    if (hub === true) {
      const { files, notes } = hubFolder({ tensors, metadata, info }, file);
      sayNotes(notes);
      const own = { "config.json": jsonWith("architecture"), "model.safetensors": areExported };
      const written = Object.entries(own).map(([name, isOwn]) => ({
        path: join(out, name),
        isOwn,
      }));
      await requireReplaceable(out, written, [file]);
      await makeDir(out);
      for (const [name, data] of Object.entries(files)) await writeAtomic(join(out, name), data);
      answer({ out, files: Object.keys(files) }, `${out}: ${Object.keys(files).join(" and ")}.`);
      return;
    }
    await requireReplaceable(out, [{ path: out, isOwn: areExported }], [file]);
    const { model, spec } = info === undefined ? modelOf(metadata["model"], file) : ofInfo(info);
    const published = publishedNetwork(model);
    const format = flags.format ?? usualFormat(published);
    const exported = exportPretrained(published, tensorsOf(spec), tensors, format, std);
    sayNotes([
      ...channelsLast(spec).map(orderNote),
      ...(info === undefined ? [] : [preparedNote(info, std)]),
    ]);
    await writeAtomic(out, writeSafetensors(exported, exportedMetadata));
    answer(
      { out, tensors: exported.size, names: format, weights: averaged ? "average" : "weights" },
      `${out}: ${exported.size} tensors with ${format === "same" ? "the names they have here" : `the names of ${format}`}` +
        (averaged ? ", the average of the weights (--raw: the weights themselves)." : "."),
    );
  });
}

/** What must be done in PyTorch for a layer behind a flattening: its flatten has the channels first. */
function orderNote({ name, shape }: Flattened): string {
  return (
    `"${name}" takes ${shape.join("×")} values by row, column and channel, and PyTorch's flatten has the channels ` +
    "first: there, write x.permute(0, 2, 3, 1).flatten(1) before that layer"
  );
}

/** How images are prepared, which a file of weights does not say; `std`: what the weights have been multiplied by. */
function preparedNote(
  { input, preprocessing }: CheckpointInfo,
  std: readonly number[] | undefined,
): string {
  const { mean, deviation: own } = preprocessing;
  const deviation = std?.map((value, c) => value * (own?.[c] ?? 1)) ?? own;
  const numbers = (values: Iterable<number>): string =>
    `[${[...values].map((value) => Number(value.toPrecision(6))).join(", ")}]`;
  const divided = deviation === undefined ? "" : `, divided by ${numbers(deviation)}`;
  if (mean.length > input[2]) {
    return (
      `images are prepared as pixels from 0 to 1 minus the checkpoint's tensor "preprocessing.mean", ${input.join("×")}${divided}: ` +
      "do so in PyTorch as well, or the answers are others. With `preprocessing` a training takes a mean that is the same everywhere"
    );
  }
  return `images are prepared as pixels from 0 to 1 minus ${numbers(mean)}${divided}: do so in PyTorch as well`;
}

/** The model that a checkpoint says it is of. */
function ofInfo({ network, input, classes }: CheckpointInfo): {
  model: ModelConfig["name"];
  spec: ModelSpec;
} {
  return { model: network.name, spec: modelSpec(network, input, classes.length) };
}

/** The model whose spec a checkpoint of an earlier version names. */
function modelOf(
  text: string | undefined,
  file: string,
): { model: ModelConfig["name"]; spec: ModelSpec } {
  const parts = /^([\w-]+)\((\d+)×(\d+)×(\d+) → (\d+)\)$/.exec(text ?? "");
  const model = networks.names.find((name) => name === parts?.[1]);
  if (parts === null || model === undefined) {
    throw new DataError(
      `"${file}" is no checkpoint of a network with published names; it says: ${text ?? "nothing"}.`,
    );
  }
  const [height, width, channels, classes] = parts.slice(2).map(Number) as [
    number,
    number,
    number,
    number,
  ];
  return { model, spec: modelSpec({ name: model }, [height, width, channels], classes) };
}
