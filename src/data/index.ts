/** All data sets by name. */
import { loadCifar } from "./cifar.ts";
import { DataError } from "../errors.ts";
import { type Dataset, datasetNames, takeBalanced } from "./dataset.ts";
import { loadImageFolder } from "./image-folder.ts";
import { loadMnist } from "./mnist.ts";
import { resizeDataset } from "./resize.ts";
import { syntheticDigits } from "./synthetic.ts";
import { loadTinyImageNet } from "./tiny-imagenet.ts";

export { mislabel, type NoisyLabels, splitForget } from "./corrupt.ts";
export { type Dataset, datasetNames, subset, takeBalanced } from "./dataset.ts";

export type DatasetName = (typeof datasetNames)[number];

/** Which data set, from where, and how much of it. */
export interface DatasetSpec {
  readonly name: DatasetName;
  /** Directory of the files; every set but the synthetic one needs it. */
  readonly dir?: string;
  /** Training pictures to take, class-balanced. Default: all; 4,000 of the synthetic set. */
  readonly trainCount?: number;
  /** Test pictures to take, class-balanced. Default: all; 1,000 of the synthetic set. */
  readonly testCount?: number;
  /** Chooses the pictures taken, and draws the synthetic ones. */
  readonly seed: number;
  /** Image folders only: one grey channel instead of RGB. */
  readonly grey?: boolean;
  /** Side the pictures are resized to, larger ones on the GPU. Default: as they are. */
  readonly size?: number;
}

/** Loads a data set as its training and test part. Throws a DataError that says what to do. */
export async function loadDataset(spec: DatasetSpec): Promise<{ train: Dataset; test: Dataset }> {
  const { name, trainCount, testCount, seed, size } = spec;
  const resized = async (part: Dataset): Promise<Dataset> =>
    size === undefined ? part : resizeDataset(part, size);
  if (name === "synthetic") {
    return {
      train: await resized(syntheticDigits(trainCount ?? 4000, seed, "train")),
      test: await resized(syntheticDigits(testCount ?? 1000, seed, "test")),
    };
  }
  if (!datasetNames.includes(name)) {
    throw new DataError(`no data set "${name as string}"; known are ${datasetNames.join(", ")}.`);
  }
  if (spec.dir === undefined) {
    throw new DataError(`data set "${name}" is read from files: give its directory (\`dir=DIR\`).`);
  }
  if (name === "image-folder") return loadImageFolder(spec.dir, spec);
  if (name === "tiny-imagenet") return loadTinyImageNet(spec.dir, spec);
  const { train, test } =
    name === "mnist" ? await loadMnist(spec.dir) : await loadCifar(name, spec.dir);
  return {
    train: await resized(trainCount === undefined ? train : takeBalanced(train, trainCount, seed)),
    test: await resized(testCount === undefined ? test : takeBalanced(test, testCount, seed)),
  };
}
