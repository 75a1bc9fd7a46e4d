/** Tiny ImageNet in its original layout: folders by WordNet id, validation labels in a text file. */
import { exists, listDir, readText } from "../platform/files.ts";
import { DataError } from "../errors.ts";
import type { Dataset } from "./dataset.ts";
import { PassedOver } from "./find-images.ts";
import { choose, described, type Entry } from "./image-entries.ts";
import { loadSquares } from "./image-files.ts";
import { Remarks } from "./remarks.ts";
import { defineDataset, type LoadOptions, type Split } from "./source.ts";

/** Side of the images as published. */
const published = 64;

/** Options of {@link loadTinyImageNet}; `size` is 64 by default, and larger images are made on the GPU. */
export type TinyImageNetOptions = Pick<
  LoadOptions,
  "trainCount" | "testCount" | "seed" | "size" | "crop"
>;

export const tinyImageNet = defineDataset({
  name: "tiny-imagenet",
  summary: "photographs of 200 kinds of thing, 64×64 in colour",
  folder: true,
  sizes: { size: published, channels: 3, classes: 200, train: 100_000, test: 10_000 },
  recognises: async (dir) => exists(`${await folderOf(dir)}/wnids.txt`),
  load: loadTinyImageNet,
});

/** The folder of the files, which may be the archive's own within the one that is given. */
async function folderOf(dir: string): Promise<string> {
  const inner = `${dir}/tiny-imagenet-200`;
  return (await exists(`${inner}/train`)) ? inner : dir;
}

/**
 * Loads `DIR/{wnids.txt, train/ID/images/*.JPEG, val/images/*.JPEG, val/val_annotations.txt}`, or the same
 * in `DIR/tiny-imagenet-200`. Validation images become the test set, as the test labels were never
 * published. Classes come in the order of wnids.txt, named by words.txt if it is there.
 *
 * A folder with fewer classes is fine. Throws a DataError naming the missing file, the unknown id or the
 * damaged image.
 */
export async function loadTinyImageNet(dir: string, options: TinyImageNetOptions): Promise<Split> {
  const folder = await folderOf(dir);
  for (const name of ["wnids.txt", "train", "val/images", "val/val_annotations.txt"]) {
    if (await exists(`${folder}/${name}`)) continue;
    throw new DataError(
      `${folder}: no ${name} in it; give the folder the archive of Tiny ImageNet was unpacked in.`,
    );
  }
  const listed = lines(await readText(`${folder}/wnids.txt`));
  const present = new Set(await listDir(`${folder}/train`));
  const ids = listed.filter((id) => present.has(id));
  if (ids.length < 2)
    throw new DataError(`${folder}/train: fewer than two of wnids.txt are there.`);
  const { seed, trainCount, testCount, size = published, crop } = options;
  const trainDir = `${folder}/train`;
  const passed = new PassedOver();
  const allTrain = await trainEntries(folder, ids, passed);
  const trainFiles = choose(allTrain, trainDir, ids.length, trainCount, seed);
  const allTest = await valEntries(folder, ids);
  const testFiles = choose(allTest, `${folder}/val`, ids.length, testCount, seed);
  const classes = await classNames(folder, ids);
  const remarks = new Remarks();
  const load = async (files: readonly Entry[], all: readonly Entry[]): Promise<Dataset> => ({
    name: "tiny-imagenet",
    classes,
    channels: 3,
    ...described(files, all),
    ...(await loadSquares(
      {
        paths: files.map(({ path }) => path),
        channels: 3,
        size,
        resize: size !== published || (crop ?? 1) < 1,
        crop,
      },
      published,
      { remarks },
    )),
  });
  return {
    train: await load(trainFiles, allTrain),
    test: await load(testFiles, allTest),
    notes: [...passed.notes, ...remarks.complaints],
  };
}

function lines(text: string): string[] {
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
}

const isImageFile = (name: string): boolean => /^[^.].*\.jpe?g$/i.test(name);

async function trainEntries(
  dir: string,
  ids: readonly string[],
  passed: PassedOver,
): Promise<Entry[]> {
  const entries: Entry[] = [];
  for (const [label, id] of ids.entries()) {
    const part = `train/${id}/images`;
    const images = `${dir}/${part}`;
    if (!(await exists(images))) throw new DataError(`${images}: no such folder; unpack it again.`);
    const names = await listDir(images);
    const files = names.filter(isImageFile);
    for (const name of names) {
      if (!isImageFile(name)) passed.add(`${part}/${name}`, "not called .JPEG");
    }
    if (files.length === 0) throw new DataError(`${images}: no images; unpack it again.`);
    for (const file of files) {
      entries.push({ path: `${images}/${file}`, name: `${part}/${file}`, label });
    }
  }
  return entries;
}

/** Lines are: file, id, box; images of classes that are not there are left out. */
async function valEntries(dir: string, ids: readonly string[]): Promise<Entry[]> {
  const file = `${dir}/val/val_annotations.txt`;
  const present = new Set(await listDir(`${dir}/val/images`));
  const entries: Entry[] = [];
  for (const [i, line] of lines(await readText(file)).entries()) {
    const [name, id] = line.split("\t");
    if (id === undefined || !/^n\d+$/.test(id)) {
      throw new DataError(
        `${file}, line ${i + 1}: expected a file name, a tab and an id: "${line}".`,
      );
    }
    const label = ids.indexOf(id);
    if (label < 0) continue;
    if (!present.has(name!)) {
      throw new DataError(
        `${file}, line ${i + 1}: ${dir}/val/images has no ${name!}; unpack it again.`,
      );
    }
    const inSet = `val/images/${name!}`;
    entries.push({ path: `${dir}/${inSet}`, name: inSet, label });
  }
  if (entries.length === 0) throw new DataError(`${file}: no image of the classes in train.`);
  return entries;
}

/** The first word of each class in words.txt, else its id. */
async function classNames(folder: string, ids: readonly string[]): Promise<string[]> {
  const file = `${folder}/words.txt`;
  if (!(await exists(file))) return [...ids];
  const words = new Map(
    lines(await readText(file)).map((line) => line.split("\t") as [string, string]),
  );
  return ids.map((id) => words.get(id)?.split(",")[0] ?? id);
}
