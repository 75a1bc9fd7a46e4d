/** Images in folders named after their class: DIR/train/CLASS/x.jpg and DIR/test/CLASS/y.png. */
import { exists, listDir, readBytes } from "../platform/files.ts";
import { DataError } from "../errors.ts";
import { balancedIndices, type Dataset } from "./dataset.ts";
import { decodeImage } from "./decode.ts";
import { loadSquares } from "./image-files.ts";
import { defineDataset, type LoadOptions, type Split } from "./source.ts";

/**
 * Options of {@link loadImageFolder}. `grey`: one channel (Rec. 601 luma). `seed`: 0 by default. `size`: the largest
 * square in the middle is taken; squares of one smaller size are enlarged on the GPU; by default all have one size.
 */
export type ImageFolderOptions = Partial<LoadOptions>;

export const imageFolder = defineDataset({
  name: "image-folder",
  summary: "your own: DIR/train/CLASS/*.jpg and DIR/test/CLASS/*.png",
  folder: true,
  load: loadImageFolder,
});

/** An image file and its class. */
export interface Entry {
  readonly path: string;
  /** Path within the data set: what the image is called. */
  readonly name: string;
  readonly label: number;
}

/** What a data set says of its files, besides their pixels; `all`: those that they were chosen from. */
export function described(
  files: readonly Entry[],
  all: readonly Entry[],
): Pick<Dataset, "count" | "labels" | "names" | "numbers"> {
  const places = new Map(all.map((file, place) => [file, place]));
  return {
    count: files.length,
    labels: Uint16Array.from(files, ({ label }) => label),
    names: files.map(({ name }) => name),
    numbers: Uint32Array.from(files, (file) => places.get(file)!),
  };
}

/**
 * Loads `DIR/train/CLASS/*` and `DIR/test/CLASS/*` (or `val` for `test`): JPEG and PNG, told by the
 * endings .jpg, .jpeg and .png; other files are passed over. Classes are the folder names of `train`
 * in code-point order; images come by class, then file name, or in random order if counts are given
 * (only those taken are decoded). Alpha is ignored.
 *
 * Without a `size` all images must be square and of one size. Throws a DataError that names the first odd file, a
 * damaged file, an empty class, or the missing folder.
 */
export async function loadImageFolder(
  dir: string,
  options: ImageFolderOptions = {},
): Promise<Split> {
  const { grey = false, trainCount, testCount, seed = 0 } = options;
  const testPart = (await exists(`${dir}/test`)) ? "test" : "val";
  const testDir = `${dir}/${testPart}`;
  for (const [path, wanted] of [
    [`${dir}/train`, "train/"],
    [testDir, "test/ or val/"],
  ] as const) {
    if (await exists(path)) continue;
    throw new DataError(
      `${dir}: no ${wanted} in it; an image folder holds train/CLASS/*.jpg and test/CLASS/*.jpg.`,
    );
  }
  const classes = await classFolders(`${dir}/train`);
  if (classes.length === 0) throw new DataError(`${dir}/train: no class folders in it.`);
  const unknown = (await classFolders(testDir)).find((name) => !classes.includes(name));
  if (unknown !== undefined) {
    throw new DataError(`${testDir}/${unknown}: ${dir}/train has no class of that name.`);
  }

  const allTrain = await listImages(dir, "train", classes);
  const empty = classes.findIndex((_, label) => !allTrain.some((file) => file.label === label));
  if (empty >= 0) {
    throw new DataError(
      `${dir}/train/${classes[empty]!}: no .jpg, .jpeg or .png files; add some or remove the class.`,
    );
  }
  const trainFiles = choose(allTrain, `${dir}/train`, classes.length, trainCount, seed);
  const allTest = await listImages(dir, testPart, classes);
  if (allTest.length === 0) throw new DataError(`${testDir}: no .jpg, .jpeg or .png files in it.`);
  const testFiles = choose(allTest, testDir, classes.length, testCount, seed);
  const channels = grey ? 1 : 3;
  const first = trainFiles[0] ?? allTrain[0]!;
  const resize = options.size !== undefined;
  const own = (await decodeImage(await readBytes(first.path), first.path)).height;
  const size = options.size ?? own;
  const load = async (files: readonly Entry[], all: readonly Entry[]): Promise<Dataset> => ({
    name: "image-folder",
    classes,
    channels,
    ...described(files, all),
    ...(await loadSquares({ paths: files.map(({ path }) => path), channels, size, resize }, own)),
  });
  return { train: await load(trainFiles, allTrain), test: await load(testFiles, allTest) };
}

/** Names of the folders in `dir`, sorted; hidden ones and plain files are passed over. */
async function classFolders(dir: string): Promise<string[]> {
  const names = (await listDir(dir)).filter((name) => !name.startsWith("."));
  // "FILE/." exists only if FILE is a folder.
  const folders = await Promise.all(names.map((name) => exists(`${dir}/${name}/.`)));
  return names.filter((_, i) => folders[i]).sort();
}

async function listImages(dir: string, part: string, classes: readonly string[]): Promise<Entry[]> {
  const entries: Entry[] = [];
  for (const [label, className] of classes.entries()) {
    const folder = `${part}/${className}`;
    if (!(await exists(`${dir}/${folder}`))) continue;
    const files = await listDir(`${dir}/${folder}`);
    for (const file of files.filter((file) => /^[^.].*\.(jpe?g|png)$/i.test(file)).sort()) {
      const name = `${folder}/${file}`;
      entries.push({ path: `${dir}/${name}`, name, label });
    }
  }
  return entries;
}

/** All of the files, or `count` of them with equal shares of the classes. */
export function choose(
  files: readonly Entry[],
  dir: string,
  classCount: number,
  count: number | undefined,
  seed: number,
): readonly Entry[] {
  if (count === undefined) return files;
  const labels = Uint16Array.from(files, (file) => file.label);
  return Array.from(balancedIndices(dir, labels, classCount, count, seed), (i) => files[i]!);
}
