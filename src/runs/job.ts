/**
 * A job: the data, the wrong labels and the network of a run, on one device.
 *
 * The path of the data through Rewind starts here: images → what is wrong with them → GPU → model;
 * `api/training.ts` trains it, `unlearn/` makes it forget, `report/` writes down what changed.
 */
import { modelSpec, taskOf } from "../../models/index.ts";
import { type Judging, type Work, workOn } from "../api/work.ts";
import type { SetupConfig, TrainConfig } from "./config.ts";
import { type GivenNetwork, readNetwork, requirePrepared } from "./given-network.ts";
import { type ImageOptions, loadImages, type RunImages } from "./images.ts";
import type { Dataset } from "../data/dataset.ts";
import { DataError, ShapeError, UsageError } from "../errors.ts";
import type { Corrupted } from "../scenarios/scenario.ts";
import type { Gpu } from "../gpu/device.ts";
import { Owned } from "../gpu/owned.ts";
import type { CheckpointInfo } from "../io/checkpoint.ts";
import { openWeights } from "../io/open-tensors.ts";
import { Model, type Tensors } from "../nn/model.ts";
import { type Preprocessing, preprocessingOf } from "../nn/preprocessing.ts";
import { readBytes } from "../platform/files.ts";
import { channelMoments, meanImage } from "../feed/gpu-dataset.ts";
import { classification } from "../tasks/classification.ts";
import { MovingAverage } from "../train/moving-average.ts";

/** Everything a run works on. Owns its model and its data sets. */
export interface Job<C extends SetupConfig = TrainConfig> extends Work {
  readonly config: C;
  /** The average of the weights over the training, where the configuration wants one. */
  readonly average?: MovingAverage | undefined;
}

/** What a job is made of besides its configuration. */
export interface JobParts extends ImageOptions {
  /** The images, where they are at hand already. */
  readonly images?: Pick<RunImages, "corrupted" | "test"> | undefined;
  /** What images are judged by that a network of diffusion draws; absent: none are drawn. */
  readonly judging?: Judging | undefined;
}

/**
 * Loads the images, applies the scenario to them and allocates the model: with the weights of the network that is given,
 * else with initial ones.
 */
export async function prepareJob<C extends SetupConfig>(
  gpu: Gpu,
  config: C,
  parts: JobParts = {},
): Promise<Job<C>> {
  const given =
    parts.given ??
    (config.checkpoint === undefined
      ? undefined
      : requirePrepared(await readNetwork(config.checkpoint, config)));
  const { corrupted, test } = parts.images ?? (await loadImages(config, { ...parts, given }));
  return jobOn(gpu, config, corrupted, test, { given, judging: parts.judging });
}

/** A job on data that is at hand; `blank`: with weights of zero, where only their number matters. */
export function jobOn<C extends SetupConfig>(
  gpu: Gpu,
  config: C,
  corrupted: Corrupted,
  test: Dataset,
  {
    blank = false,
    given,
    judging,
  }: {
    blank?: boolean;
    given?: GivenNetwork | undefined;
    judging?: Judging | undefined;
  } = {},
): Promise<Job<C>> {
  return Owned.during(async (owned) => {
    const info = infoOf(config, corrupted, given);
    const spec = modelSpec(info.network, info.input, info.classes.length);
    const model = owned.add(await Model.create(gpu, spec, blank ? undefined : config.seed));
    if (given !== undefined) loadWeights(model, given);
    const { from } = config as Partial<Pick<TrainConfig, "from">>;
    if (from !== undefined && !blank) model.pretrain(await readInitial(from, config));
    // Of weights that are there already nobody knows the past.
    const { average: decay } = (given === undefined ? config : {}) as Partial<
      Pick<TrainConfig, "average">
    >;
    const average =
      decay === undefined ? undefined : owned.add(await MovingAverage.create(model, decay));
    const work = owned.add(await workOn(model, info, corrupted, test, judging));
    const destroy = (): void => owned.destroy();
    return { ...work, config, average, destroy, [Symbol.dispose]: destroy };
  });
}

/** What is written into the checkpoints of a job. */
function infoOf(
  config: SetupConfig,
  { train }: Corrupted,
  given: GivenNetwork | undefined,
): CheckpointInfo {
  const { height, width, channels, classes } = train;
  const network = given?.network ?? config.model;
  if (network === undefined) {
    throw new UsageError("nothing says which network: give a `model`, or a `checkpoint`.");
  }
  const task = taskOf(network);
  const said = config.preprocessing;
  const own = given?.preprocessing(channels);
  const preprocessing =
    own ?? (said === undefined ? usualPreprocessing(task, train) : preprocessingOf(said, channels));
  return {
    task,
    network,
    input: [height, width, channels],
    classes,
    preprocessing,
  };
}

/** Where nothing is said of it: the mean image is subtracted, and where images are to be drawn, channels get variance 1. */
function usualPreprocessing(task: string, train: Dataset): Preprocessing {
  return task === classification.name ? { mean: meanImage(train) } : channelMoments(train);
}

/** @throws DataError where the file does not fit the network. */
function loadWeights(model: Model, given: GivenNetwork): void {
  try {
    model.load(given.weights(model.spec));
  } catch (cause) {
    if (!(cause instanceof ShapeError)) throw cause;
    throw new DataError(`"${given.path}": ${cause.message}`, { cause });
  }
}

/** Weights that a training starts from. */
export async function readInitial(
  path: string,
  { allowNonfinite }: Pick<SetupConfig, "allowNonfinite">,
): Promise<Tensors> {
  return openWeights(await readBytes(path), path, { allowNonfinite });
}
