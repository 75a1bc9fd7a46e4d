/** The images of a run: loaded, brought to the network's classes, split into D_f and D_r. */
import { inClassOrder } from "../data/class-names.ts";
import { type Copies, copiesOf, joinImages } from "../data/copies.ts";
import { type Dataset, imageName, storedSize, subset } from "../data/dataset.ts";
import { loadDataset } from "../data/index.ts";
import type { Split } from "../data/source.ts";
import { loadLabelledFolder } from "../data/labelled-folder.ts";
import { splitForget } from "../data/corrupt.ts";
import { DataError, UsageError } from "../errors.ts";
import { preprocessingOf } from "../nn/preprocessing.ts";
import { corrupt } from "../scenarios/index.ts";
import type { Corrupted } from "../scenarios/scenario.ts";
import { selected } from "../scenarios/selection.ts";
import type { ForgetConfig, SetupConfig, TrainConfig } from "./config.ts";
import type { GivenNetwork } from "./given-network.ts";

/** Images as a run works on them. */
export interface RunImages {
  readonly corrupted: Corrupted;
  /** The images as the network's training had them; another than `corrupted` where D_f is not that of the training. */
  readonly trained: Corrupted;
  readonly test: Dataset;
  /** What was passed over or done to the images, a sentence each. */
  readonly notes: readonly string[];
}

/** What decides which images there are, besides the configuration. */
export interface ImageOptions {
  /** A network that is there already: images get its size and channels, and its classes. */
  readonly given?: GivenNetwork | undefined;
  /** D_f of an unlearning, where it is not that of the training. */
  readonly forget?: ForgetConfig | undefined;
}

/**
 * Loads the images of a run.
 *
 * @throws DataError for files that are missing or damaged, or images that are named and are not there; UsageError where
 *   nothing says which images.
 */
export async function loadImages(
  config: SetupConfig,
  { given, forget }: ImageOptions = {},
): Promise<RunImages> {
  const notes: string[] = [];
  const { train, test } = await loadSets(config, given, notes);
  const own: Partial<Awaited<ReturnType<typeof withForget>>> =
    config.forget === undefined ? {} : await withForget(config, train, given, notes);
  const all = own.train ?? train;
  const wrong = corrupt(all, test, config.scenario, config.seed, own.places);
  // Copies of what they were stay copies of what they are where only labels are wrong.
  const copies = wrong.train.pixels === all.pixels ? own.copies : undefined;
  const trained = copies === undefined ? wrong : { ...wrong, copies };
  const corrupted =
    forget === undefined ? trained : await forgetting({ ...config, forget }, trained, given, notes);
  return { corrupted, trained, test, notes };
}

/** The images of a training as its data set has them, before anything is wrong with them. */
export function loadSplit({ data, seed }: Pick<TrainConfig, "data" | "seed">): Promise<Split> {
  return loadDataset({ ...data, seed });
}

/** The training images of a run before anything is wrong with them, in the same order. */
export async function cleanImages(
  config: SetupConfig,
  { given }: Pick<ImageOptions, "given"> = {},
): Promise<Dataset> {
  const { train } = await loadSets(config, given, []);
  return config.forget === undefined ? train : (await withForget(config, train, given, [])).train;
}

/** Training and test images; without a data set the images of D_f alone, and nothing to test on. */
async function loadSets(
  config: SetupConfig,
  given: GivenNetwork | undefined,
  notes: string[],
): Promise<{ train: Dataset; test: Dataset }> {
  const { data, forget, seed } = config;
  const sees = {
    size: given?.input?.[0],
    grey: given?.input && given.input[2] === 1,
    crop: cropOf(config, given),
  };
  if (data !== undefined) {
    const loaded = await loadDataset({ ...sees, ...data, seed });
    notes.push(...(loaded.notes ?? []));
    if (given !== undefined && (config.classes ?? given.classes) === undefined) {
      notes.push(
        `"${given.path}" does not name its classes: its outputs are taken in the order of the data set's`,
      );
    }
    const [train, test] = [loaded.train, loaded.test].map((set) => inClasses(set, config, given));
    return { train: train!, test: test! };
  }
  if (forget?.dir === undefined) {
    throw new UsageError(
      "no images: give a data set (`data`), or a folder of the images to forget (`forget.dir`).",
    );
  }
  const { dataset, notes: said } = await loadLabelledFolder(forget.dir, {
    ...sees,
    ...(forget.size === undefined ? {} : { size: forget.size }),
    classes: config.classes ?? given?.classes,
    label: forget.label,
  });
  notes.push(...said);
  const train = inClasses(dataset, config, given);
  return { train, test: subset(train, []) };
}

/** What is cut out of files: as whoever gives the network or the training says. */
function cropOf(
  { preprocessing: said }: SetupConfig,
  given: GivenNetwork | undefined,
): number | undefined {
  const own = given?.preprocessing(given.input?.[2] ?? 3);
  return own === undefined ? said && preprocessingOf(said, 3).crop : own.crop;
}

/** A data set whose classes are those of the network's outputs. @throws DataError for a class the network lacks. */
function inClasses(
  set: Dataset,
  { classes: named }: SetupConfig,
  given: GivenNetwork | undefined,
): Dataset {
  const classes = named ?? given?.classes;
  if (classes === undefined) {
    if (given === undefined || given.outputs === set.classes.length) return set;
    throw new DataError(
      `"${given.path}" has ${given.outputs} outputs, and data set "${set.name}" ${set.classes.length} classes: say ` +
        "which class each output is (`classes`).",
    );
  }
  return inClassOrder(set, classes);
}

/** The training images with those of a D_f folder added, and the places of D_f among them. */
async function withForget(
  config: SetupConfig,
  train: Dataset,
  given: GivenNetwork | undefined,
  notes: string[],
): Promise<{ train: Dataset; places: Uint32Array<ArrayBuffer>; copies: readonly Copies[] }> {
  const { forget = {}, seed } = config;
  const places = new Set<number>();
  let all = train;
  // Without a data set the folder is all there is.
  if (forget.dir !== undefined && config.data === undefined) {
    train.labels.forEach((_, place) => places.add(place));
  } else if (forget.dir !== undefined) {
    const { dataset, notes: said } = await loadLabelledFolder(forget.dir, {
      classes: train.classes,
      label: forget.label,
      size: storedSize(train).height,
      grey: train.channels === 1,
      crop: cropOf(config, given),
    });
    notes.push(...said);
    const { joined, places: theirs, added } = joinImages(train, dataset);
    all = joined;
    for (const place of theirs) places.add(place);
    if (added > 0) {
      notes.push(
        `${added} of ${dataset.count} images in ${forget.dir} ${added === 1 ? "is" : "are"} not among the ` +
          `${train.count} training images: added to them`,
      );
    }
  }
  if (forget.images !== undefined) {
    for (const place of selected(all, forget.images, seed)) places.add(place);
  }
  if (forget.dir === undefined && forget.images === undefined) {
    throw new UsageError("`forget` names no images: give `forget.images` or `forget.dir`.");
  }
  const chosen = Uint32Array.from(places).sort();
  const copies = copiesOf(all, chosen);
  if (copies.length > 0) notes.push(copiesNote(all, copies, forget.copies === true));
  if (forget.copies === true) {
    for (const { copies: others } of copies) for (const other of others) places.add(other);
  }
  // Those that belong to it have no others outside it.
  const left = forget.copies === true ? [] : copies;
  return { train: all, places: Uint32Array.from(places).sort(), copies: left };
}

function copiesNote(train: Dataset, copies: ReturnType<typeof copiesOf>, taken: boolean): string {
  const [{ place, copies: others }] = copies as [(typeof copies)[number]];
  const count = new Set(copies.flatMap((one) => one.copies)).size;
  const example = `${imageName(train, others[0]!)} is ${imageName(train, place)}`;
  return (
    `${count} training image${count === 1 ? " is a copy" : "s are copies"} of images in D_f, byte for byte (${example}): ` +
    (taken
      ? "they belong to D_f as well"
      : "the network goes on knowing them. `forget.copies` makes them part of D_f")
  );
}

/** Training data of which other images are D_f than the training had. */
async function forgetting(
  config: SetupConfig,
  corrupted: Corrupted,
  given: GivenNetwork | undefined,
  notes: string[],
): Promise<Corrupted> {
  const { train, places, copies } = await withForget(config, corrupted.train, given, notes);
  const labels = train.labels.slice();
  labels.set(corrupted.labels);
  return { ...corrupted, train, labels, copies, ...splitForget(train.count, places) };
}
