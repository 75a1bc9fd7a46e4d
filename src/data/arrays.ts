/** Data sets from arrays in memory. */
import { UsageError } from "../errors.ts";
import type { Dataset } from "./dataset.ts";

/** Images and labels as arrays. */
export interface ArrayData {
  /** Bytes, 0 to 255, or floats from 0 to 1, [count, height, width, channels]. */
  readonly images: Uint8Array | Float32Array;
  /** Sizes of `images`: count, height, width, channels (1 or 3). */
  readonly shape: readonly [count: number, height: number, width: number, channels: number];
  /** Class of each image, [count]: a whole number from 0. */
  readonly labels: ArrayLike<number>;
  /** Class names; default: the numbers of the classes that the labels speak of. */
  readonly classes?: readonly string[] | undefined;
  /** What each image is called, [count]; default: by its number. */
  readonly names?: readonly string[] | undefined;
  /** What the data set is called, for messages. Default "arrays". */
  readonly name?: string | undefined;
}

/**
 * A data set from arrays. Floats are kept in 8 bits, rounded: 1 is 255.
 *
 * @throws UsageError naming what does not fit: sizes, a label that is no class, a value outside of its range.
 */
export function fromArrays(data: ArrayData): Dataset {
  const { images, shape, labels, name = "arrays", names } = data;
  const [count, height, width, channels] = shape;
  const wrong = (what: string): UsageError => new UsageError(`data set "${name}": ${what}`);
  if (shape.length !== 4 || !shape.every((size) => Number.isSafeInteger(size) && size > 0)) {
    throw wrong(
      `a shape is [count, height, width, channels], each at least 1, got [${shape.join(", ")}].`,
    );
  }
  if (channels !== 1 && channels !== 3) {
    throw wrong(`images have 1 channel or 3, got ${channels}.`);
  }
  if (images.length !== count * height * width * channels) {
    throw wrong(
      `images of shape [${shape.join(", ")}] are ${count * height * width * channels} values, got ${images.length}.`,
    );
  }
  if (labels.length !== count)
    throw wrong(`${count} images need as many labels, got ${labels.length}.`);
  if (names !== undefined && names.length !== count) {
    throw wrong(`${count} images need as many names, got ${names.length}.`);
  }
  const own = requireLabels(labels, data.classes?.length, wrong);
  const most = own.reduce((largest, label) => Math.max(largest, label), 0);
  const classes = data.classes ?? Array.from({ length: most + 1 }, (_, label) => String(label));
  const pixels = images instanceof Uint8Array ? images.slice() : bytesOf(images, wrong);
  return { name, classes, height, width, channels, count, pixels, labels: own, names };
}

function requireLabels(
  labels: ArrayLike<number>,
  classes = 65536,
  wrong: (what: string) => UsageError,
): Uint16Array<ArrayBuffer> {
  for (let i = 0; i < labels.length; i++) {
    const label = labels[i]!;
    if (Number.isInteger(label) && label >= 0 && label < classes) continue;
    throw wrong(
      `image ${i} has label ${label}; labels are whole numbers from 0 to ${classes - 1}.`,
    );
  }
  return Uint16Array.from(labels);
}

function bytesOf(
  images: Float32Array,
  wrong: (what: string) => UsageError,
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(images.length);
  for (let i = 0; i < images.length; i++) {
    const value = images[i]!;
    if (!(value >= 0 && value <= 1)) {
      throw wrong(
        `value ${i} of the images is ${value}; floats are from 0 to 1, before any normalisation.`,
      );
    }
    bytes[i] = Math.round(value * 255);
  }
  return bytes;
}
