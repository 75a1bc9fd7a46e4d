/** Labelled images in GPU memory. */
import { type Dataset, storedSize } from "../data/dataset.ts";
import { enlarge } from "../data/enlarge.ts";
import { requireDataset, requireLabels } from "../data/requirements.ts";
import { ShapeError } from "../errors.ts";
import type { Gpu } from "../gpu/device.ts";
import { isDry } from "../gpu/dry.ts";
import { Owned } from "../gpu/owned.ts";
import type { Permit } from "./step-queue.ts";

/**
 * The mean image [H·W·C] of a data set, of bytes in [0, 1]; subtracting it is the published normalisation. Where
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
  const unit = pixels instanceof Float32Array ? 1 : 255;
  return Float32Array.from(all, (sum) => sum / unit / count);
}

/** Mean and deviation of each channel of a data set, of bytes in [0, 1]: what networks that draw images work in. */
export function channelMoments({ channels, pixels }: Dataset): {
  readonly mean: Float32Array;
  readonly deviation: readonly number[];
} {
  const unit = pixels instanceof Float32Array ? 1 : 255;
  const [sums, squares] = [new Float64Array(channels), new Float64Array(channels)];
  for (let i = 0; i < pixels.length; i++) {
    const value = pixels[i]! / unit;
    sums[i % channels]! += value;
    squares[i % channels]! += value * value;
  }
  const count = pixels.length / channels;
  const mean = sums.map((sum) => sum / count);
  const deviation = Array.from(mean, (m, c) => Math.sqrt(Math.max(0, squares[c]! / count - m * m)));
  // A channel of one value has none.
  return { mean: Float32Array.from(mean), deviation: deviation.map((one) => (one > 0 ? one : 1)) };
}

/** What memory plans call the memory of a data set. */
const purpose = "images";

interface Shard {
  readonly buffer: GPUBuffer;
  readonly first: number;
  readonly count: number;
}

/** The mean of every value, then every channel's deviation: what feeds normalise by. */
function normalisationOf(
  { name, height, width, channels }: Dataset,
  mean: Float32Array,
  deviation: ArrayLike<number> = new Float32Array(channels).fill(1),
): Float32Array<ArrayBuffer> {
  const size = height * width * channels;
  if (mean.length !== size && mean.length !== channels) {
    throw new ShapeError(
      `data set "${name}": the mean has ${mean.length} values, not ${size} (an image) or ${channels} (channels).`,
    );
  }
  const odd = mean.findIndex((one) => !Number.isFinite(one));
  if (odd >= 0) {
    throw new ShapeError(`data set "${name}": value ${odd} of the mean is ${mean[odd]!}.`);
  }
  if (
    deviation.length !== channels ||
    !Array.from(deviation).every((one) => one > 0 && Number.isFinite(one))
  ) {
    throw new ShapeError(
      `data set "${name}" needs ${channels} deviations above 0, one a channel, got ${Array.from(deviation).join(", ")}.`,
    );
  }
  const all = new Float32Array(size + channels);
  for (let i = 0; i < size; i++) all[i] = mean[i % mean.length]!;
  all.set(deviation, size);
  return all;
}

type GpuFields = Pick<
  GpuDataset,
  | "gpu"
  | "count"
  | "image"
  | "stored"
  | "floats"
  | "classes"
  | "shards"
  | "normalisation"
  | "labels"
> & { readonly permit?: Permit | undefined };

/** A data set in GPU memory: images as bytes or floats in shards, labels, how they are normalised. Owns what it uploaded. */
export class GpuDataset {
  readonly gpu: Gpu;
  readonly count: number;
  /** Height, width, channels. */
  readonly image: readonly [number, number, number];
  /** Height and width of the images in the shards, which a feed enlarges to those of `image`. */
  readonly stored: readonly [number, number];
  /** Values are floats and not bytes. */
  readonly floats: boolean;
  readonly classes: number;
  readonly shards: readonly Shard[];
  /** The mean image [H·W·C], then the channels' deviations [C]. */
  readonly normalisation: GPUBuffer;
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
    this.floats = fields.floats;
    this.classes = fields.classes;
    this.shards = fields.shards;
    this.normalisation = fields.normalisation;
    this.labels = fields.labels;
    this.permit = fields.permit;
    this.#owned = owned;
  }

  /**
   * Uploads images and labels; splits images over buffers where one binding would not hold them.
   *
   * @param mean what feeds subtract of pixels in [0, 1]: an image [H·W·C], as {@link meanImage}'s of the training
   *   images, or a number a channel, [C].
   * @param deviation what they divide by afterwards, [C]; absent: nothing.
   * @throws ShapeError if either has another size, or values that are not finite.
   * @throws DataError naming what of the data set does not fit.
   */
  static async upload(
    gpu: Gpu,
    dataset: Dataset,
    mean: Float32Array,
    deviation?: ArrayLike<number>,
  ): Promise<GpuDataset> {
    requireDataset(dataset, "GpuDataset.upload", { blank: isDry(gpu) });
    const { height, width, channels } = dataset;
    const normalisation = normalisationOf(dataset, mean, deviation);
    const stored = storedSize(dataset);
    const size = stored.height * stored.width * channels;
    const floats = dataset.pixels instanceof Float32Array;
    const bytes = size * (floats ? 4 : 1);
    const perShard = Math.max(1, Math.floor(gpu.maxBinding / bytes));
    const ranges = Array.from({ length: Math.ceil(dataset.count / perShard) }, (_, i) => ({
      first: i * perShard,
      count: Math.min(perShard, dataset.count - i * perShard),
    }));
    return Owned.during(async (owned) => {
      const images = await gpu.allocate(
        Object.fromEntries(ranges.map(({ count }, i) => [`images[${i}]`, count * bytes])),
        { purpose },
      );
      const buffers = Object.values(images);
      owned.add({ destroy: () => gpu.free(...buffers) });
      const shards = ranges.map((range, i) => ({ ...range, buffer: buffers[i]! }));
      for (const { buffer, first, count } of shards) {
        gpu.write(buffer, dataset.pixels.subarray(first * size, (first + count) * size));
      }
      const sizes = { normalisation: normalisation.byteLength, labels: 4 * dataset.count };
      const own = await gpu.allocate(sizes, { purpose });
      gpu.write(own.normalisation, normalisation);
      gpu.write(own.labels, Uint32Array.from(dataset.labels));
      const fields = {
        gpu,
        count: dataset.count,
        image: [height, width, channels] as const,
        stored: [stored.height, stored.width] as const,
        floats,
        classes: dataset.classes.length,
        shards,
        ...own,
      };
      return new GpuDataset(fields, [...buffers, own.normalisation, own.labels]);
    });
  }

  /** The same images with other labels, and of another number of classes where one is given; shares the images' memory. */
  async withLabels(labels: ArrayLike<number>, classes: number = this.classes): Promise<GpuDataset> {
    this.#requireLabels(labels, classes);
    const own = await this.gpu.allocate({ labels: 4 * this.count }, { purpose });
    const relabelled = new GpuDataset({ ...this.#fields, classes, ...own }, [own.labels]);
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

  /**
   * Replaces all labels; feeds made before see the new ones.
   *
   * @throws ShapeError if they are not as many as the images.
   * @throws DataError naming the first that is no class.
   */
  setLabels(labels: ArrayLike<number>): void {
    this.#requireLabels(labels);
    this.gpu.write(this.labels, Uint32Array.from(labels));
  }

  #requireLabels(labels: ArrayLike<number>, classes: number = this.classes): void {
    if (labels.length !== this.count) {
      throw new ShapeError(`${this.count} images need as many labels, got ${labels.length}.`);
    }
    requireLabels(labels, classes);
  }

  /** Frees what this set allocated; images shared with another set belong to that one. */
  destroy(): void {
    this.gpu.free(...this.#owned);
  }

  [Symbol.dispose](): void {
    this.destroy();
  }
}
