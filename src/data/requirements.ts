/** What every data set must be, wherever it enters the library. */
import { shown } from "../checked.ts";
import { DataError, UsageError } from "../errors.ts";
import { type Dataset, requireImageSet, storedSize } from "./dataset.ts";

/**
 * Checks a data set: its sizes, as many pixels, labels, names and numbers as they say, labels that are classes, classes
 * of different names, finite floats.
 *
 * @param what who takes it, for the error: "train".
 * @param options `blank`: it may have no pixels, where only its sizes count.
 * @throws UsageError for what is no data set; DataError naming what does not fit.
 */
export function requireDataset(
  given: unknown,
  what: string,
  { blank = false } = {},
): asserts given is Dataset {
  requireImageSet(given, what);
  const set: Dataset = given;
  const wrong = (text: string): DataError => new DataError(`data set "${set.name}": ${text}`);
  requireClassNames(set.classes, `data set "${set.name}"`, DataError);
  for (const [key, least] of [
    ["count", 0],
    ["height", 1],
    ["width", 1],
    ["channels", 1],
  ] as const) {
    if (!Number.isSafeInteger(set[key]) || set[key] < least) {
      throw wrong(`\`${key}\` must be an integer of at least ${least}, got ${shown(set[key])}.`);
    }
  }
  if (!blank) requirePixels(set, wrong);
  if (!(set.labels instanceof Uint16Array)) {
    throw wrong(`\`labels\` must be a Uint16Array, got ${shown(set.labels)}.`);
  }
  for (const key of ["labels", "names", "numbers"] as const) {
    const list = set[key];
    if (list !== undefined && list.length !== set.count) {
      throw wrong(`${set.count} images need as many ${key}, got ${list.length}.`);
    }
  }
  requireLabels(set.labels, set.classes.length, wrong);
}

function requirePixels(set: Dataset, wrong: (text: string) => DataError): void {
  const { pixels, count, channels } = set;
  if (!(pixels instanceof Uint8Array || pixels instanceof Float32Array)) {
    throw wrong(`\`pixels\` must be a Uint8Array or a Float32Array, got ${shown(pixels)}.`);
  }
  const { height, width } = storedSize(set);
  const values = count * height * width * channels;
  if (pixels.length !== values) {
    throw wrong(
      `${count} images of ${height}×${width}×${channels} are ${values} values, and \`pixels\` has ` +
        `${pixels.length}.`,
    );
  }
  if (pixels instanceof Uint8Array) return;
  const odd = pixels.findIndex((value) => !Number.isFinite(value));
  if (odd >= 0) {
    throw wrong(
      `value ${odd} of the images is ${pixels[odd]!}; mend or leave out image ${Math.floor((odd * count) / values)}.`,
    );
  }
}

/** @throws the error that `wrong` makes, naming the first label that is no class. */
export function requireLabels(
  labels: ArrayLike<number>,
  classes: number,
  wrong: (text: string) => Error = (text) => new DataError(text),
): void {
  for (let i = 0; i < labels.length; i++) {
    const label = labels[i]!;
    if (!(Number.isInteger(label) && label >= 0 && label < classes)) {
      throw wrong(`image ${i} has label ${label}; there are ${classes} classes.`);
    }
  }
}

/** @throws UsageError, or another kind, unless names of classes are texts that differ. */
export function requireClassNames(
  names: unknown,
  what: string,
  Kind: new (message: string) => Error = UsageError,
): asserts names is readonly string[] {
  if (!Array.isArray(names) || !names.every((name) => typeof name === "string" && name !== "")) {
    throw new Kind(
      `${what}: class names must be an array of texts that are not empty, got ${shown(names)}.`,
    );
  }
  const seen = new Set<string>();
  for (const name of names as readonly string[]) {
    if (seen.has(name)) {
      throw new Kind(`${what}: two classes are called "${name}"; each needs a name of its own.`);
    }
    seen.add(name);
  }
}
