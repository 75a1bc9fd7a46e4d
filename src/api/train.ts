/** Training of a classifier in one call. */
import { z } from "zod";
import { type ModelConfig, modelSchema, networks } from "../../models/index.ts";
import type { Network } from "../../models/network.ts";
import type { Dataset } from "../data/dataset.ts";
import { UsageError } from "../errors.ts";
import { GpuDataset, meanImage } from "../feed/gpu-dataset.ts";
import type { Totals } from "../feed/step-queue.ts";
import type { Gpu } from "../gpu/device.ts";
import { Owned } from "../gpu/owned.ts";
import type { CheckpointInfo } from "../io/checkpoint.ts";
import type { Tensors } from "../nn/model.ts";
import {
  type Preprocessing,
  type PreprocessingConfig,
  preprocessingOf,
} from "../nn/preprocessing.ts";
import { classification } from "../tasks/classification.ts";
import type { Watch } from "../train/replay.ts";
import { type Classifier, classifierOf } from "./classifier.ts";
import { trainJob } from "./training.ts";
import { consistent, type TrainingConfig, trainingFields } from "./training-config.ts";

/** Images to train on: a data set, or one with other labels than its own, as a scenario leaves it. */
export type TrainingImages =
  Dataset | { readonly train: Dataset; readonly labels: Uint16Array<ArrayBuffer> };

const { seed, ...required } = trainingFields;

const optionsSchema: z.ZodType<TrainingConfig> = consistent(
  z.strictObject({
    ...required,
    batch: required.batch.default(64),
    learningRate: required.learningRate.default(1e-3),
    schedule: required.schedule.default("cosine"),
    optimizer: required.optimizer.default({ name: "adam" }),
    seed: seed.default(1),
  }),
);

/** Settings of {@link train}; only the epochs have no default. */
export interface TrainOptions extends Partial<TrainingConfig> {
  epochs: number;
  /** The device; absent: one of its own, which is given back with the classifier. */
  readonly gpu?: Gpu | undefined;
  /** Settings of the network. */
  readonly network?: Readonly<Record<string, unknown>> | undefined;
  /** How images are prepared; absent: the training images' mean is subtracted. */
  readonly preprocessing?: Preprocessing | PreprocessingConfig | undefined;
  /** Weights to start from; a last layer called `head` may be missing. */
  readonly initial?: Tensors | undefined;
  /** Called after each epoch with its mean loss and accuracy, %. */
  readonly onEpoch?: ((epoch: number, totals: Totals) => void) | undefined;
  readonly watch?: Watch | undefined;
}

/**
 * Trains a network on images.
 *
 * @param network one of the project's by its name, or one of `defineNetwork`.
 * @throws UsageError naming every wrong setting; DivergedError where weights become NaN.
 */
export async function train(
  network: Network | string,
  images: TrainingImages,
  options: TrainOptions,
): Promise<Classifier> {
  const { gpu, network: settings, preprocessing, initial, onEpoch, watch, ...recipe } = options;
  const config = checked(optionsSchema, recipe, "train");
  const [set, labels] = "train" in images ? [images.train, images.labels] : [images, images.labels];
  if (set.count === 0) throw new UsageError(`train: data set "${set.name}" has no images.`);
  const model: ModelConfig = checked(
    modelSchema,
    { name: networks.known(network).name, ...settings },
    `network "${typeof network === "string" ? network : network.name}"`,
  );
  const info: CheckpointInfo = {
    task: classification.name,
    network: model,
    input: [set.height, set.width, set.channels],
    classes: set.classes,
    preprocessing: preprocessingFor(set, preprocessing),
  };
  const classifier = await classifierOf(info, { gpu, seed: config.seed });
  try {
    if (initial !== undefined) classifier.model.pretrain(initial);
    await Owned.within(async (owned) => {
      const { mean, deviation } = info.preprocessing;
      const data = owned.add(
        await GpuDataset.upload(classifier.gpu, { ...set, labels }, mean, deviation),
      );
      const training = { config, model: classifier.model, task: classification, data };
      await trainJob(training, {
        ...(watch === undefined ? {} : { watch }),
        onEpoch: async (epoch, totals) => onEpoch?.(epoch, totals),
      });
    });
  } catch (cause) {
    classifier.destroy();
    throw cause;
  }
  return classifier;
}

function preprocessingFor(
  set: Dataset,
  given: Preprocessing | PreprocessingConfig | undefined,
): Preprocessing {
  if (given === undefined) return { mean: meanImage(set) };
  if (typeof given !== "string" && given.mean instanceof Float32Array) {
    return given as Preprocessing;
  }
  return preprocessingOf(given as PreprocessingConfig, set.channels);
}

/** Settings a schema accepts. @throws UsageError naming each wrong one. */
export function checked<T>(schema: z.ZodType<T>, given: unknown, what: string): T {
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  throw new UsageError(`${what}: settings are not valid:\n${z.prettifyError(parsed.error)}`);
}
