/** A classifier from a file that others wrote, in one call. */
import { z } from "zod";
import { modelSpec, networks } from "../../models/index.ts";
import { type Network } from "../../models/network.ts";
import { type Classifier, classifierOf } from "../api/classifier.ts";
import { gpuSchema } from "../api/given.ts";
import { checked, shown } from "../checked.ts";
import { requireClassNames } from "../data/requirements.ts";
import { DataError, ShapeError, UsageError } from "../errors.ts";
import type { Gpu } from "../gpu/device.ts";
import {
  type ImageShape,
  type PreprocessingConfig,
  preprocessingSchema,
} from "../nn/preprocessing.ts";
import { classification } from "../tasks/classification.ts";
import { type GivenNetwork, readNetwork, requirePrepared } from "./given-network.ts";

/** What is said of a file that does not say it itself. */
export interface ForeignOptions {
  /** The network: one of the project's by name, or one of `defineNetwork`; with its settings, if it has any. */
  readonly network?: Network | string | undefined;
  readonly settings?: Readonly<Record<string, unknown>> | undefined;
  /** Class names in the order of the outputs; absent: as the file says, else "0", "1" and so on. */
  readonly classes?: readonly string[] | undefined;
  /** How images are prepared. */
  readonly preprocessing?: PreprocessingConfig | undefined;
  /** Height, width and channels of the images. */
  readonly input?: ImageShape | undefined;
  /** Take weights that are NaN or infinite as they are. */
  readonly allowNonfinite?: boolean | undefined;
  readonly gpu?: Gpu | undefined;
}

const side = z.number().int().min(1);

const optionsSchema = z.strictObject({
  network: z.custom<Network | string>().optional(),
  settings: z.record(z.string(), z.unknown()).optional(),
  classes: z.array(z.string()).optional(),
  preprocessing: preprocessingSchema.optional(),
  input: z.tuple([side, side, side]).optional(),
  allowNonfinite: z.boolean().optional(),
  gpu: gpuSchema.optional(),
});

/**
 * Reads a classifier from a `.pt`, `.pth` or `.safetensors` file, or a folder with `config.json` and
 * `model.safetensors`.
 *
 * @throws UsageError for what neither the file nor the options say; DataError for a file that is damaged or does not fit.
 */
export async function loadForeign(path: string, options: ForeignOptions = {}): Promise<Classifier> {
  const valid = checked(optionsSchema, options, "loadForeign");
  const { network, settings, classes, preprocessing, allowNonfinite, gpu } = valid;
  if (typeof path !== "string" || path === "") {
    throw new UsageError(`loadForeign: expected a path, got ${shown(path)}.`);
  }
  if (classes !== undefined) requireClassNames(classes, "loadForeign");
  const given: GivenNetwork = requirePrepared(
    await readNetwork(path, {
      ...(network === undefined
        ? {}
        : { model: { name: networks.known(network).name, ...settings } }),
      ...(classes === undefined ? {} : { classes: [...classes] }),
      ...(preprocessing === undefined ? {} : { preprocessing }),
      allowNonfinite,
    }),
  );
  const input = valid.input ?? given.input;
  if (input === undefined) {
    throw new UsageError(
      `"${path}" does not say what size its images have: give \`input\`, as [224, 224, 3].`,
    );
  }
  const numbers = Array.from({ length: given.outputs }, (_, i) => String(i));
  return classifierIn(given, { gpu, input, classes: given.classes ?? numbers });
}

/** A given network on a device. @throws DataError, naming the file, where its weights do not fit it. */
export async function classifierIn(
  given: GivenNetwork,
  { gpu, input, classes }: { gpu: Gpu | undefined; input: ImageShape; classes: readonly string[] },
): Promise<Classifier> {
  const info = {
    ...{ task: classification.name, network: given.network, input, classes },
    preprocessing: given.preprocessing(input[2])!,
  };
  const weights = given.weights(modelSpec(info.network, input, classes.length), "input");
  try {
    return await classifierOf(info, { gpu, weights });
  } catch (cause) {
    if (!(cause instanceof ShapeError)) throw cause;
    throw new DataError(`"${given.path}": ${cause.message}`, { cause });
  }
}
