/** Images and labels as arrays of numpy, in .npz files. */
import { readBytes } from "../platform/files.ts";
import { DataError } from "../errors.ts";
import { fromArrays } from "./arrays.ts";
import type { Dataset } from "./dataset.ts";
import { latin1 } from "./image-bytes.ts";
import { type NumpyArray, type NumpyWords, readNpz } from "./npy.ts";
import { type FileKind, hasNamed, partFiles, testNames } from "./part-files.ts";
import { defineDataset, type LoadOptions, type Split, taken } from "./source.ts";

export const npz = defineDataset({
  name: "npz",
  summary: "your own as arrays of numpy: x_train, y_train, x_test, y_test in a .npz file",
  folder: true,
  recognises: (dir) => hasNamed(dir, /\.npz$/i),
  load: loadNpz,
});

const kind: FileKind = { name: ".npz", is: (head) => latin1(head, 0, 4) === "PK\x03\x04" };

type Arrays = ReadonlyMap<string, NumpyArray | NumpyWords>;

/** Names of arrays, by what they are; upper and lower case are alike. */
const imageNames = ["x", "images", "data"];
const labelNames = ["y", "labels", "targets", "label"];
const classNames = ["classes", "class_names", "label_names"];

/** Images and labels of one part, and where they come from. */
interface Pair {
  readonly images: NumpyArray;
  readonly labels: NumpyArray;
  /** Of the images, and of the labels. */
  readonly where: string;
  readonly labelsWhere: string;
}

/**
 * Loads a .npz file that holds both parts, `x_train`, `y_train`, `x_test`, `y_test` (or `train_images`, `train_labels`, …;
 * `val` for `test`), or a folder with one file a part, whose names have `train` and `test` in them and which
 * hold `x` and `y` (or `images` and `labels`). Class names are those of an array `classes`, else numbers.
 *
 * Images are [N, H, W], [N, H, W, C] or [N, C, H, W], with 1 or 3 channels: the axis that has so many, the last one if
 * both might. Bytes and whole numbers are from 0 to 255, bools black or white; floats are from 0 to 1, or up to 255 if one
 * of the training images is above 1, and are kept in 8 bits. Where a training image has a value below 0 or above 255, and in
 * vectors [N, D] that are not of bytes, values are kept as floats as they are. Labels are whole numbers, or one-hot [N, classes].
 *
 * @throws DataError naming the file that is damaged, and the array that is missing or has values or a shape it must not.
 */
export async function loadNpz(dir: string, options: LoadOptions = { seed: 0 }): Promise<Split> {
  const files = await partFiles(dir, kind);
  for (const several of [[...files.others, ...files.train], files.test]) {
    if (several.length < 2) continue;
    throw new DataError(
      `${dir}: several .npz files, ${several.join(" and ")}; name the one that is meant.`,
    );
  }
  const [first] = [...files.others, ...files.train];
  if (first === undefined) throw new DataError(`${dir}: no .npz file of the training part in it.`);
  const arrays = readNpz(await readBytes(first), first);
  const both = files.train.length === 0 || findPart(arrays, "train") !== undefined;
  const train = both ? findPart(arrays, "train") : findPart(arrays, "");
  const test = both
    ? testNames.map((name) => findPart(arrays, name)).find((names) => names !== undefined)
    : undefined;
  const pair = (from: Arrays, names: Names | undefined, path: string, part: string): Pair => {
    if (names !== undefined) return pairOf(from, names, path);
    throw new DataError(
      `${path}: no arrays of the ${part} part (x_${part} and y_${part}); it has ${[...from.keys()].join(", ")}.`,
    );
  };
  const trainPair = pair(arrays, train, first, "train");
  let testPair: Pair;
  if (both) testPair = pair(arrays, test, first, "test");
  else {
    const [path] = files.test;
    if (path === undefined)
      throw new DataError(`${dir}: no .npz file of the test part beside ${first}.`);
    const other = readNpz(await readBytes(path), path);
    testPair = pair(other, findPart(other, ""), path, "test");
  }
  const scale = scaleOf(trainPair);
  const { factor } = scaleOf(testPair);
  // Test images may use a part of the range alone; what they are multiplied by tells the two ranges apart.
  if (factor !== scale.factor && factor !== undefined && scale.factor !== undefined) {
    throw new DataError(
      `${testPair.where}: these values are from 0 to ${255 / factor}, those of the training images from 0 to ` +
        `${255 / scale.factor}; save both parts alike.`,
    );
  }
  const classes = namesOf(arrays);
  const loadedTrain = datasetOf(trainPair, scale, classes);
  const loadedTest = datasetOf(testPair, scale, classes ?? loadedTrain.classes);
  const notes = [...files.notes, ...scale.notes];
  return taken({ train: loadedTrain, test: loadedTest, notes }, options);
}

interface Names {
  readonly images: string;
  readonly labels: string;
}

/** The names of a part's arrays: `x_train`, `train_x`, `xtrain`; without a part `x` alone. */
function findPart(arrays: Arrays, part: string): Names | undefined {
  const keys = [...arrays.keys()];
  const find = (names: readonly string[]): string | undefined => {
    const wanted = names.flatMap((name) =>
      part === "" ? [name] : [`${name}_${part}`, `${part}_${name}`, `${name}${part}`],
    );
    return wanted.flatMap((name) => keys.find((key) => key.toLowerCase() === name) ?? [])[0];
  };
  const [images, labels] = [find(imageNames), find(labelNames)];
  return images === undefined || labels === undefined ? undefined : { images, labels };
}

function pairOf(arrays: Arrays, { images, labels }: Names, path: string): Pair {
  const numbers = (name: string): NumpyArray => {
    const array = arrays.get(name)!;
    if ("shape" in array) return array;
    throw new DataError(
      `${path}, array "${name}": it holds words; labels are numbers, with their names in "classes".`,
    );
  };
  return {
    images: numbers(images),
    labels: numbers(labels),
    where: `${path}, array "${images}"`,
    labelsWhere: `${path}, array "${labels}"`,
  };
}

function namesOf(arrays: Arrays): readonly string[] | undefined {
  for (const name of classNames) {
    const array = arrays.get(name);
    if (array !== undefined && "words" in array) return array.words;
  }
  return undefined;
}

/** What values become: bytes by a factor, or floats as they are. */
interface Scale {
  readonly factor: number | undefined;
  readonly notes: readonly string[];
}

function scaleOf({ images: { data, kind: numbers, shape }, where }: Pair): Scale {
  if (numbers === "byte") return { factor: 1, notes: [] };
  if (numbers === "bool") return { factor: 255, notes: [] };
  let [least, most] = [Infinity, -Infinity];
  for (let i = 0; i < data.length; i++) {
    if (data[i]! < least) least = data[i]!;
    if (data[i]! > most) most = data[i]!;
  }
  if (shape.length === 2 || least < 0 || most > 255) {
    const said = `${where}: values from ${least} to ${most} are taken as they are, not as colours.`;
    return { factor: undefined, notes: [said] };
  }
  if (numbers === "integer") return { factor: 1, notes: [] };
  const range = most > 1 ? "0 to 255" : "0 to 1";
  return {
    factor: most > 1 ? 1 : 255,
    notes: [`${where}: floats are taken as from ${range} and kept in 8 bits.`],
  };
}

function datasetOf(
  { images, labels, where, labelsWhere }: Pair,
  { factor }: Scale,
  names: readonly string[] | undefined,
): Dataset {
  const { shape, axes } = layoutOf(images, where);
  const [count, height, width, channels] = shape;
  const { classes, ...own } = labelsOf(labels, count, names, labelsWhere);
  const [n, h, w, c] = axes.map((axis) => (axis < 0 ? 0 : images.strides[axis]!)) as [
    number,
    number,
    number,
    number,
  ];
  const { data } = images;
  const values = count * height * width * channels;
  const pixels = factor === undefined ? new Float32Array(values) : new Uint8Array(values);
  let to = 0;
  for (let i = 0; i < count; i++) {
    for (let row = 0; row < height; row++) {
      for (let column = 0; column < width; column++) {
        for (let channel = 0; channel < channels; channel++) {
          const own = data[i * n + row * h + column * w + channel * c]!;
          if (factor === undefined) {
            pixels[to++] = own;
            continue;
          }
          const value = own * factor;
          if (!(value >= 0 && value <= 255)) {
            throw new DataError(
              `${where}: image ${i} has a value of ${own}, outside of 0 to ${255 / factor}, where the ` +
                "training images lie; save both parts alike.",
            );
          }
          pixels[to++] = Math.round(value);
        }
      }
    }
  }
  try {
    return fromArrays({
      images: pixels,
      shape,
      labels: own.labels,
      classes,
      name: "npz",
    });
  } catch (cause) {
    throw new DataError(`${where}: ${(cause as Error).message}`, { cause });
  }
}

/** The shape as [count, height, width, channels], and which axis each of them is; -1: none. */
function layoutOf(
  { shape }: NumpyArray,
  where: string,
): { shape: [number, number, number, number]; axes: number[] } {
  const [count, a, b, c] = shape as [number, number, number, number];
  const isChannels = (size: number): boolean => size === 1 || size === 3;
  if (shape.length === 2) return { shape: [count, 1, 1, a], axes: [0, -1, -1, 1] };
  if (shape.length === 3) return { shape: [count, a, b, 1], axes: [0, 1, 2, -1] };
  if (shape.length === 4 && isChannels(c)) return { shape: [count, a, b, c], axes: [0, 1, 2, 3] };
  if (shape.length === 4 && isChannels(a)) return { shape: [count, b, c, a], axes: [0, 2, 3, 1] };
  throw new DataError(
    `${where}: images of shape [${shape.join(", ")}]; they are [N, H, W], [N, H, W, C] or [N, C, H, W] with C 1 or 3, or vectors [N, D].`,
  );
}

/** Most classes there may be. */
const mostClasses = 65536;

/**
 * Labels [N] or [N, 1]; of one-hot rows [N, classes] the place of the 1, and where they have no names, as many classes
 * as there are columns.
 *
 * @throws DataError naming the array of the labels.
 */
function labelsOf(
  { shape, strides, data }: NumpyArray,
  images: number,
  names: readonly string[] | undefined,
  where: string,
): { labels: ArrayLike<number>; classes: readonly string[] | undefined } {
  const [count = 0, columns = 1] = shape;
  if (shape.length !== 1 && shape.length !== 2) {
    throw new DataError(`${where}: its labels have the shape [${shape.join(", ")}]; they are [N].`);
  }
  if (count !== images) {
    throw new DataError(`${where}: ${images} images need as many labels, got ${count}.`);
  }
  if (columns === 1) {
    const most = (names?.length ?? mostClasses) - 1;
    for (const [i, label] of data.entries()) {
      if (Number.isInteger(label) && label >= 0 && label <= most) continue;
      throw new DataError(
        `${where}: image ${i} has label ${label}; labels are whole numbers from 0 to ${most}.`,
      );
    }
    return { labels: data, classes: names };
  }
  if (names !== undefined && names.length !== columns) {
    throw new DataError(`${where}: rows of ${columns} classes, and there are ${names.length}.`);
  }
  const labels = Array.from({ length: count }, (_, i) => {
    const row = Array.from(
      { length: columns },
      (_2, j) => data[i * strides[0]! + j * strides[1]!]!,
    );
    const label = row.indexOf(1);
    if (label >= 0 && row.every((value, j) => value === (j === label ? 1 : 0))) return label;
    throw new DataError(`${where}: row ${i} of its labels is no class: one 1 and otherwise 0.`);
  });
  return { labels, classes: names ?? Array.from({ length: columns }, (_, j) => String(j)) };
}
