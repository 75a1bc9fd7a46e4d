/** Images on the GPU, and the launches that gather, normalise and augment a batch of them. */
import { type Dataset, storedSize } from "../data/dataset.ts";
import { enlarge } from "../data/enlarge.ts";
import type { BufferView, Gpu } from "../gpu/device.ts";
import { GpuError } from "../errors.ts";
import { type Launch, Value } from "../graph/value.ts";
import type { Augmentation } from "./augment.ts";
import { type Permit, StepQueue } from "./step-queue.ts";

/**
 * The mean image [H·W·C] of a data set, in [0, 1]; subtracting it is the published normalisation. Where
 * images are enlarged it is the mean of the enlarged ones: enlarging is linear, so that this is the
 * enlarged mean of the stored ones.
 */
export function meanImage(dataset: Dataset): Float32Array {
  const { channels, count, pixels } = dataset;
  const stored = storedSize(dataset);
  const size = stored.height * stored.width * channels;
  const sums = new Float64Array(size);
  for (let i = 0; i < pixels.length; i++) sums[i % size]! += pixels[i]!;
  const all = dataset.stored === undefined ? sums : enlarge(sums, stored, dataset, channels);
  return Float32Array.from(all, (sum) => sum / 255 / count);
}

interface Shard {
  readonly buffer: GPUBuffer;
  readonly first: number;
  readonly count: number;
}

/** @throws GpuError naming the first label that is not a class. */
function requireLabels(labels: ArrayLike<number>, classes: number): void {
  for (let i = 0; i < labels.length; i++) {
    if (!(labels[i]! >= 0 && labels[i]! < classes)) {
      throw new GpuError(`image ${i} has label ${labels[i]}; there are ${classes} classes.`);
    }
  }
}

type GpuFields = Pick<
  GpuDataset,
  "gpu" | "count" | "image" | "stored" | "classes" | "shards" | "mean" | "labels"
> & { readonly permit?: Permit | undefined };

/** A data set in GPU memory: images as bytes in shards, labels, the mean image. */
export class GpuDataset {
  readonly gpu: Gpu;
  readonly count: number;
  /** Height, width, channels. */
  readonly image: readonly [number, number, number];
  /** Height and width of the images in the shards, which a feed enlarges to those of `image`. */
  readonly stored: readonly [number, number];
  readonly classes: number;
  readonly shards: readonly Shard[];
  readonly mean: GPUBuffer;
  readonly labels: GPUBuffer;
  /** Absent: every image may be used. */
  readonly permit: Permit | undefined;
  readonly #fields: GpuFields;
  readonly #owned: readonly GPUBuffer[];

  private constructor(fields: GpuFields, owned: readonly GPUBuffer[]) {
    this.#fields = fields;
    this.gpu = fields.gpu;
    this.count = fields.count;
    this.image = fields.image;
    this.stored = fields.stored;
    this.classes = fields.classes;
    this.shards = fields.shards;
    this.mean = fields.mean;
    this.labels = fields.labels;
    this.permit = fields.permit;
    this.#owned = owned;
  }

  /** Uploads images and labels; splits images over buffers where one binding would not hold them. */
  static async upload(gpu: Gpu, dataset: Dataset, mean: Float32Array): Promise<GpuDataset> {
    const { height, width, channels } = dataset;
    if (mean.length !== height * width * channels) {
      throw new GpuError(
        `data set "${dataset.name}": the mean image has ${mean.length} values, not ` +
          `${height * width * channels}.`,
      );
    }
    const stored = storedSize(dataset);
    const size = stored.height * stored.width * channels;
    requireLabels(dataset.labels, dataset.classes.length);
    const perShard = Math.max(1, Math.floor(gpu.maxBinding / size));
    const ranges = Array.from({ length: Math.ceil(dataset.count / perShard) }, (_, i) => ({
      first: i * perShard,
      count: Math.min(perShard, dataset.count - i * perShard),
    }));
    const sizes = Object.fromEntries(
      ranges.map((range, i) => [`images[${i}]`, range.count * size]),
    );
    const buffers = Object.values(await gpu.allocate(sizes));
    const shards = ranges.map((range, i) => ({ ...range, buffer: buffers[i]! }));
    for (const { buffer, first, count } of shards) {
      gpu.write(buffer, dataset.pixels.subarray(first * size, (first + count) * size));
    }
    const own = await gpu.allocate({ mean: 4 * mean.length, labels: 4 * dataset.count });
    gpu.write(own.mean, mean);
    gpu.write(own.labels, Uint32Array.from(dataset.labels));
    return new GpuDataset(
      {
        gpu,
        count: dataset.count,
        image: [height, width, channels],
        stored: [stored.height, stored.width],
        classes: dataset.classes.length,
        shards,
        ...own,
      },
      [...buffers, own.mean, own.labels],
    );
  }

  /** The same images with other labels; shares the images' memory. */
  async withLabels(labels: ArrayLike<number>): Promise<GpuDataset> {
    const own = await this.gpu.allocate({ labels: 4 * this.count });
    const relabelled = new GpuDataset({ ...this.#fields, ...own }, [own.labels]);
    relabelled.setLabels(labels);
    return relabelled;
  }

  /** The same images and labels, of which only some may be used: any other is refused by name. */
  only(images: Uint32Array, name: string): GpuDataset {
    const allowed = new Uint8Array(this.count);
    for (const image of images) allowed[image] = 1;
    const permit = { name, has: (image: number) => allowed[image] === 1 };
    return new GpuDataset({ ...this.#fields, permit }, []);
  }

  /** Replaces all labels; feeds made before see the new ones. */
  setLabels(labels: ArrayLike<number>): void {
    if (labels.length !== this.count) {
      throw new GpuError(`${this.count} images need as many labels, got ${labels.length}.`);
    }
    requireLabels(labels, this.classes);
    this.gpu.write(this.labels, Uint32Array.from(labels));
  }

  /** Frees what this set allocated; images shared with another set belong to that one. */
  destroy(): void {
    this.gpu.free(...this.#owned);
  }
}

/** Feeds images and labels of a data set to a graph. */
export class ImageFeed {
  readonly queue: StepQueue;
  /** Images [batch, H, W, C], mean subtracted. */
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
    const [h, w, c] = data.image;
    const [storedH, storedW] = data.stored;
    const enlarged = storedH !== h || storedW !== w;
    const bound = new Map<Value, BufferView>(queue.bindings);
    const bind = (label: string, buffer: GPUBuffer, size: number, dtype: "f32" | "u32"): Value => {
      const value = new Value(label, [size], dtype, "bound");
      bound.set(value, { buffer, offset: 0, size: 4 * size });
      return value;
    };
    const mean = bind("mean", data.mean, h * w * c, "f32");
    const all = bind("all labels", data.labels, data.count, "u32");
    const x = new Value("images", [batch, h, w, c], "f32", "planned");
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
      augment === undefined ? null : new Value("transforms", [batch, 16], "f32", "planned");
    const cutouts = augment?.cutouts ?? { count: 0, side: 0 };
    const colour =
      cutouts.count > 0 || augment?.contrast !== undefined || augment?.saturation !== undefined;
    const channels = colour ? new Value("channels", [batch, 3], "f32", "planned") : null;
    const cuts = { CUTS: cutouts.count, CUT: cutouts.side };
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
          CONTRAST_LOW: augment.contrast?.[0] ?? 1,
          CONTRAST_HIGH: augment.contrast?.[1] ?? 1,
          SATURATION_LOW: augment.saturation?.[0] ?? 1,
          SATURATION_HIGH: augment.saturation?.[1] ?? 1,
          ...cuts,
        },
        bind: { step, transforms },
        threads: batch,
      });
    }
    for (const { buffer, first, count } of data.shards) {
      const pixels = bind("pixels", buffer, Math.ceil((count * storedH * storedW * c) / 4), "u32");
      const shard = {
        ...{ B: batch, H: h, W: w, C: c, FIRST: first, COUNT: count },
        ...{ STORED_H: storedH, STORED_W: storedW },
      };
      if (channels !== null) {
        launches.push({
          shader: "data/channel-means",
          entry: enlarged ? "enlarged" : "main",
          constants: shard,
          bind: { pixels, order, step, channels },
          groups: [batch, 1, 1],
        });
      }
      launches.push({
        shader: "data/gather",
        constants: {
          ...shard,
          ENLARGE: enlarged,
          AUGMENT: transforms !== null,
          NEAREST: augment?.sampling === "nearest",
          REFLECT: augment?.fill === "reflect",
          BYTES: colour,
          ...cuts,
        },
        bind: { pixels, mean, order, step, transforms, channels, x },
        threads: batch * h * w,
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
  ): Promise<ImageFeed> {
    const queue = await StepQueue.create(data.gpu, { ...options, permit: data.permit });
    return new ImageFeed(data, queue, options.augment);
  }
}
