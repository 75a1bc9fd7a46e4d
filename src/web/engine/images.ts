/** Images from files that were opened in the page. */
import { type Dataset, joinImages, subset, takeBalanced } from "../../index.ts";
import { storedSize } from "../../data/dataset.ts";
import { datasets, loadDataset } from "../../data/index.ts";
import { loadLabelledFolder } from "../../data/labelled-folder.ts";
import { resizeDataset } from "../../data/resize.ts";
import type { DatasetSource, LoadWatch, Split } from "../../data/source.ts";
import { DataError } from "../../errors.ts";
import { exists, fileInfo, listDir } from "../../platform/files.ts";
import { type GivenFile, hold } from "../files.ts";
import type { Found, ImageSettings } from "../messages.ts";
import { type Control, controlled } from "./control.ts";
import { opened } from "./opened.ts";
import { told } from "./paths.ts";
import { unpacked } from "./unpack.ts";

/** Where they are held. */
const root = "/images";
const goneRoot = "/gone";

/** Decides which images are taken of many, and which are held back. */
const seed = 1;

type OnProgress = (share: number) => void;

/** What loaders are told of work that can be stopped. */
const watching = ({ signal }: Control, onProgress: OnProgress): LoadWatch => ({
  signal,
  progress: (done, total) => onProgress(done / total),
});

/** Files were taken, and could be unpacked. */
let given = false;

/**
 * The images of files, or anew of those that were taken last.
 *
 * @throws DataError that says what is wrong with which file.
 */
export function readImages(
  settings: ImageSettings,
  onProgress: OnProgress,
  files?: readonly GivenFile[],
): Promise<Split & { title: string }> {
  const work = async (control: Control): Promise<Split & { title: string }> => {
    if (files !== undefined) {
      given = false;
      hold(root, await unpacked(files, control.signal));
      given = true;
    }
    if (!given) throw new DataError("open files of images first.");
    const dir = await innermost(root);
    const title = dir === root ? "" : dir.replace(/^.*\//, "");
    const split = await load(dir, settings, watching(control, onProgress));
    return { ...split, title: title === "" ? split.train.name : title };
  };
  return told(root, () => controlled(work));
}

export function findImages(files: readonly GivenFile[], onProgress: OnProgress): Promise<Found> {
  const work = async (control: Control): Promise<Found> => {
    hold(goneRoot, await unpacked(files, control.signal));
    const { train, clean } = opened().images;
    const { height, width } = storedSize(train);
    const { dataset } = await loadLabelledFolder(goneRoot, {
      ...{ classes: train.classes, label: train.classes[0]!, grey: train.channels === 1 },
      ...(height === width ? { size: height } : {}),
      watch: watching(control, onProgress),
    });
    // Those with a signature are looked for as they were, too.
    const both = [train, clean.train].map((set) => joinImages(set, dataset).places);
    const found = dataset.labels.map((_, i) => Math.min(both[0]![i]!, both[1]![i]!));
    const places = Uint32Array.from(found).filter((place) => place < train.count);
    return { places, others: dataset.count - places.length };
  };
  return told(goneRoot, () => controlled(work));
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

async function load(dir: string, settings: ImageSettings, watch: LoadWatch): Promise<Split> {
  for (const source of datasets.all) {
    if (!source.folder) continue;
    const some = await source.incomplete?.(dir);
    if (some !== undefined) return parted(some, [], settings);
    if ((await source.recognises?.(dir)) === true) return whole(source, dir, settings, watch);
  }
  const { side, grey } = settings;
  // Those that are not taken need not be decoded.
  const train = await exists(`${dir}/train`);
  const { dataset, notes } = await loadLabelledFolder(train ? `${dir}/train` : dir, {
    ...{ grey, watch, seed, most: wantedOf(settings) },
    ...(side === undefined ? {} : { size: side }),
  });
  return parted(dataset, notes, settings);
}

/** A data set of two parts. */
async function whole(
  source: DatasetSource,
  dir: string,
  settings: ImageSettings,
  watch: LoadWatch,
): Promise<Split> {
  const { most, mostTests, side, grey } = settings;
  const spec = {
    name: source.name,
    dir,
    seed,
    ...{ grey, watch },
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

/** Images that are wanted at most of a set of one part. */
const wantedOf = ({ most, mostTests, heldBack }: ImageSettings): number =>
  most + (heldBack === 0 ? 0 : mostTests);

/** A data set of one part, of which a share is held back to test on. */
async function parted(
  set: Dataset,
  notes: readonly string[],
  settings: ImageSettings,
): Promise<Split> {
  const { most, mostTests, heldBack, side } = settings;
  const some = limited(set, wantedOf(settings));
  const own = side === undefined ? some : await resizeDataset(some, side);
  if (own.count < 2) throw new DataError(`there is only one image; open more.`);
  // One image at least to train on.
  const tests = Math.min(Math.round(heldBack * own.count), own.count - 1);
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
