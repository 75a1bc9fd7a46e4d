/** `rewind export`: a checkpoint under the names and in the layouts of PyTorch's networks. */
import { type Command, Option } from "commander";
import { DataError } from "../errors.ts";
import { type ModelConfig, networks, modelSpec } from "../../models/index.ts";
import { publishedNetwork } from "../../models/published.ts";
import { exportPretrained, type PublishedFormat, publishedFormats } from "../io/pretrained.ts";
import { writeSafetensors } from "../io/safetensors.ts";
import { readTensors } from "../io/tensor-file.ts";
import { declare, type ModelSpec } from "../nn/model.ts";
import { readBytes, writeAtomic } from "../platform/files.ts";
import { example } from "./examples.ts";
import { deviationOption } from "./import.ts";
import { answer } from "./output.ts";

interface ExportFlags {
  readonly format: PublishedFormat;
  readonly std?: readonly number[];
  readonly out: string;
}

export function registerExport(root: Command): void {
  const command = root
    .command("export")
    .description(
      "write a checkpoint with the names and layouts of torchvision, timm or the authors",
    )
    .argument("<file>", "checkpoint of `rewind train` or `rewind unlearn`")
    .addOption(
      new Option("--format <names>", "whose names").choices(publishedFormats).default("timm"),
    )
    .requiredOption("--out <file>", "file to write (.safetensors)");
  example(
    command,
    "a ResNet-18 with the names of torchvision",
    "rewind export runs/gone/checkpoint.safetensors --format torchvision",
    "--out resnet18.safetensors",
  );
  deviationOption(command).action(async (file: string, { format, std, out }: ExportFlags) => {
    const { tensors, metadata } = await readTensors(await readBytes(file), file);
    const { model, spec } = modelOf(metadata["model"], file);
    const declared = declare(spec);
    const slots = [...declared.parameters.values(), ...declared.statistics.values()];
    const exported = exportPretrained(publishedNetwork(model), slots, tensors, format, std);
    await writeAtomic(out, writeSafetensors(exported, { format: "pt" }));
    answer(
      { out, tensors: exported.size, names: format },
      `${out}: ${exported.size} tensors with the names of ${format}.`,
    );
  });
}

/** The model whose spec a checkpoint names. */
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
