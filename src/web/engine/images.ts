/** Images from files that were opened in the page. */
import { type Dataset, joinImages, subset, takeBalanced } from "../../index.ts";
import { storedSize } from "../../data/dataset.ts";
import { datasets, loadDataset } from "../../data/index.ts";
import { loadLabelledFolder } from "../../data/labelled-folder.ts";
import { resizeDataset } from "../../data/resize.ts";
import type { DatasetSource, Split } from "../../data/source.ts";
import { DataError } from "../../errors.ts";
import { exists, fileInfo, listDir } from "../../platform/files.ts";
import { type GivenFile, hold } from "../files.ts";
import type { Found, ImageSettings } from "../messages.ts";
import { opened } from "./opened.ts";
import { told } from "./paths.ts";
import { unpacked } from "./unpack.ts";

/** Where they are held. */
const root = "/images";
const goneRoot = "/gone";

/** Decides which images are taken of many, and which are held back. */
const seed = 1;

/** Takes files in place of those that were opened before. @throws DataError for a damaged archive. */
export async function holdImages(files: readonly GivenFile[]): Promise<void> {
  hold(root, await unpacked(files));
}

/**
 * The images of the files that are held.
 *
 * @throws DataError that says what is wrong with which file.
 */
export function readImages(settings: ImageSettings): Promise<Split & { title: string }> {
  return told(root, async () => {
    const dir = await innermost(root);
    const title = dir === root ? "" : dir.replace(/^.*\//, "");
    const split = await load(dir, settings);
    return { ...split, title: title === "" ? split.train.name : title };
  });
}

export function findImages(files: readonly GivenFile[]): Promise<Found> {
  return told(goneRoot, async () => {
    hold(goneRoot, await unpacked(files));
    const { train, clean } = opened().images;
    const { height, width } = storedSize(train);
    const { dataset } = await loadLabelledFolder(goneRoot, {
      ...{ classes: train.classes, label: train.classes[0]!, grey: train.channels === 1 },
      ...(height === width ? { size: height } : {}),
    });
    // Those with a signature are looked for as they were, too.
    const both = [train, clean.train].map((set) => joinImages(set, dataset).places);
    const found = dataset.labels.map((_, i) => Math.min(both[0]![i]!, both[1]![i]!));
    const places = Uint32Array.from(found).filter((place) => place < train.count);
    return { places, others: dataset.count - places.length };
  });
}

/** The folder that holds more than one other folder. */
async function innermost(dir: string): Promise<string> {
  const names = (await listDir(dir)).filter((name) => !/^(\.|__MACOSX$)/.test(name));
  const [only] = names;
  if (names.length !== 1 || only === "train") return dir;
  const info = await fileInfo(`${dir}/${only!}`);
  return info?.directory === true && (await holdsFolders(`${dir}/${only!}`))
    ? innermost(`${dir}/${only!}`)
    : dir;
}

/** Whether a folder holds anything but images of one class: files of a data set, or folders. */
async function holdsFolders(dir: string): Promise<boolean> {
  for (const name of await listDir(dir)) {
    const info = await fileInfo(`${dir}/${name}`);
    if (info?.directory === true || !/\.(jpe?g|png|webp)$/i.test(name)) return true;
  }
  return false;
}

async function load(dir: string, settings: ImageSettings): Promise<Split> {
  for (const source of datasets.all) {
    if (!source.folder) continue;
    const some = await source.incomplete?.(dir);
    if (some !== undefined) return parted(some, [], settings);
    if ((await source.recognises?.(dir)) === true) return whole(source, dir, settings);
  }
  const { side, grey } = settings;
  const train = await exists(`${dir}/train`);
  const { dataset, notes } = await loadLabelledFolder(train ? `${dir}/train` : dir, {
    grey,
    ...(side === undefined ? {} : { size: side }),
  });
  return parted(dataset, notes, settings);
}

/** A data set of two parts. */
async function whole(source: DatasetSource, dir: string, settings: ImageSettings): Promise<Split> {
  const { most, mostTests, side, grey } = settings;
  const spec = {
    name: source.name,
    dir,
    seed,
    grey,
    ...(side === undefined ? {} : { size: side }),
  };
  const counts = await source.counts?.(dir);
  if (counts !== undefined) {
    const [trainCount, testCount] = [
      Math.min(most, counts.train),
      Math.min(mostTests, counts.test),
    ];
    return loadDataset({ ...spec, trainCount, testCount });
  }
  const { train, test, notes } = await loadDataset(spec);
  return { train: limited(train, most), test: limited(test, mostTests), notes };
}

function limited(set: Dataset, most: number): Dataset {
  return most < set.count ? takeBalanced(set, most, seed) : set;
}

/** A data set of one part, of which a share is held back to test on. */
async function parted(
  set: Dataset,
  notes: readonly string[],
  { most, mostTests, heldBack, side }: ImageSettings,
): Promise<Split> {
  const own = side === undefined ? set : await resizeDataset(set, side);
  if (own.count < 2) throw new DataError(`there is only one image; open more.`);
  const tests = Math.round(heldBack * own.count);
  const test = takeBalanced(own, tests, seed);
  const taken = new Set(test.numbers);
  const train = subset(
    own,
    Array.from({ length: own.count }, (_, i) => i).filter((i) => !taken.has(own.numbers?.[i] ?? i)),
  );
  return {
    train: limited(train, most),
    test: limited(test, mostTests),
    notes: [
      ...notes,
      `The files have no part to test on: ${tests} of ${own.count} images, chosen at random, are held back for that.`,
    ],
  };
}
