/** Data sets by name: one file each, one line here. */
import { z } from "zod";
import { checked, functionSchema, signalSchema } from "../checked.ts";
import { printable, UsageError } from "../errors.ts";
import { entryKinds, entrySchema, Registry } from "../registry.ts";
import { cifar10, cifar100 } from "./cifar.ts";
import { imageFolder } from "./image-folder.ts";
import { mnist } from "./mnist.ts";
import { npz } from "./npz.ts";
import { ofClasses } from "./class-names.ts";
import { withinMemory } from "./dataset.ts";
import { parquet } from "./parquet.ts";
import { type DatasetSource, type LoadOptions, type Split, taken } from "./source.ts";
import { synthetic } from "./synthetic.ts";
import { tinyImageNet } from "./tiny-imagenet.ts";
import { webdataset } from "./webdataset.ts";

/** All data sets; `datasets.add(…)` makes another one known to configurations and commands. */
export const datasets: Registry<DatasetSource> = new Registry(
  "data set",
  [synthetic, mnist, cifar10, cifar100, tinyImageNet, imageFolder, npz, parquet, webdataset],
  entrySchema({
    summary: entryKinds.text,
    folder: z.boolean(),
    load: entryKinds.function,
  }),
);

/** Which data set, from where, and how much of it. */
export interface DatasetSpec extends LoadOptions {
  readonly name: string;
  /** Folder of the files; every set but those that are drawn needs it. */
  readonly dir?: string | undefined;
  /** Names of the classes whose images are loaded, in any order. Default: all. */
  readonly classes?: readonly string[] | undefined;
}

const count = z.number().int().min(0).optional();

const watchSchema = z.looseObject({
  signal: signalSchema.optional(),
  progress: functionSchema.optional(),
});

const specSchema = z.strictObject({
  name: z.string(),
  dir: z.string().optional(),
  trainCount: count,
  testCount: count,
  testShare: z.number().min(0).lt(1).optional(),
  seed: z.number().int().min(0),
  grey: z.boolean().optional(),
  size: z.number().int().min(1).optional(),
  crop: z.number().gt(0).max(1).optional(),
  classes: z.array(z.string()).min(1).optional(),
});

/** The images of some classes alone: the set is loaded whole, or drawn as large as gives enough of them. */
async function loadClasses(
  source: DatasetSource,
  dir: string,
  classes: readonly string[],
  options: LoadOptions,
): Promise<Split> {
  const { trainCount, testCount, ...others } = options;
  const enough = (wanted: number | undefined): number | undefined =>
    source.drawn === true && wanted !== undefined && source.sizes !== undefined
      ? source.sizes.classes * Math.ceil(wanted / classes.length)
      : undefined;
  const whole = await source.load(dir, {
    ...others,
    trainCount: enough(trainCount),
    testCount: enough(testCount),
  });
  const { size: _, ...how } = options;
  const [train, test] = [whole.train, whole.test].map((set) => ofClasses(set, classes));
  return taken({ ...whole, train: train!, test: test! }, how);
}

/**
 * Loads a data set as its training and test part.
 *
 * @throws UsageError for an unknown name, a setting that is not valid or no folder; DataError that says what to do about the files.
 */
export async function loadDataset(spec: DatasetSpec): Promise<Split> {
  checked(z.looseObject({}), spec, "loadDataset");
  const { watch, ...plain } = spec;
  if (watch !== undefined) checked(watchSchema, watch, "loadDataset: watch");
  const { name, dir, classes, ...settings } = checked(specSchema, plain, "loadDataset");
  const options = { ...settings, watch };
  const source = datasets.find(name);
  if (source.folder && dir === undefined) {
    throw new UsageError(
      `data set "${name}" is read from files: give its directory (\`dir=DIR\`).`,
    );
  }
  if (options.testShare !== undefined && source.holdsBack !== true) {
    throw new UsageError(
      `data set "${name}" has a part to test on: \`testShare\` is of images in folders of their classes alone.`,
    );
  }
  const split = await withinMemory(() =>
    classes === undefined
      ? source.load(dir ?? "", options)
      : loadClasses(source, dir ?? "", classes, options),
  );
  // Names of files stand in notes.
  return split.notes === undefined
    ? split
    : { ...split, notes: split.notes.map((note) => printable(note)) };
}
