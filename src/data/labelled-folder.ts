/** A folder of images that are one set, not split into training and test part: the images to forget, for one. */
import { exists } from "../platform/files.ts";
import { DataError, printable, UsageError } from "../errors.ts";
import { labelOf } from "./class-names.ts";
import { type Dataset, withinMemory } from "./dataset.ts";
import { findImages, PassedOver } from "./find-images.ts";
import { choose, type Entry, loadEntries, squaresOf } from "./image-entries.ts";
import { labelledFiles, looseNotes } from "./labelled-files.ts";
import type { LoadWatch } from "./source.ts";

/** Settings of {@link loadLabelledFolder}. */
export interface LabelledFolderOptions {
  /** The classes there are, in the order of their labels. Default: those of the folder, in its order. */
  readonly classes?: readonly string[] | undefined;
  /** The class of all images, wherever in the folder they lie. Default: as the folder says. */
  readonly label?: string | undefined;
  /** Side of the images; the largest square in their middle is taken. Default: all are square and of one size. */
  readonly size?: number | undefined;
  /** With a `size`: side of that square as a share of the shorter side. Default: 1. */
  readonly crop?: number | undefined;
  /** One grey channel instead of RGB. */
  readonly grey?: boolean | undefined;
  /** Images to take at most, with equal shares of the classes; only those are decoded. Default: all. */
  readonly most?: number | undefined;
  /** Chooses the images taken. Default: 0. */
  readonly seed?: number | undefined;
  readonly watch?: LoadWatch | undefined;
}

/**
 * Loads `DIR/CLASS/*`, or what `DIR/metadata.csv` or `DIR/metadata.jsonl` names and labels, or with a `label`
 * all images in `DIR` and the folders in it. Images are called by their path within `DIR`. A class may also
 * be given by its number among `classes`.
 *
 * @returns the images, and what whoever loads them should know, a sentence each.
 * @throws DataError naming a class that is not among `classes` and those most like it, a folder without
 * images, or the first damaged file; UsageError for a `label` that is no class.
 */
export async function loadLabelledFolder(
  dir: string,
  options: LabelledFolderOptions = {},
): Promise<{ dataset: Dataset; notes: string[] }> {
  if (!(await exists(dir))) throw new DataError(`${dir}: there is no such folder.`);
  const passed = new PassedOver();
  const { classes, entries, notes } =
    options.label === undefined
      ? await byFolder(dir, options.classes, passed)
      : await allOf(dir, options.label, options.classes, passed);
  const [first] = entries;
  if (first === undefined) {
    throw new DataError(
      [`${dir}: no .jpg, .png or .webp images in it.`, ...passed.notes].join(" "),
    );
  }
  const { most = entries.length, seed = 0 } = options;
  const count = most < entries.length ? most : undefined;
  const loaded = await withinMemory(async () => {
    const chosen = choose(entries, dir, classes.length, count, seed);
    const squares = await squaresOf(chosen[0] ?? first, options);
    return loadEntries("labelled-folder", classes, chosen, entries, squares);
  });
  const taken =
    count === undefined
      ? []
      : [`${count} of ${entries.length} images, chosen at random, are taken.`];
  const said = [...passed.notes, ...notes, ...taken, ...loaded.notes];
  return { dataset: loaded.dataset, notes: said.map((note) => printable(note)) };
}

interface Found {
  readonly classes: readonly string[];
  readonly entries: readonly Entry[];
  readonly notes: readonly string[];
}

async function allOf(
  dir: string,
  name: string,
  classes: readonly string[] = [name],
  passed: PassedOver,
): Promise<Found> {
  let label: number;
  try {
    label = labelOf(classes, name, "`label`");
  } catch (cause) {
    throw new UsageError((cause as Error).message, { cause });
  }
  const files = await findImages(dir, "", passed);
  return { classes, entries: files.map((file) => ({ ...file, label })), notes: [] };
}

async function byFolder(
  dir: string,
  wanted: readonly string[] | undefined,
  passed: PassedOver,
): Promise<Found> {
  const { files, classes: own, loose } = await labelledFiles(dir, "", passed);
  if (files.length === 0 && loose.length > 0) {
    throw new DataError(
      `${dir}: ${loose.length === 1 ? "1 image in it has" : `${loose.length} images in it have`} no class; put them in folders named after their classes, ` +
        "name them in metadata.csv (`file_name,label`), or give the one class of all (`label`).",
    );
  }
  const classes = wanted ?? own;
  const labels = new Map(own.map((name) => [name, labelOf(classes, name, dir)]));
  const entries = files.map(({ path, name, label }) => ({ path, name, label: labels.get(label)! }));
  return { classes, entries, notes: looseNotes(loose, dir) };
}
