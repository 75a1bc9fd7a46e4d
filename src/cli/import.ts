/** `rewind import`: a published checkpoint becomes one that training starts from. */
import { type Command, InvalidArgumentError, Option } from "commander";
import { type ModelConfig, modelSpec } from "../../models/index.ts";
import { publishedNetwork, publishedNetworkNames } from "../../models/published.ts";
import { importPretrained, publishedChannels, publishedNames } from "../io/pretrained.ts";
import { writeSafetensors } from "../io/safetensors.ts";
import { readTensors } from "../io/tensor-file.ts";
import { type ModelSpec, tensorsOf } from "../nn/model.ts";
import { readBytes, writeAtomic } from "../platform/files.ts";
import { fileOfNetwork } from "../runs/given-network.ts";
import { example } from "./examples.ts";
import { inFlags } from "./flags.ts";
import { nonfiniteOption } from "./nonfinite.ts";
import { answer, say } from "./output.ts";
import { integer, most, numbers } from "./parse.ts";
import { requireReplaceable, tensorsWith } from "./replaced-files.ts";
import { imageSizeOption } from "./setup-options.ts";

interface ImportFlags {
  readonly model: ModelConfig["name"];
  readonly classes: number;
  readonly imageSize: number;
  readonly head: "keep" | "replace";
  readonly std?: readonly number[];
  readonly key?: string;
  readonly allowNonfinite?: true;
  readonly out: string;
}

/** Channels of images where the file does not say. */
const usualChannels = 3;

/** Parses `r,g,b`. */
function deviations(text: string): number[] {
  const values = numbers()(text).split(",").map(Number);
  if (values.every((value) => value > 0)) return values;
  throw new InvalidArgumentError("needs positive numbers, one a channel: 0.229,0.224,0.225.");
}

/** `--std`, which import and export share. */
export function deviationOption(command: Command): Command {
  return command.option(
    "--std <r,g,b>",
    "standard deviations the network's images are divided by; they go into its first convolution (ImageNet: 0.229,0.224,0.225)",
    deviations,
  );
}

/** A checkpoint of an import says whose names its tensors had. */
const areImported = tensorsWith(({ model, names }) => model !== undefined && names !== undefined);

export function registerImport(command: Command): void {
  command
    .argument(
      "<network>",
      "safetensors or PyTorch (.pt, .pth), told by its content, or a folder with model.safetensors",
    )
    .addOption(
      new Option("--model <name>", "network")
        .choices(publishedNetworkNames())
        .makeOptionMandatory(),
    )
    .option("--classes <n>", "classes of the network", integer(2, most.classes), 1000);
  imageSizeOption(command, "side of the images", 224)
    .addOption(
      new Option("--head <what>", "keep the classifier, or leave it out for other classes")
        .choices(["keep", "replace"])
        .default("replace"),
    )
    .option(
      "--key <key>",
      "where the tensors of a PyTorch file lie, such as model_ema (default: the first of the usual keys)",
    )
    .requiredOption("--out <file>", "checkpoint to write (.safetensors)");
  example(
    command,
    "a ResNet-18 of torchvision, to be trained on ten classes",
    "rewind import resnet18.pth --model resnet18-imagenet --classes 10",
    "--std 0.229,0.224,0.225 --out resnet18.safetensors",
  );
  nonfiniteOption(deviationOption(command)).action(async (path: string, flags: ImportFlags) => {
    const file = await fileOfNetwork(path);
    const { model, imageSize: size, classes, head, std, out } = flags;
    await requireReplaceable(out, [{ path: out, isOwn: areImported }], [file]);
    const specOf = (channels: number): ModelSpec =>
      modelSpec({ name: model }, [size, size, channels], classes);
    const usual = tensorsOf(specOf(usualChannels));
    const network = publishedNetwork(model);
    const { tensors: given, notes: found } = await readTensors(await readBytes(file), file, {
      key: flags.key,
      allowNonfinite: flags.allowNonfinite,
      names: publishedNames(network, usual),
    });
    const spec = specOf(publishedChannels(network, usual, given) ?? usualChannels);
    const imported = importPretrained(network, tensorsOf(spec), given, { head, deviation: std });
    const { tensors, format } = imported;
    const notes = [...found, ...imported.notes];
    for (const note of notes) say(`${file}: ${inFlags(note)}.`);
    await writeAtomic(out, writeSafetensors(tensors, { model: spec.name, names: format }));
    const parameters = [...tensors.values()].reduce((sum, { data }) => sum + data.length, 0);
    answer(
      { out, tensors: tensors.size, numbers: parameters, names: format, head, notes },
      `${out}: ${tensors.size} tensors, ${parameters} numbers, from ${format === "same" ? "the names they have here" : `the names of ${format}`}` +
        (head === "replace" ? "; the classifier is left out." : "."),
    );
  });
}
