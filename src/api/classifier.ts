/** A classifier as a user of the library holds it: a network on a device, with all that decides its answers. */
import { z } from "zod";
import { modelSpec, networks } from "../../models/index.ts";
import type { Network } from "../../models/network.ts";
import { checked, shown } from "../checked.ts";
import { inClassOrder } from "../data/class-names.ts";
import { type Dataset, imageName } from "../data/dataset.ts";
import { requireDataset } from "../data/requirements.ts";
import { DataError, DivergedError, ShapeError, UsageError } from "../errors.ts";
import { GpuDataset } from "../feed/gpu-dataset.ts";
import { acquireDevice, type Gpu } from "../gpu/device.ts";
import { Owned } from "../gpu/owned.ts";
import { type CheckpointInfo, parseCheckpoint, writeCheckpoint } from "../io/checkpoint.ts";
import { requireFinite } from "../io/finite.ts";
import { readSealed } from "../io/seal.ts";
import { Model, type Tensors } from "../nn/model.ts";
import { answersOf } from "../metrics/answers.ts";
import { readBytes, writeAtomic } from "../platform/files.ts";
import { classification } from "../tasks/classification.ts";
import { Collector } from "../train/collector.ts";
import { Evaluator } from "../train/evaluator.ts";
import { passOver } from "../train/memory.ts";
import type { Watch } from "../train/replay.ts";
import { gpuSchema, watchSchema } from "./given.ts";

/** Images a pass when measuring; larger only costs memory. */
const batch = 256;

/**
 * A network with its weights. Owns its memory on the device, and the device itself where it was not given one:
 * `await using model = await train(…)`, or `model.destroy()`.
 */
export class Classifier {
  readonly model: Model;
  /** Class names, what the network sees, and how its images are prepared. */
  readonly info: CheckpointInfo;
  readonly #owned: Owned;
  #destroyed = false;

  /** @param owned what is freed with it: its model, and its device where that is its own. */
  constructor(model: Model, info: CheckpointInfo, owned: Owned) {
    this.model = model;
    this.info = info;
    this.#owned = owned;
  }

  get gpu(): Gpu {
    return this.model.gpu;
  }

  /** Frees its memory; a second time does nothing. */
  destroy(): void {
    this.#destroyed = true;
    this.#owned.destroy();
  }

  /** Whether its memory was freed. */
  get destroyed(): boolean {
    return this.#destroyed;
  }

  [Symbol.dispose](): void {
    this.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.destroy();
  }
}

/** A classifier for a network's weights, on a device of its own if none is given. */
export async function classifierOf(
  info: CheckpointInfo,
  { gpu, seed, weights }: { gpu?: Gpu | undefined; seed?: number; weights?: Tensors },
): Promise<Classifier> {
  if (info.task !== classification.name) {
    throw new UsageError(
      `the network "${info.network.name}" is for ${info.task}, and is no classifier.`,
    );
  }
  return Owned.during(async (owned) => {
    const device = gpu ?? (await acquireDevice({ quiet: true }));
    if (gpu === undefined) owned.add({ destroy: () => device.close() });
    const spec = modelSpec(info.network, info.input, info.classes.length);
    const model = owned.add(await Model.create(device, spec, seed));
    if (weights !== undefined) model.load(weights);
    return new Classifier(model, info, owned);
  });
}

/** @throws UsageError for what is no classifier, or was destroyed. */
export function requireClassifier(given: unknown, what: string): asserts given is Classifier {
  if (!(given instanceof Classifier)) {
    throw new UsageError(`${what}: expected a classifier of train or load, got ${shown(given)}.`);
  }
  if (given.destroyed) {
    throw new UsageError(`${what}: this classifier was destroyed; train or load another.`);
  }
}

/**
 * Images as a classifier sees them.
 *
 * @param what who takes them, for the error.
 * @throws DataError where they do not hold together, or have another size or other classes.
 */
export function requireImages({ info }: Classifier, images: Dataset, what: string): Dataset {
  requireDataset(images, what);
  const [height, width, channels] = info.input;
  if (images.height !== height || images.width !== width || images.channels !== channels) {
    throw new DataError(
      `data set "${images.name}": images of ${images.height}×${images.width}×${images.channels}, and the network sees ` +
        `${height}×${width}×${channels}.`,
    );
  }
  return inClassOrder(images, info.classes);
}

/** What a classifier says of images. */
export interface Predictions {
  /** [images, classes], row-major. */
  readonly logits: Float32Array;
  /** Number of each image's class, [images]: its largest logit's. */
  readonly classes: Uint16Array;
  /** Probability of that class, [images], 0 to 1. */
  readonly confidence: Float32Array;
  /** Its name. */
  readonly names: readonly string[];
}

/**
 * The logits of images, and the classes they are.
 *
 * @throws UsageError for a classifier that was destroyed; DataError for images that do not fit; DivergedError where
 *   logits are NaN, as weights that are not finite make them.
 */
export async function predict(
  model: Classifier,
  images: Dataset,
  watch: Watch = {},
): Promise<Predictions> {
  requireClassifier(model, "predict");
  requireImages(model, images, "predict: images");
  checked(watchSchema, watch, "predict: watch");
  const { count } = images;
  const known = model.info.classes;
  const answered = (logits: Float32Array): Predictions => {
    const answers = answersOf(logits, known.length);
    return {
      logits,
      classes: Uint16Array.from(answers, (answer) => answer.class),
      confidence: Float32Array.from(answers, ({ confidence }) => confidence),
      names: answers.map((answer) => known[answer.class]!),
    };
  };
  if (count === 0) return answered(new Float32Array());
  const logits = await Owned.within(async (owned) => {
    const data = owned.add(await upload(model, images));
    const collector = owned.add(await Collector.create(model.model, classification, data, batch));
    return collector.run(everyOf(count), watch);
  });
  const odd = logits.findIndex((value) => Number.isNaN(value));
  if (odd >= 0) {
    const name = imageName(images, Math.floor(odd / known.length));
    throw new DivergedError(
      `predict: the logits of image "${name}" are NaN, so it is of no class: weights of the model are NaN or ` +
        "infinite, or too large; load others.",
    );
  }
  return answered(logits);
}

/** How well a classifier knows images. */
export interface Evaluation {
  /** Images classified as their label, %. */
  readonly accuracy: number;
  /** Mean cross-entropy, nats. */
  readonly loss: number;
  readonly count: number;
}

/**
 * Accuracy and loss on images with their labels; a loss that is NaN says that weights of the model are not finite.
 *
 * @throws UsageError if there are none, or for a classifier that was destroyed; DataError for images that do not fit.
 */
export async function evaluate(
  model: Classifier,
  images: Dataset,
  watch: Watch = {},
): Promise<Evaluation> {
  requireClassifier(model, "evaluate");
  requireImages(model, images, "evaluate: images");
  checked(watchSchema, watch, "evaluate: watch");
  const { count } = images;
  if (count === 0) throw new UsageError(`data set "${images.name}" has no images to evaluate on.`);
  return Owned.within(async (owned) => {
    const data = owned.add(await upload(model, images));
    const rows = passOver(count, batch);
    const evaluator = owned.add(await Evaluator.create(model.model, classification, data, rows));
    const { accuracy, loss } = await evaluator.run(everyOf(count), watch);
    return { accuracy, loss, count };
  });
}

/** A classifier's images on its device, prepared as it sees them. */
export function upload(model: Classifier, images: Dataset): Promise<GpuDataset> {
  const { mean, deviation } = model.info.preprocessing;
  return GpuDataset.upload(model.gpu, requireImages(model, images, "images"), mean, deviation);
}

function everyOf(count: number): Uint32Array {
  return Uint32Array.from({ length: count }, (_, i) => i);
}

/**
 * The classifier as a file: weights, class names, preprocessing, architecture. It is written to a path, or returned as the
 * file's bytes where none is given.
 */
export function save(model: Classifier): Promise<Uint8Array<ArrayBuffer>>;
export function save(model: Classifier, path: string): Promise<void>;
export async function save(
  classifier: Classifier,
  path?: string,
): Promise<Uint8Array<ArrayBuffer> | void> {
  requireClassifier(classifier, "save");
  const { model, info } = classifier;
  if (path !== undefined && (typeof path !== "string" || path === "")) {
    throw new UsageError(`save: expected a path, got ${shown(path)}.`);
  }
  const bytes = await writeCheckpoint(await model.save(), model.spec.name, info);
  if (path === undefined) return bytes;
  return writeAtomic(path, bytes);
}

/** Settings of {@link load}. */
export interface LoadSettings {
  /** The device; absent: one of its own. */
  readonly gpu?: Gpu | undefined;
  /** The network, where it is the user's own and not known yet. */
  readonly network?: Network | undefined;
  /** Take weights that are NaN or infinite as they are. */
  readonly allowNonfinite?: boolean | undefined;
}

const loadSchema = z.strictObject({
  gpu: gpuSchema.optional(),
  network: z.custom<Network>().optional(),
  allowNonfinite: z.boolean().optional(),
});

/**
 * A classifier from a file of {@link save}, or of `rewind train` and `rewind unlearn`. Files of PyTorch are read by
 * `loadForeign` of `rewind-webgpu/io`.
 *
 * @param file its path, its address, or its bytes.
 * @throws DataError for a file that is damaged, holds NaN or infinities, or does not say what network it is of.
 */
export async function load(
  file: string | URL | Uint8Array,
  settings: LoadSettings = {},
): Promise<Classifier> {
  const { gpu, network, allowNonfinite } = checked(loadSchema, settings, "load");
  if (!(file instanceof Uint8Array || file instanceof URL || typeof file === "string")) {
    throw new UsageError(`load: expected a path, an address or bytes, got ${shown(file)}.`);
  }
  const name = file instanceof Uint8Array ? "file" : String(file);
  const bytes = file instanceof Uint8Array ? file : await readBytes(file);
  const contents = await readSealed(bytes, name);
  if (allowNonfinite !== true) requireFinite(contents.tensors, name);
  const { info, tensors } = parseCheckpoint(contents, name);
  if (info === undefined) {
    throw new DataError(
      `"${name}" does not say what network it is of: it was not written by \`save\`. Read it by \`loadForeign\` of ` +
        "rewind-webgpu/io, which is told.",
    );
  }
  if (network !== undefined) networks.known(network);
  try {
    return await classifierOf(info, { gpu, weights: tensors });
  } catch (cause) {
    if (!(cause instanceof ShapeError)) throw cause;
    throw new DataError(`"${name}": ${cause.message}`, { cause });
  }
}
