/** Images in folders named after their class: DIR/train/CLASS/x.jpg and DIR/test/CLASS/y.png. */
import { exists } from "../platform/files.ts";
import { DataError, UsageError } from "../errors.ts";
import { Random } from "../random.ts";
import { PassedOver } from "./find-images.ts";
import { choose, type Entry, loadEntries, squaresOf } from "./image-entries.ts";
import { type LabelledName, readMetadata } from "./image-metadata.ts";
import { labelledFiles, type LabelledFiles, looseNotes } from "./labelled-files.ts";
import { testNames } from "./part-files.ts";
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
  holdsBack: true,
  recognises: async (dir) => (await exists(`${dir}/train`)) && (await partsIn(dir)).length > 0,
  async counts(dir, { testShare } = {}) {
    const { train, test } = await readParts(dir, testShare);
    return { train: train.files.length, test: test.files.length };
  },
  load: loadImageFolder,
});

/**
 * Loads `DIR/train/CLASS/*` and `DIR/test/CLASS/*` (or `val`, `valid`, `validation` for `test`): JPEG, PNG and WebP files,
 * told by their content, in the folders of the classes and those within them. Where a part, or DIR, has a table,
 * `metadata.csv` or `metadata.jsonl` with `file_name` and `label`, the classes are its labels. What is passed
 * over is said in the split's notes.
 *
 * Classes are those of `train` in code-point order; images come by class, then file name, or in random order if counts
 * are given (only those taken are decoded). Alpha and EXIF orientation are left aside, and said.
 *
 * With a `testShare` it loads `DIR/CLASS/*`, or a `DIR/train` without a second part, and holds that share back to test on.
 *
 * Without a `size` all images must be square and of one size. Throws a DataError that names the first odd file, a
 * damaged file, an empty class, or the missing folder.
 */
export async function loadImageFolder(
  dir: string,
  options: ImageFolderOptions = {},
): Promise<Split> {
  const { trainCount, testCount, testShare, seed = 0 } = options;
  const { parts, train, test } = await readParts(dir, testShare);
  const { classes } = train;
  const labels = new Map(classes.map((name, label) => [name, label]));
  const entries = ({ files }: Part): Entry[] =>
    files.map(({ path, name, label }) => ({ path, name, label: labels.get(label)! }));
  const [allTrain, allTest] = [entries(train), entries(test)];
  const trainFiles = choose(allTrain, within(dir, train.name), classes.length, trainCount, seed);
  const testFiles = choose(allTest, within(dir, test.name), classes.length, testCount, seed);
  const squares = await squaresOf(trainFiles[0] ?? allTrain[0]!, options);
  const loaded = [
    await loadEntries("image-folder", classes, trainFiles, allTrain, squares),
    await loadEntries("image-folder", classes, testFiles, allTest, squares),
  ] as const;
  return {
    train: loaded[0].dataset,
    test: loaded[1].dataset,
    notes: [
      ...(testShare === undefined ? [train, test] : [train]).flatMap(({ passed, loose, name }) => [
        ...passed.notes,
        ...looseNotes(loose, name === "" ? dir : `${name}/`),
      ]),
      ...parts
        .filter((name) => name !== test.name)
        .map((name) => `${name}/ is not used: ${test.name}/ is taken for the test images.`),
      ...(testShare === undefined
        ? missingNotes(classes, test, `${test.name}/ has no image`)
        : heldBackNotes(train, test)),
      ...loaded.flatMap(({ notes }) => notes),
    ],
  };
}

/** The files of both parts, and the names of the second parts there are. */
async function readParts(
  dir: string,
  testShare: number | undefined,
): Promise<{ parts: string[]; train: Part; test: Part }> {
  if (testShare !== undefined) return { parts: [], ...(await heldBack(dir, testShare)) };
  const parts = await partsOf(dir);
  const table = await readMetadata(dir);
  const train = await readTrain(dir, table?.rows);
  return { parts, train, test: await readTest(dir, parts, train.classes, table?.rows) };
}

/** Names of the second parts there are. */
async function partsIn(dir: string): Promise<string[]> {
  const parts: string[] = [];
  for (const name of testNames) if (await exists(`${dir}/${name}`)) parts.push(name);
  return parts;
}

/** Those, of a folder that has both parts. @throws DataError if one of the two is missing. */
async function partsOf(dir: string): Promise<string[]> {
  const parts = await partsIn(dir);
  const train = await exists(`${dir}/train`);
  if (train && parts.length > 0) return parts;
  if (!(await exists(dir))) throw new DataError(`${dir}: there is no such folder; check the path.`);
  throw new DataError(
    `${dir}: no ${train ? "test/ or val/" : "train/"} in it; an image folder holds train/CLASS/*.jpg and ` +
      "test/CLASS/*.jpg: the images that a network learns, and others that it is measured on. `testShare` holds a share " +
      "back for that where the folder is one set.",
  );
}

/** The parts of a folder that is one set. @throws UsageError where it has a part to test on. */
async function heldBack(dir: string, share: number): Promise<{ train: Part; test: Part }> {
  if (!(await exists(dir))) throw new DataError(`${dir}: there is no such folder; check the path.`);
  const [second] = await partsIn(dir);
  const train = await exists(`${dir}/train`);
  if (second !== undefined && train) {
    throw new UsageError(
      `${dir}: its ${second}/ is there to test on, and \`testShare\` holds images back where nothing is; leave it out.`,
    );
  }
  const rows = train ? (await readMetadata(dir))?.rows : undefined;
  const all = await readTrain(dir, rows, train ? "train" : "");
  const tests = new Set<string>();
  for (const label of all.classes) {
    const own = all.files
      .filter((file) => file.label === label)
      .map(({ name }) => ({ name, place: new Random(0).fork("test share").fork(name).float() }))
      .sort((a, b) => a.place - b.place);
    // One image of each class stays to be learnt.
    for (const { name, place } of own.slice(0, -1)) if (place < share) tests.add(name);
  }
  const part = (name: string, inTest: boolean): Part => ({
    ...all,
    name,
    files: all.files.filter((file) => tests.has(file.name) === inTest),
  });
  return { train: part(all.name, false), test: part(all.name, true) };
}

const within = (dir: string, part: string): string => (part === "" ? dir : `${dir}/${part}`);

/** A part of the data set. */
interface Part extends LabelledFiles {
  readonly name: string;
  readonly passed: PassedOver;
}

const noImages = "no .jpg, .png or .webp images";

async function readTrain(
  dir: string,
  rows: readonly LabelledName[] | undefined,
  name = "train",
): Promise<Part> {
  const train = await readPart(dir, name, rows);
  if (train.classes.length === 0)
    throw new DataError(`${within(dir, name)}: no class folders in it.`);
  const [empty] = emptyClasses(train.classes, train);
  if (empty !== undefined) {
    const problem = `${within(dir, name)}/${empty}: ${noImages}; add some or remove the class.`;
    throw new DataError([problem, ...train.passed.notes].join(" "));
  }
  return train;
}

/** The first of the parts that has images in classes. */
async function readTest(
  dir: string,
  parts: readonly string[],
  classes: readonly string[],
  rows: readonly LabelledName[] | undefined,
): Promise<Part> {
  const problems: string[] = [];
  for (const name of parts) {
    const test = await readPart(dir, name, rows);
    const unknown = test.classes.find((label) => !classes.includes(label));
    if (unknown !== undefined) {
      throw new DataError(`${dir}/${name}/${unknown}: ${dir}/train has no class of that name.`);
    }
    if (test.files.length > 0) return test;
    problems.push(`${dir}/${name}: ${noImages} in folders of classes.`, ...test.passed.notes);
  }
  throw new DataError(problems.join(" "));
}

function emptyClasses(classes: readonly string[], { files }: Part): string[] {
  const filled = new Set(files.map(({ label }) => label));
  return classes.filter((name) => !filled.has(name));
}

function heldBackNotes(train: Part, test: Part): string[] {
  const [held, all] = [test.files.length, train.files.length + test.files.length];
  if (held === 0) return ["No image is held back to test on."];
  return [
    `${held} of the ${all} images are held back to test on, chosen by their names.`,
    ...missingNotes(train.classes, test, "What is held back has no image"),
  ];
}

function missingNotes(classes: readonly string[], test: Part, what: string): string[] {
  const missing = emptyClasses(classes, test);
  if (missing.length === 0) return [];
  const which = `${missing.slice(0, 5).join(", ")}${missing.length > 5 ? ", …" : ""}`;
  return [`${what} of ${missing.length} of the ${classes.length} classes: ${which}.`];
}

/** The files of a part, and what was passed over in it. `rows`: those of a table of the whole data set. */
async function readPart(
  dir: string,
  part: string,
  rows: readonly LabelledName[] | undefined,
): Promise<Part> {
  const passed = new PassedOver();
  const own = rows
    ?.filter(({ file }) => file.startsWith(`${part}/`))
    .map((row) => ({ ...row, file: row.file.slice(part.length + 1) }));
  const files = await labelledFiles(dir, part, passed, own?.length === 0 ? undefined : own);
  return { ...files, name: part, passed };
}
