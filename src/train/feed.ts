/**
 * Pictures on the GPU and how a step finds its batch there.
 *
 * An epoch is an order list (picture numbers) and a step table, both uploaded once; each step takes the
 * next row of the table, gathers its pictures and labels, and needs nothing from the host.
 */
import type { Dataset } from "../data/dataset.ts";
import type { BufferView, Gpu } from "../gpu/device.ts";
import { GpuError } from "../gpu/errors.ts";
import { type Launch, Value } from "../graph/value.ts";

/** Random changes of a training picture, with Keras' meanings; absent fields mean no change. */
export interface Augmentation {
  /** Degrees, both ways. */
  readonly rotation?: number;
  /** Fraction of the side, both ways, each axis on its own. */
  readonly shift?: number;
  /** Degrees, both ways. */
  readonly shear?: number;
  /** Lowest and highest zoom, each axis on its own. */
  readonly zoom?: readonly [number, number];
  /** Probability of a horizontal flip. */
  readonly flip?: number;
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
      throw new GpuError(`data set "${dataset.name}": the mean picture has ${mean.length} values, not ${size}.`);
    }
    const perShard = Math.max(1, Math.floor(gpu.maxBinding / size));
    const ranges = Array.from({ length: Math.ceil(dataset.count / perShard) }, (_, i) => ({
      first: i * perShard,
      count: Math.min(perShard, dataset.count - i * perShard),
    }));
    const sizes = Object.fromEntries(ranges.map((range, i) => [`pictures[${i}]`, range.count * size]));
    const buffers = Object.values(await gpu.allocate(sizes));
    const shards = ranges.map((range, i) => ({ ...range, buffer: buffers[i]! }));
    for (const { buffer, first, count } of shards) {
      gpu.write(buffer, dataset.pixels.subarray(first * size, (first + count) * size));
    }
    const own = await gpu.allocate({ mean: 4 * size, labels: 4 * dataset.count });
    gpu.write(own.mean, mean);
    gpu.write(own.labels, Uint32Array.from(dataset.labels));
    const picture = [dataset.height, dataset.width, dataset.channels] as const;
    return new GpuDataset(gpu, dataset.count, picture, dataset.classes.length, shards, own.mean, own.labels, false);
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
    if (!this.#sharesPictures) this.gpu.free(this.mean, ...this.shards.map((shard) => shard.buffer));
  }
}

/** One row of the step table. */
export interface StepRow {
  /** Rows of the batch that count; the rest is padding with weight 0. */
  readonly rows: number;
  /** First position in the order list. */
  readonly first: number;
  readonly seed: number;
  readonly learningRate: number;
  readonly corrections: readonly [number, number];
}

const stepWords = 8;

/** Feeds a graph from a data set; owns the order list, step table, cursor and running totals. */
export class Feed {
  readonly batch: number;
  readonly x: Value;
  readonly labels: Value;
  /** 1 / rows for the rows that count, 0 for padding. */
  readonly weights: Value;
  readonly step: Value;
  readonly totals: Value;
  /** Launches that fetch the next batch; they come first in a step. */
  readonly launches: readonly Launch[];
  readonly bindings: ReadonlyMap<Value, BufferView>;
  readonly #gpu: Gpu;
  readonly #buffers: Record<"order" | "table" | "cursor" | "step" | "totals", GPUBuffer>;
  readonly #capacity: { pictures: number; steps: number };

  private constructor(
    data: GpuDataset,
    batch: number,
    augment: Augmentation | undefined,
    buffers: Record<"order" | "table" | "cursor" | "step" | "totals", GPUBuffer>,
    capacity: { pictures: number; steps: number },
  ) {
    this.#gpu = data.gpu;
    this.#buffers = buffers;
    this.#capacity = capacity;
    this.batch = batch;
    const [h, w, c] = data.picture;
    const bound = new Map<Value, BufferView>();
    const bind = (label: string, buffer: GPUBuffer, size: number, dtype: "f32" | "u32"): Value => {
      const value = new Value(label, [size], dtype, "bound");
      bound.set(value, { buffer, offset: 0, size: 4 * size });
      return value;
    };
    const order = bind("order", buffers.order, capacity.pictures, "u32");
    const table = bind("steps", buffers.table, capacity.steps * stepWords, "u32");
    const cursor = bind("cursor", buffers.cursor, 1, "u32");
    this.step = bind("step", buffers.step, stepWords, "u32");
    this.totals = bind("totals", buffers.totals, stepWords, "u32");
    const mean = bind("mean", data.mean, h * w * c, "f32");
    const all = bind("all labels", data.labels, data.count, "u32");
    this.x = new Value("pictures", [batch, h, w, c], "f32", "planned");
    this.labels = new Value("labels", [batch], "u32", "planned");
    this.weights = new Value("weights", [batch], "f32", "planned");
    const { step, x } = this;
    const launches: Launch[] = [
      { shader: "train/next-step", constants: {}, bind: { table, cursor, step }, groups: [1, 1, 1] },
      {
        shader: "data/labels",
        constants: { B: batch },
        bind: { all, order, step, labels: this.labels, weights: this.weights },
        threads: batch,
      },
    ];
    const transforms = augment === undefined ? null : new Value("transforms", [batch, 8], "f32", "planned");
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
        constants: { B: batch, H: h, W: w, C: c, FIRST: first, COUNT: count, AUGMENT: transforms !== null },
        bind: { pixels, mean, order, step, transforms, x },
        threads: x.size,
      });
    }
    this.launches = launches;
    this.bindings = bound;
  }

  /**
   * @param pictures longest order list.
   * @param batch pictures a step.
   */
  static async create(
    data: GpuDataset,
    options: { batch: number; pictures: number; augment?: Augmentation | undefined },
  ): Promise<Feed> {
    const steps = Math.ceil(options.pictures / options.batch);
    const buffers = await data.gpu.allocate({
      order: 4 * options.pictures,
      table: 4 * stepWords * steps,
      cursor: 4,
      step: 4 * stepWords,
      totals: 4 * stepWords,
    });
    return new Feed(data, options.batch, options.augment, buffers, { pictures: options.pictures, steps });
  }

  /** Uploads an epoch: which pictures in which order, and one row a step. Resets the totals. */
  load(order: Uint32Array, rows: readonly StepRow[]): void {
    if (order.length > this.#capacity.pictures || rows.length > this.#capacity.steps) {
      throw new GpuError(
        `a feed for ${this.#capacity.pictures} pictures and ${this.#capacity.steps} steps got ` +
          `${order.length} pictures and ${rows.length} steps.`,
      );
    }
    const words = new Uint32Array(rows.length * stepWords);
    const floats = new Float32Array(words.buffer);
    rows.forEach((row, i) => {
      words.set([row.rows, row.first, row.seed >>> 0], i * stepWords);
      floats.set([row.learningRate, ...row.corrections], i * stepWords + 4);
    });
    this.#gpu.write(this.#buffers.order, order);
    this.#gpu.write(this.#buffers.table, words);
    this.#gpu.write(this.#buffers.cursor, new Uint32Array(1));
    this.#gpu.write(this.#buffers.totals, new Uint32Array(stepWords));
  }

  /** Reads the totals since {@link load}: the only read-back of an epoch (32 bytes). */
  async read(): Promise<Totals> {
    const { totals } = this.#buffers;
    const [bytes] = await this.#gpu.read({ buffer: totals, offset: 0, size: totals.size });
    const words = new Uint32Array(bytes!);
    const rows = words[2]!;
    return {
      loss: new Float32Array(bytes!)[0]! / Math.max(1, rows),
      accuracy: (100 * words[1]!) / Math.max(1, rows),
      correct: words[1]!,
      rows,
      steps: words[3]!,
      badSteps: words[4]!,
    };
  }

  destroy(): void {
    this.#gpu.free(...Object.values(this.#buffers));
  }
}

/** What a pass over some pictures adds up to. */
export interface Totals {
  /** Mean cross-entropy in nats. */
  readonly loss: number;
  /** Share of pictures whose largest logit is the label's, in %. */
  readonly accuracy: number;
  readonly correct: number;
  readonly rows: number;
  readonly steps: number;
  /** Steps whose loss was NaN or infinite. */
  readonly badSteps: number;
}
