/**
 * Checkpoints that are whole: weights, and everything that decides what the network answers.
 *
 * A safetensors file whose metadata has `model` (the name of the spec) and `rewind` (the rest, as JSON). What is
 * subtracted of every image lies among the tensors, under a name that no weight has.
 */
import { z } from "zod";
import { DataError } from "../errors.ts";
import type { Tensors } from "../nn/model.ts";
import type { ImageShape, Preprocessing } from "../nn/preprocessing.ts";
import { parseJson } from "../platform/json.ts";
import { sameShape } from "../shape.ts";
import type { TensorFile } from "./safetensors.ts";
import { writeSealed } from "./seal.ts";

/** What a checkpoint says besides its weights. */
export interface CheckpointInfo {
  /** What the network is for: "classification" or "diffusion". */
  readonly task: string;
  /** The network's name and its settings, as configurations have them. */
  readonly network: { readonly name: string; readonly [setting: string]: unknown };
  /** Height, width and channels of what it sees. */
  readonly input: ImageShape;
  /** Class names; output i is the i-th. */
  readonly classes: readonly string[];
  readonly preprocessing: Preprocessing;
}

/** A file's weights, and what it says of them; a file that others wrote says nothing. */
export interface Checkpoint {
  readonly tensors: Tensors;
  /** The average of the weights over the training, where there was one. */
  readonly average?: Tensors | undefined;
  readonly metadata: Readonly<Record<string, string>>;
  readonly info?: CheckpointInfo | undefined;
}

const key = "rewind";
/** Characters of a message about what is wrong: a list of a million names can be wrong a million times. */
const longest = 1000;
const meanTensor = "preprocessing.mean";
/** What the names of averaged tensors begin with. */
const averaged = "average/";
const size = z
  .number()
  .int()
  .min(1)
  .max(2 ** 24);

const infoSchema = z.object({
  version: z.literal(1),
  task: z.string(),
  network: z.looseObject({ name: z.string() }),
  input: z.tuple([size, size, size]),
  classes: z.array(z.string()).min(1),
  deviation: z.array(z.number().positive()).optional(),
  crop: z.number().gt(0).max(1).optional(),
});

/** Tensors and metadata of a whole checkpoint, as {@link writeSealed} takes them. */
export function wholeCheckpoint(
  weights: Tensors,
  model: string,
  { task, network, input, classes, preprocessing }: CheckpointInfo,
  average: Tensors = new Map(),
): { readonly tensors: Tensors; readonly metadata: Record<string, string> } {
  const { mean, deviation, crop } = preprocessing;
  const info = { version: 1, task, network, input, classes, deviation, crop };
  const shape = mean.length === input[2] ? [mean.length] : [...input];
  return {
    tensors: new Map([
      ...weights,
      ...[...average].map(([name, tensor]) => [`${averaged}${name}`, tensor] as const),
      [meanTensor, { shape, data: mean }],
    ]),
    metadata: { model, [key]: JSON.stringify(info) },
  };
}

/** A whole checkpoint as the bytes of a file, sealed. */
export function writeCheckpoint(
  weights: Tensors,
  model: string,
  info: CheckpointInfo,
): Promise<Uint8Array<ArrayBuffer>> {
  const { tensors, metadata } = wholeCheckpoint(weights, model, info);
  return writeSealed(tensors, metadata);
}

/**
 * Takes what a file says of its weights apart from them.
 *
 * @throws DataError naming the file where what it says is not whole.
 */
export function parseCheckpoint({ tensors: all, metadata }: TensorFile, file: string): Checkpoint {
  const text = metadata[key];
  if (text === undefined) return { tensors: all, metadata };
  const fail = (what: string, cause?: unknown): never => {
    throw new DataError(
      `"${file}" does not say how its network is used: ${what}. Its weights can be given with ` +
        "`model`, `classes` and `preprocessing` after the metadata is removed.",
      { cause },
    );
  };
  let json: unknown;
  try {
    json = parseJson(text);
  } catch (cause) {
    return fail(`its "${key}" is not JSON (${(cause as Error).message})`, cause);
  }
  const parsed = infoSchema.safeParse(json);
  if (!parsed.success)
    return fail(`its "${key}" is not valid: ${z.prettifyError(parsed.error).slice(0, longest)}`);
  const { version: _, deviation, crop, ...rest } = parsed.data;
  const tensors = new Map([...all].filter(([name]) => !name.startsWith(averaged)));
  const average = new Map(
    [...all]
      .filter(([name]) => name.startsWith(averaged))
      .map(([name, tensor]) => [name.slice(averaged.length), tensor]),
  );
  const mean = tensors.get(meanTensor);
  tensors.delete(meanTensor);
  const [, , channels] = rest.input;
  if (mean === undefined) return fail(`tensor "${meanTensor}" is missing`);
  if (!sameShape(mean.shape, rest.input) && !sameShape(mean.shape, [channels])) {
    return fail(`tensor "${meanTensor}" has another shape than the images`);
  }
  if (deviation !== undefined && deviation.length !== channels) {
    return fail(`it has ${deviation.length} deviations for ${channels} channels`);
  }
  return {
    tensors,
    ...(average.size > 0 && { average }),
    metadata,
    info: {
      ...rest,
      preprocessing: {
        mean: mean.data,
        ...(deviation === undefined ? {} : { deviation }),
        ...(crop === undefined ? {} : { crop }),
      },
    },
  };
}
