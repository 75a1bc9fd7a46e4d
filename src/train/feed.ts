/** Pictures on the GPU, and the launches that gather, normalise and augment a batch of them. */
import type { Dataset } from "../data/dataset.ts";
import type { BufferView, Gpu } from "../gpu/device.ts";
import { GpuError } from "../gpu/errors.ts";
import { type Launch, Value } from "../graph/value.ts";
import { StepQueue } from "./step-queue.ts";

/** Random changes of a training picture, with Keras' meanings; absent fields mean no change. */
export interface Augmentation {
  /** Degrees, both ways. */
  readonly rotation?: number | undefined;
  /** Fraction of the side, both ways, each axis on its own. */
  readonly shift?: number | undefined;
  /** Degrees, both ways. */
  readonly shear?: number | undefined;
  /** Lowest and highest zoom, each axis on its own. */
  readonly zoom?: readonly [number, number] | undefined;
  /** Probability of a horizontal flip. */
  readonly flip?: number | undefined;
}

/** The augmentation of the published unlearning script. */
export const paperAugmentation: Augmentation = {
  rotation: 10,
  shift: 0.15,
  shear: 0.1,
  zoom: [0.7, 1.3],
  flip: 0.5,
};

/** The mean picture [H·W·C] of a data set, in [0, 1]; subtracting it is the published normalisation. */
export function meanPicture(dataset: Dataset): Float32Array {
  const size = dataset.height * dataset.width * dataset.channels;
  const sums = new Float64Array(size);
  for (let i = 0; i < dataset.pixels.length; i++) sums[i % size]! += dataset.pixels[i]!;
  return Float32Array.from(sums, (sum) => sum / 255 / dataset.count);
}

interface Shard {
  readonly buffer: GPUBuffer;
  readonly first: number;
  readonly count: number;
}

/** A data set in GPU memory: pictures as bytes in shards, labels, the mean picture. */
export class GpuDataset {
  readonly gpu: Gpu;
  readonly count: number;
  /** Height, width, channels. */
  readonly picture: readonly [number, number, number];
  readonly classes: number;
  readonly shards: readonly Shard[];
  readonly mean: GPUBuffer;
  readonly labels: GPUBuffer;
  readonly #sharesPictures: boolean;

  private constructor(
    gpu: Gpu,
    count: number,
    picture: readonly [number, number, number],
    classes: number,
    shards: readonly Shard[],
    mean: GPUBuffer,
    labels: GPUBuffer,
    sharesPictures: boolean,
  ) {
    this.gpu = gpu;
    this.count = count;
    this.picture = picture;
    this.classes = classes;
    this.shards = shards;
    this.mean = mean;
    this.labels = labels;
    this.#sharesPictures = sharesPictures;
  }

  /** Uploads pictures and labels; splits pictures over buffers where one binding would not hold them. */
  static async upload(gpu: Gpu, dataset: Dataset, mean: Float32Array): Promise<GpuDataset> {
    const size = dataset.height * dataset.width * dataset.channels;
    if (mean.length !== size) {
      throw new GpuError(
        `data set "${dataset.name}": the mean picture has ${mean.length} values, not ${size}.`,
      );
    }
    const perShard = Math.max(1, Math.floor(gpu.maxBinding / size));
    const ranges = Array.from({ length: Math.ceil(dataset.count / perShard) }, (_, i) => ({
      first: i * perShard,
      count: Math.min(perShard, dataset.count - i * perShard),
    }));
    const sizes = Object.fromEntries(
      ranges.map((range, i) => [`pictures[${i}]`, range.count * size]),
    );
    const buffers = Object.values(await gpu.allocate(sizes));
    const shards = ranges.map((range, i) => ({ ...range, buffer: buffers[i]! }));
    for (const { buffer, first, count } of shards) {
      gpu.write(buffer, dataset.pixels.subarray(first * size, (first + count) * size));
    }
    const own = await gpu.allocate({ mean: 4 * size, labels: 4 * dataset.count });
    gpu.write(own.mean, mean);
    gpu.write(own.labels, Uint32Array.from(dataset.labels));
    const picture = [dataset.height, dataset.width, dataset.channels] as const;
    return new GpuDataset(
      gpu,
      dataset.count,
      picture,
      dataset.classes.length,
      shards,
      own.mean,
      own.labels,
      false,
    );
  }

  /** The same pictures with other labels; shares the pictures' memory. */
  async withLabels(labels: ArrayLike<number>): Promise<GpuDataset> {
    if (labels.length !== this.count) {
      throw new GpuError(`${this.count} pictures need as many labels, got ${labels.length}.`);
    }
    const own = await this.gpu.allocate({ labels: 4 * this.count });
    this.gpu.write(own.labels, Uint32Array.from(labels));
    const { gpu, count, picture, classes, shards, mean } = this;
    return new GpuDataset(gpu, count, picture, classes, shards, mean, own.labels, true);
  }

  destroy(): void {
    this.gpu.free(this.labels);
    if (!this.#sharesPictures)
      this.gpu.free(this.mean, ...this.shards.map((shard) => shard.buffer));
  }
}

/** Feeds pictures and labels of a data set to a graph. */
export class PictureFeed {
  readonly queue: StepQueue;
  /** Pictures [batch, H, W, C], mean subtracted. */
  readonly x: Value;
  readonly labels: Value;
  /** 1 / rows for the rows that count, 0 for padding. */
  readonly weights: Value;
  /** Launches that fetch the next batch; they come first in a step. */
  readonly launches: readonly Launch[];
  readonly bindings: ReadonlyMap<Value, BufferView>;

  private constructor(data: GpuDataset, queue: StepQueue, augment: Augmentation | undefined) {
    this.queue = queue;
    const { batch, order, step } = queue;
    const [h, w, c] = data.picture;
    const bound = new Map<Value, BufferView>(queue.bindings);
    const bind = (label: string, buffer: GPUBuffer, size: number, dtype: "f32" | "u32"): Value => {
      const value = new Value(label, [size], dtype, "bound");
      bound.set(value, { buffer, offset: 0, size: 4 * size });
      return value;
    };
    const mean = bind("mean", data.mean, h * w * c, "f32");
    const all = bind("all labels", data.labels, data.count, "u32");
    const x = new Value("pictures", [batch, h, w, c], "f32", "planned");
    const labels = new Value("labels", [batch], "u32", "planned");
    const weights = new Value("weights", [batch], "f32", "planned");
    const launches: Launch[] = [
      ...queue.launches,
      {
        shader: "data/labels",
        constants: { B: batch },
        bind: { all, order, step, labels, weights },
        threads: batch,
      },
    ];
    const transforms =
      augment === undefined ? null : new Value("transforms", [batch, 8], "f32", "planned");
    if (augment !== undefined) {
      launches.push({
        shader: "data/transforms",
        constants: {
          B: batch,
          H: h,
          W: w,
          ROTATION: augment.rotation ?? 0,
          SHIFT: augment.shift ?? 0,
          SHEAR: augment.shear ?? 0,
          ZOOM_LOW: augment.zoom?.[0] ?? 1,
          ZOOM_HIGH: augment.zoom?.[1] ?? 1,
          FLIP: augment.flip ?? 0,
        },
        bind: { step, transforms },
        threads: batch,
      });
    }
    for (const { buffer, first, count } of data.shards) {
      const pixels = bind("pixels", buffer, Math.ceil((count * h * w * c) / 4), "u32");
      launches.push({
        shader: "data/gather",
        constants: {
          B: batch,
          H: h,
          W: w,
          C: c,
          FIRST: first,
          COUNT: count,
          AUGMENT: transforms !== null,
        },
        bind: { pixels, mean, order, step, transforms, x },
        threads: x.size,
      });
    }
    this.x = x;
    this.labels = labels;
    this.weights = weights;
    this.launches = launches;
    this.bindings = bound;
  }

  /** @param items longest order list of an epoch. */
  static async create(
    data: GpuDataset,
    options: { batch: number; items: number; augment?: Augmentation | undefined },
  ): Promise<PictureFeed> {
    return new PictureFeed(data, await StepQueue.create(data.gpu, options), options.augment);
  }
}
