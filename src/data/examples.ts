/** A data set of two lists of images with the names of their classes: decoded, and counted. */
import { DataError } from "../errors.ts";
import { classNamed, labelOf } from "./class-names.ts";
import { choose, type Entry, loadEntries, squaresOf } from "./image-entries.ts";
import { sortedLabels } from "./labelled-files.ts";
import type { LoadOptions, Split } from "./source.ts";

/** An image that was read already, and its class: by name, or by its number among classes that have names. */
export interface Example extends Omit<Entry, "label"> {
  readonly label: string | number;
  readonly bytes: Uint8Array;
}

/** Training and test images. */
export interface Examples {
  readonly name: string;
  /** Default: the labels of the training images, in order. */
  readonly classes: readonly string[] | undefined;
  readonly train: readonly Example[];
  readonly test: readonly Example[];
  readonly notes: readonly string[];
}

/** Decodes what is wanted of two lists of images. @throws DataError naming the first image that cannot be read. */
export async function loadExamples(
  { name, train, test, notes, ...examples }: Examples,
  options: Partial<LoadOptions>,
): Promise<Split> {
  const { trainCount, testCount, seed = 0 } = options;
  for (const [part, { length }] of [
    ["training", train],
    ["test", test],
  ] as const) {
    if (length > 0) continue;
    throw new DataError([`data set "${name}": its ${part} part has no image.`, ...notes].join(" "));
  }
  const classes = examples.classes ?? sortedLabels(train.map(({ label }) => String(label)));
  const named = examples.classes !== undefined;
  const [allTrain, allTest] = [train, test].map((list) =>
    list.map((one): Entry => ({ ...one, label: labelIn(classes, named, one) })),
  ) as [Entry[], Entry[]];
  const trainFiles = choose(allTrain, name, classes.length, trainCount, seed);
  const testFiles = choose(allTest, name, classes.length, testCount, seed);
  const squares = await squaresOf(trainFiles[0] ?? allTrain[0]!, options);
  const loadedTrain = await loadEntries(name, classes, trainFiles, allTrain, squares);
  const loadedTest = await loadEntries(name, classes, testFiles, allTest, squares);
  return {
    train: loadedTrain.dataset,
    test: loadedTest.dataset,
    notes: [...notes, ...loadedTrain.notes, ...loadedTest.notes],
  };
}

/**
 * The label of an image.
 *
 * @param named whether the data set names its classes: then a number is a place among them, and otherwise a name.
 */
function labelIn(classes: readonly string[], named: boolean, { label, path }: Example): number {
  if (!named) return classNamed(classes, String(label), path);
  if (typeof label === "string") return labelOf(classes, label, path);
  if (Number.isInteger(label) && label >= 0 && label < classes.length) return label;
  throw new DataError(
    `${path}: its label is ${label}, and there are ${classes.length} classes, counted from 0.`,
  );
}
