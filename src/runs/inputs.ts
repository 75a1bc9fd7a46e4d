/**
 * What a run reads, by content: a run that goes on must read the same.
 *
 * A configuration names folders and files; inputs.json has the digest of what was in them.
 */
import { z } from "zod";
import { bytesOf, type Dataset } from "../data/dataset.ts";
import type { Split } from "../data/source.ts";
import { DataError } from "../errors.ts";
import { contentDigest } from "../platform/digest.ts";
import { readBytes, readJson } from "../platform/files.ts";
import { predictorFiles } from "../predictors/index.ts";
import type { RunFolder } from "../report/run-folder.ts";
import type { SetupConfig, TrainConfig, UnlearnConfig } from "./config.ts";
import type { GivenNetwork } from "./given-network.ts";
import type { RunImages } from "./images.ts";

/** The file of {@link Inputs} in a run's folder. */
export const inputsFile = "inputs.json";

/** SHA-256 of what was read, by what it is: "training images", "checkpoint resnet18.pth". */
export type Inputs = Readonly<Record<string, string>>;

const inputsSchema = z.record(z.string(), z.string());

/** What decides a run. */
export interface RunParts {
  /** Data, scenario and network. */
  readonly setup?: SetupConfig | undefined;
  readonly unlearn?: Pick<UnlearnConfig, "settings"> | undefined;
  /** The network that is there already. */
  readonly given?: Pick<GivenNetwork, "path"> | undefined;
  readonly images?: Pick<RunImages, "corrupted" | "test"> | undefined;
  /** Data sets as they are in files, where a run chooses from them itself. */
  readonly splits?: readonly Split[] | undefined;
  /** Other files, each a word for what it is and its path. */
  readonly files?: readonly (readonly [string, string])[];
}

/** The inputs of a run. */
export async function inputsOf(parts: RunParts): Promise<Inputs> {
  const { images, splits = [] } = parts;
  const inputs: Record<string, string> = {};
  for (const [what, path] of await filesOf(parts)) {
    const name = path.slice(Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\")) + 1);
    inputs[`${what} ${name}`] = await contentDigest(await readBytes(path));
  }
  if (images !== undefined) {
    const { corrupted, test } = images;
    inputs["training images"] = await imagesDigest(corrupted.train);
    inputs["labels of the training images"] = await textDigest([...corrupted.labels]);
    inputs["test images"] = await imagesDigest(test);
  }
  for (const { train, test } of splits) {
    inputs[`training images of ${train.name}`] = await imagesDigest(train);
    inputs[`test images of ${test.name}`] = await imagesDigest(test);
  }
  return inputs;
}

async function filesOf({
  setup,
  unlearn,
  given,
  files = [],
}: RunParts): Promise<(readonly [string, string])[]> {
  const { from, nowcast, modelFile } = (setup ?? {}) as Partial<TrainConfig>;
  const predictor = unlearn?.settings["predictor"];
  const ofPredictor = async (what: string, spec: string): Promise<(readonly [string, string])[]> =>
    (await predictorFiles(spec)).map((path) => [what, path] as const);
  return [
    ...files,
    ...(given === undefined ? [] : [["network", given.path] as const]),
    ...(from === undefined ? [] : [["checkpoint", from] as const]),
    ...(modelFile === undefined ? [] : [["architecture", modelFile] as const]),
    ...(nowcast === undefined ? [] : await ofPredictor("forecaster", nowcast.predictor)),
    ...(typeof predictor === "string" ? await ofPredictor("predictor", predictor) : []),
  ];
}

async function imagesDigest({ pixels, labels, names, ...set }: Dataset): Promise<string> {
  const { height, width, channels, classes } = set;
  return textDigest({
    ...{ height, width, channels, classes, names },
    labels: [...labels],
    pixels: await contentDigest(bytesOf(pixels)),
  });
}

/** SHA-256 of what a value is as JSON. */
export function textDigest(value: unknown): Promise<string> {
  return contentDigest(new TextEncoder().encode(JSON.stringify(value)));
}

/** What a folder's run has read; undefined where nothing was written down. */
export async function readInputs(folder: RunFolder): Promise<Inputs | undefined> {
  if (!(await folder.has(inputsFile))) return undefined;
  const path = folder.file(inputsFile);
  const parsed = inputsSchema.safeParse(await readJson(path));
  if (parsed.success) return parsed.data;
  throw new DataError(`"${path}" is not valid: ${z.prettifyError(parsed.error)}`);
}

/** The first of some inputs that is not what a run has read; undefined where all are, or nothing was written down. */
export async function changedInput(folder: RunFolder, inputs: Inputs): Promise<string | undefined> {
  const known = (await readInputs(folder)) ?? {};
  return Object.keys(inputs).find((what) => what in known && known[what] !== inputs[what]);
}

/** A note where a run's images are not those that it read, in a list; it goes with numbers that are measured on them. */
export async function changedNotes(
  folder: RunFolder,
  images: NonNullable<RunParts["images"]>,
): Promise<string[]> {
  const changed = await changedInput(folder, await inputsOf({ images }));
  if (changed === undefined) return [];
  return [
    `${changed}: they are not those that "${folder.path}" read (${inputsFile}), and what follows is of what is there now`,
  ];
}

/** @throws DataError naming what is not as the run read it when it began. */
export async function requireInputs(folder: RunFolder, inputs: Inputs): Promise<void> {
  const changed = await changedInput(folder, inputs);
  if (changed === undefined) return;
  throw new DataError(
    `${changed}: the content is not what "${folder.path}" began with (${inputsFile}); going on would mix two runs. ` +
      `Put it back, or give another \`${folder.called}\`.`,
  );
}

/**
 * Writes down what a run reads, or checks that it is what the run read when it began.
 *
 * @throws DataError naming what has changed.
 */
export async function recordInputs(folder: RunFolder, inputs: Inputs): Promise<void> {
  await requireInputs(folder, inputs);
  const known = await readInputs(folder);
  if (known === undefined) return folder.writeJson(inputsFile, inputs);
  if (Object.keys(inputs).some((what) => !(what in known))) {
    await folder.writeJson(inputsFile, { ...known, ...inputs });
  }
}
