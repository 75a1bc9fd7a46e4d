/** Labelled images in host memory: the one form every loader produces. */
import { host } from "#platform";
import { isList, isObject, requireGiven, shown } from "../checked.ts";
import { DataError, UsageError } from "../errors.ts";
import { Random } from "../random.ts";
import type { Extent } from "./enlarge.ts";

/** Values of images. */
export type Pixels = Uint8Array<ArrayBuffer> | Float32Array<ArrayBuffer>;

/** The bytes of values, not copied. */
export function bytesOf(pixels: Pixels): Uint8Array<ArrayBuffer> {
  return pixels instanceof Uint8Array
    ? pixels
    : new Uint8Array(pixels.buffer, pixels.byteOffset, pixels.byteLength);
}

/** Images with labels. `pixels` and `labels` are not to be changed after loading. */
export interface Dataset {
  readonly name: string;
  /** Class names; a label is an index into them. */
  readonly classes: readonly string[];
  /** Height and width of the images a network sees. */
  readonly height: number;
  readonly width: number;
  /** Size of the images in `pixels` where it is smaller: they are enlarged on the GPU, batch by batch. */
  readonly stored?: Extent | undefined;
  /** 1 is grey and 3 is RGB; any other number is of values that are no colours (a vector is 1×1 with as many channels). */
  readonly channels: number;
  readonly count: number;
  /** Values [count, height, width, channels] (NHWC) of the stored size: bytes, of which 255 is 1, or floats as they are. */
  readonly pixels: Pixels;
  /** Class index of each image, [count]. */
  readonly labels: Uint16Array<ArrayBuffer>;
  /** What each image is called, [count]: its file's path within the data set. Absent: by its number. */
  readonly names?: readonly string[] | undefined;
  /** Number of each image in the data set as it was before a part was taken, [count]. Absent: its place. */
  readonly numbers?: Uint32Array<ArrayBuffer> | undefined;
}

/** What the image at a place is called: its name, else its number. */
export function imageName(dataset: Pick<Dataset, "names" | "numbers">, place: number): string {
  return dataset.names?.[place] ?? String(imageNumber(dataset, place));
}

/** Number of the image at a place, in the data set as it was before a part was taken. */
export function imageNumber({ numbers }: Pick<Dataset, "numbers">, place: number): number {
  return numbers?.[place] ?? place;
}

/**
 * The colours of images that are bytes in 1 or 3 channels, which can be resized and changed at random.
 *
 * @throws UsageError naming what cannot be done with others.
 */
export function requireColours({ name, channels, pixels }: Dataset, what: string): 1 | 3 {
  if ((channels === 1 || channels === 3) && pixels instanceof Uint8Array) return channels;
  const values = pixels instanceof Uint8Array ? "bytes" : "floats";
  throw new UsageError(
    `data set "${name}" has ${values} in ${channels} channels: ${what} takes bytes in 1 or 3 channels; leave it out.`,
  );
}

/** Height and width of the images in `pixels`. */
export function storedSize({ stored, height, width }: Extent & Pick<Dataset, "stored">): Extent {
  return stored ?? { height, width };
}

const memoryError = (what: string, cause?: unknown): DataError =>
  new DataError(`${what}: take fewer (\`trainCount\`, \`testCount\`) or smaller ones (\`size\`).`, {
    cause,
  });

/**
 * Does work that makes the arrays of a data set.
 *
 * @throws DataError where there is no memory for them; else what the work throws.
 */
export async function withinMemory<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof RangeError && /array length|allocation failed/i.test(cause.message)) {
      throw memoryError("the images take more memory than there is", cause);
    }
    throw cause;
  }
}

/** Room for images. @throws DataError where this runtime has no array that large, or no memory for it. */
export function pixelArray(
  count: number,
  height: number,
  width: number,
  channels: number,
): Uint8Array<ArrayBuffer> {
  const bytes = count * height * width * channels;
  const tooMany = (cause?: unknown): DataError =>
    memoryError(
      `${count} images of ${height}×${width}×${channels} are ${(bytes / 2 ** 30).toFixed(1)} GiB, more than ` +
        "an array or the memory holds here",
      cause,
    );
  if (bytes > (host.mostImageBytes ?? Infinity)) throw tooMany();
  try {
    return new Uint8Array(bytes);
  } catch (cause) {
    throw tooMany(cause);
  }
}

/**
 * A first look at what is to be a data set; `requireDataset` looks whether it holds together.
 *
 * @param field what it has to have.
 * @throws UsageError for what is none.
 */
export function requireImageSet(
  given: unknown,
  what: string,
  field: keyof Dataset = "pixels",
): asserts given is Dataset {
  if (isObject(given) && field in given) return;
  throw new UsageError(
    `${what}: expected a data set, as fromArrays gives it, got ${shown(given)}${setsWithin(given)}.`,
  );
}

/** Where the data sets are in what loaders give, for an error; empty for all else. */
export function setsWithin(given: unknown): string {
  if (!isObject(given)) return "";
  if ("dataset" in given) return ": take its `.dataset`";
  return "train" in given && "test" in given ? ": take its `.train` or `.test`" : "";
}

/** The images at `indices`, in that order (repeats allowed), copied. @throws UsageError for an index outside. */
export function subset(dataset: Dataset, indices: ArrayLike<number>): Dataset {
  requireImageSet(dataset, "subset");
  requireGiven(isList(indices), "subset: indices", "an array of numbers", indices);
  const { height, width } = storedSize(dataset);
  const size = height * width * dataset.channels;
  const values = indices.length * size;
  const pixels =
    dataset.pixels instanceof Uint8Array ? new Uint8Array(values) : new Float32Array(values);
  const labels = new Uint16Array(indices.length);
  const numbers = new Uint32Array(indices.length);
  for (let i = 0; i < indices.length; i++) {
    const index = indices[i]!;
    if (!(Number.isInteger(index) && index >= 0 && index < dataset.count)) {
      throw new UsageError(
        `data set "${dataset.name}" has ${dataset.count} images: there is no index ${index}.`,
      );
    }
    pixels.set(dataset.pixels.subarray(index * size, (index + 1) * size), i * size);
    labels[i] = dataset.labels[index]!;
    numbers[i] = imageNumber(dataset, index);
  }
  const { names } = dataset;
  return {
    ...dataset,
    count: indices.length,
    pixels,
    labels,
    names: names && Array.from(indices, (index) => names[index]!),
    numbers,
  };
}

/**
 * `count` images chosen by `seed`, in random order, with the classes as equal as they can be: they
 * differ by at most one, unless a class has too few images; then the others fill up.
 */
export function takeBalanced(dataset: Dataset, count: number, seed: number): Dataset {
  requireImageSet(dataset, "takeBalanced");
  const { name, labels, classes } = dataset;
  return subset(dataset, balancedIndices(name, labels, classes.length, count, seed));
}

/** The indices {@link takeBalanced} takes, for images not loaded yet. `name` is for the error. */
export function balancedIndices(
  name: string,
  labels: Uint16Array,
  classCount: number,
  count: number,
  seed: number,
): Uint32Array<ArrayBuffer> {
  if (!(Number.isInteger(count) && count >= 0 && count <= labels.length)) {
    throw new UsageError(
      `data set "${name}" has ${labels.length} images: ${count} cannot be taken; ` +
        `ask for a whole number up to ${labels.length}.`,
    );
  }
  const random = new Random(seed).fork("take balanced");
  const queues = Array.from({ length: classCount }, (): number[] => []);
  for (const index of random.permutation(labels.length)) queues[labels[index]!]!.push(index);
  // Deals one image a class and round; a random class order decides who gets the remainder.
  const order = random.permutation(classCount);
  const taken = new Uint32Array(count);
  for (let round = 0, filled = 0; filled < count; round++) {
    for (const label of order) {
      const index = queues[label]![round];
      if (index !== undefined && filled < count) taken[filled++] = index;
    }
  }
  return random.shuffle(taken);
}
