/** Data sets from arrays in memory. */
import { z } from "zod";
import { checked } from "../checked.ts";
import { UsageError } from "../errors.ts";
import type { Dataset } from "./dataset.ts";
import { requireClassNames } from "./requirements.ts";

/** Images and labels as arrays. */
export interface ArrayData {
  /** Bytes, of which 255 is 1, or floats as they are. */
  readonly images: Uint8Array | Float32Array;
  /** Sizes of `images`: count, height, width, channels; or of vectors: count, length. */
  readonly shape:
    | readonly [count: number, height: number, width: number, channels: number]
    | readonly [count: number, length: number];
  /** Class of each image, [count]: a whole number from 0. */
  readonly labels: ArrayLike<number>;
  /** Class names; default: the numbers of the classes that the labels speak of. */
  readonly classes?: readonly string[] | undefined;
  /** What each image is called, [count]; default: by its number. */
  readonly names?: readonly string[] | undefined;
  /** What the data set is called, for messages. Default "arrays". */
  readonly name?: string | undefined;
}

const texts = z.custom<readonly string[]>(
  (value) => Array.isArray(value) && value.every((one) => typeof one === "string"),
  { error: "expected an array of texts" },
);

/** Arrays are looked at as a whole: a schema of their elements would take long. */
const arraySchema = z.strictObject({
  images: z.custom<ArrayData["images"]>(
    (value) => value instanceof Uint8Array || value instanceof Float32Array,
    { error: "expected a Uint8Array or a Float32Array" },
  ),
  shape: z.custom<readonly number[]>(Array.isArray, { error: "expected an array of sizes" }),
  labels: z.custom<ArrayLike<number>>(
    (value) => Array.isArray(value) || (ArrayBuffer.isView(value) && "length" in value),
    { error: "expected an array of numbers" },
  ),
  classes: texts.optional(),
  names: texts.optional(),
  name: z.string().optional(),
});

/**
 * A data set from arrays, which are copied. A vector is an image of one pixel with as many channels. What is not bytes in
 * 1 or 3 channels cannot be resized or changed at random.
 *
 * @throws UsageError naming what does not fit: sizes, a label that is no class, a value that is no finite number.
 */
export function fromArrays(data: ArrayData): Dataset {
  const {
    images,
    shape,
    labels,
    name = "arrays",
    names,
  } = checked(arraySchema, data, "fromArrays");
  const wrong = (what: string): UsageError => new UsageError(`data set "${name}": ${what}`);
  const [count = 0, ...each] = shape;
  const [height, width, channels] = (each.length === 1 ? [1, 1, each[0]!] : each) as [
    number,
    number,
    number,
  ];
  const counts = shape.every((size) => Number.isSafeInteger(size) && size > 0);
  if (!counts || (each.length !== 1 && each.length !== 3)) {
    throw wrong(
      "a shape is [count, height, width, channels] or [count, length], each at least 1, " +
        `got [${shape.join(", ")}].`,
    );
  }
  const values = count * height * width * channels;
  if (images.length !== values) {
    throw wrong(
      `images of shape [${shape.join(", ")}] are ${values} values, got ${images.length}.`,
    );
  }
  const odd =
    images instanceof Uint8Array ? -1 : images.findIndex((value) => !Number.isFinite(value));
  if (odd >= 0)
    throw wrong(
      `value ${odd} of the images is ${images[odd]!}; mend or leave out image ${Math.floor((odd * count) / values)}.`,
    );
  if (labels.length !== count)
    throw wrong(`${count} images need as many labels, got ${labels.length}.`);
  if (names !== undefined && names.length !== count) {
    throw wrong(`${count} images need as many names, got ${names.length}.`);
  }
  if (data.classes !== undefined) requireClassNames(data.classes, `data set "${name}"`);
  const own = labelsOf(labels, data.classes?.length, wrong);
  const most = own.reduce((largest, label) => Math.max(largest, label), 0);
  const classes = data.classes ?? Array.from({ length: most + 1 }, (_, label) => String(label));
  const pixels = images instanceof Uint8Array ? new Uint8Array(images) : new Float32Array(images);
  return { name, classes, height, width, channels, count, pixels, labels: own, names };
}

function labelsOf(
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
