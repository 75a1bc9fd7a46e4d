/** Training of a classifier in one call. */
import { z } from "zod";
import { type ModelConfig, modelSchema, networks, taskOf } from "../../models/index.ts";
import type { Network } from "../../models/network.ts";
import type { Dataset } from "../data/dataset.ts";
import { checked, functionSchema } from "../checked.ts";
import { requireDataset } from "../data/requirements.ts";
import { UsageError } from "../errors.ts";
import { GpuDataset, meanImage } from "../feed/gpu-dataset.ts";
import type { Totals } from "../feed/step-queue.ts";
import type { Gpu } from "../gpu/device.ts";
import { Owned } from "../gpu/owned.ts";
import { type CheckpointInfo, writeCheckpoint } from "../io/checkpoint.ts";
import type { Tensors } from "../nn/model.ts";
import {
  type Preprocessing,
  type PreprocessingConfig,
  preprocessingFor,
} from "../nn/preprocessing.ts";
import { contentDigest } from "../platform/digest.ts";
import { type Corrupted, requireFurtherSets } from "../scenarios/scenario.ts";
import { classification } from "../tasks/classification.ts";
import type { Watch } from "../train/replay.ts";
import { type Classifier, classifierOf } from "./classifier.ts";
import { gpuSchema, requireFields, scenarioFields, watchSchema } from "./given.ts";
import { readTrainState, type TrainingIdentity, writeTrainState } from "./train-state.ts";
import { trainJob } from "./training.ts";
import { consistent, type TrainingConfig, trainingFields } from "./training-config.ts";
import { imagesDigest } from "./unlearn-state.ts";

/** Images to train on: a data set, or one with other labels than its own, as a scenario leaves it. */
export type TrainingImages =
  Dataset | { readonly train: Dataset; readonly labels: Uint16Array<ArrayBuffer> };

const { seed, ...required } = trainingFields;

const optionsSchema = consistent(
  z.strictObject({
    ...required,
    batch: required.batch.default(64),
    learningRate: required.learningRate.default(1e-3),
    schedule: required.schedule.default("cosine"),
    optimizer: required.optimizer.default({ name: "adam" }),
    seed: seed.default(1),
    gpu: gpuSchema.optional(),
    network: z.record(z.string(), z.unknown()).optional(),
    preprocessing: z.custom<Preprocessing | PreprocessingConfig>().optional(),
    initial: z
      .custom<Tensors>((value) => value instanceof Map, { error: "expected a Map of tensors" })
      .optional(),
    onEpoch: functionSchema.optional(),
    resume: z.instanceof(Uint8Array, { error: "expected the bytes of a state" }).optional(),
    watch: watchSchema.optional(),
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
  /** Called after each epoch with its mean loss and accuracy, %; the training waits for it. */
  readonly onEpoch?: ((epoch: number, totals: Totals, after: AfterEpoch) => unknown) | undefined;
  /**
   * A state of {@link AfterEpoch}: the training goes on after that epoch, to the same bits on the same adapter. All else must
   * be given as it was.
   */
  readonly resume?: Uint8Array | undefined;
  readonly watch?: Watch | undefined;
}

/** What there is after an epoch, as long as the training waits. */
export interface AfterEpoch {
  /** All that the training needs to go on from here, as the bytes of a safetensors file: see `resume`. */
  state(): Promise<Uint8Array<ArrayBuffer>>;
}

/**
 * Trains a network on images.
 *
 * @param network one of the project's by its name, or one of `defineNetwork`.
 * @throws UsageError naming every wrong setting, and for a state of another training; DataError for images that do not hold
 *   together, and for a state that is damaged; DivergedError where weights become NaN.
 */
export async function train(
  network: Network | string,
  images: TrainingImages,
  options: TrainOptions,
): Promise<Classifier> {
  const {
    gpu,
    network: settings,
    preprocessing,
    initial,
    onEpoch: _,
    resume,
    watch,
    ...config
  } = checked(optionsSchema, options, "train");
  const { onEpoch } = options;
  const set = imagesOf(images);
  if (set.count === 0) throw new UsageError(`train: data set "${set.name}" has no images.`);
  const { name } = networks.known(network);
  const model: ModelConfig = checked(modelSchema, { name, ...settings }, `network "${name}"`);
  const input = [set.height, set.width, set.channels] as const;
  const info: CheckpointInfo = {
    task: taskOf(model),
    network: model,
    input,
    classes: set.classes,
    preprocessing:
      preprocessing === undefined
        ? { mean: meanImage(set) }
        : preprocessingFor(preprocessing, input),
  };
  const classifier = await classifierOf(info, { gpu, seed: config.seed });
  try {
    const { gpu: device, model: trained } = classifier;
    if (initial !== undefined) trained.pretrain(initial);
    const stated = onEpoch !== undefined || resume !== undefined;
    const identity = stated ? await identityOf(classifier, set, config) : undefined;
    const state =
      resume === undefined ? undefined : await readTrainState(resume, await identity!(), trained);
    await Owned.within(async (owned) => {
      const { mean, deviation } = info.preprocessing;
      const data = owned.add(await GpuDataset.upload(device, set, mean, deviation));
      const training = { config, model: trained, task: classification, data };
      await trainJob(training, {
        ...(watch === undefined ? {} : { watch }),
        ...(state === undefined ? {} : { resume: state }),
        onEpoch: async (epoch, totals, save) => {
          const saved = async () => writeTrainState(await save(), await identity!(), trained);
          await onEpoch?.(epoch, totals, { state: saved });
        },
      });
    });
  } catch (cause) {
    classifier.destroy();
    throw cause;
  }
  return classifier;
}

/** What a training is of, before its first epoch; its images, which do not change, are read when that is first asked. */
async function identityOf(
  { model, info }: Classifier,
  train: Dataset,
  config: TrainingConfig,
): Promise<() => Promise<TrainingIdentity>> {
  const start = await contentDigest(
    await writeCheckpoint(await model.save(), model.spec.name, info),
  );
  const { labels } = train;
  let images: Promise<string> | undefined;
  return async () => ({
    ...{ config, precision: model.gpu.precision, start },
    images: await (images ??= imagesDigest({ train, labels, forget: new Uint32Array() })),
  });
}

/** The images with the labels that are trained on. */
function imagesOf(images: TrainingImages): Dataset {
  const parts = typeof images === "object" && images !== null && "train" in images;
  // What loadDataset gives has no labels beside its data sets.
  if (!parts || ("test" in images && !("labels" in images))) {
    requireDataset(images, "train: images");
    return images;
  }
  requireFields(images, [...scenarioFields, "test"], "train: images");
  requireDataset(images.train, "train: images.train");
  const { sets } = images as Partial<Corrupted>;
  if (sets !== undefined) requireFurtherSets(sets, "train: images.sets");
  const set = { ...images.train, labels: images.labels };
  requireDataset(set, "train: images");
  return set;
}
