/** `rewind classify`: what a network answers to images of which nobody says the class. */
import { taskOf } from "../../models/index.ts";
import type { Command } from "commander";
import { UsageError } from "../errors.ts";
import { answersToForget } from "../api/answers.ts";
import { imageName } from "../data/dataset.ts";
import { absolutePath, fileInfo } from "../platform/files.ts";
import { textTable } from "../report/table.ts";
import { type SetupConfig, setupSchema } from "../runs/config.ts";
import { defaults } from "../runs/defaults.ts";
import { type GivenNetwork, readNetwork, requirePrepared } from "../runs/given-network.ts";
import { loadImages } from "../runs/images.ts";
import { prepareJob } from "../runs/job.ts";
import { classification } from "../tasks/classification.ts";
import { checkNetwork } from "./check-inputs.ts";
import { type DeviceFlags, deviceOptions, openDevice } from "./device-options.ts";
import { example } from "./examples.ts";
import { loadOwnModelOf } from "./model-file.ts";
import { type NonfiniteFlags, nonfiniteOption } from "./nonfinite.ts";
import { sayNotes } from "./notes.ts";
import { answer } from "./output.ts";
import { validate } from "./parse.ts";
import {
  imageSizeOption,
  imageSizeText,
  networkOf,
  networkOptions,
  preprocessingGiven,
  preprocessingOptions,
  present,
  type SetupFlags,
} from "./setup-options.ts";

type Flags = DeviceFlags & NonfiniteFlags & SetupFlags & { from: string; key?: string };

export function registerClassify(command: Command): void {
  command
    .argument("<dir>", "folder of images; those in the folders in it as well", absolutePath)
    .requiredOption(
      "--from <checkpoint>",
      "the network: a checkpoint or a run's folder, .pt, .pth or .safetensors, or a folder with config.json and model.safetensors",
      absolutePath,
    )
    .option("--key <key>", "where the tensors of a PyTorch file lie, such as model_ema");
  preprocessingOptions(networkOptions(command, { preset: false }));
  imageSizeOption(command, imageSizeText);
  example(
    command,
    "what a network says now of the images that it forgot",
    "rewind classify gone --from forgotten",
  );
  deviceOptions(nonfiniteOption(command)).action(classify);
}

async function classify(dir: string, flags: Flags): Promise<void> {
  const { from, key, allowNonfinite, imageSize: size } = flags;
  if ((await fileInfo(dir))?.directory === false) {
    throw new UsageError(`"${dir}" is a file: give the folder of the images.`);
  }
  await loadOwnModelOf(from);
  const said = {
    ...(await networkOf(flags)),
    ...(await preprocessingGiven(flags)),
    ...present({ key, allowNonfinite }),
  };
  const { model: { name: _, ...settings } = {} } = await networkOf(flags, false);
  const given = requirePrepared(await readNetwork(from, { ...said, settings }));
  if (taskOf(given.network) !== classification.name) {
    throw new UsageError(`"${given.network.name}" draws images, and classifies none.`);
  }
  const named = (said as Pick<SetupConfig, "classes">).classes ?? given.classes;
  const classes = named ?? Array.from({ length: given.outputs }, (_, i) => String(i));
  const setup = validate(
    setupSchema,
    {
      ...said,
      classes,
      scenario: { name: defaults.scenario },
      // No class of theirs is asked for.
      forget: present({ dir, size, label: classes[0] }),
      checkpoint: from,
      seed: 0,
    },
    "options",
  );
  const images = await loadImages(setup, { given });
  sayNotes([...given.notes, ...images.notes, ...(named === undefined ? [unnamedNote(given)] : [])]);
  checkNetwork(setup, images, given);
  const { train } = images.corrupted;
  const job = await prepareJob(await openDevice(flags), setup, { images, given });
  const answers = (await answersToForget(job)).map((one, i) => ({
    image: imageName(train, i),
    class: classes[one.class]!,
    confidence: one.confidence,
  }));
  const columns = [
    { title: "image" },
    { title: "class", words: true },
    { title: "%", decimals: 1 },
  ];
  const rows = answers.map((one) => [one.image, one.class, 100 * one.confidence]);
  answer({ network: given.path, images: answers }, () => textTable(columns, rows));
}

function unnamedNote({ path }: GivenNetwork): string {
  return `"${path}" does not name its classes: they are the numbers of its outputs. \`classes\` names them`;
}
