/** What a data set is to those who name it: where it comes from, how large it is, and its loader. */
import { type Dataset, takeBalanced } from "./dataset.ts";
import { resizeDataset } from "./resize.ts";

/** Training and test part of a data set. */
export interface Split {
  readonly train: Dataset;
  readonly test: Dataset;
  /** What whoever loads the files should know, a sentence each: "3 files passed over: …". */
  readonly notes?: readonly string[] | undefined;
}

/** Interruption and progress of a loading. */
export interface LoadWatch {
  /** Ends it with its reason, between two images. */
  readonly signal?: AbortSignal | undefined;
  /** Called now and then with the images of a part that are decoded, and all that it is to have. */
  readonly progress?: ((done: number, total: number) => void) | undefined;
}

/** How much of a data set is loaded, and how. */
export interface LoadOptions {
  /** Training images to take, class-balanced. Default: all. */
  readonly trainCount?: number | undefined;
  /** Test images to take, class-balanced. Default: all. */
  readonly testCount?: number | undefined;
  /**
   * Of a set whose files have no part to test on: share of each class that is held back for it, 0 to 1. An image's name
   * alone decides, so that the others stay where they are when some are added or taken away. Default: both parts are needed.
   */
  readonly testShare?: number | undefined;
  /** Chooses the images taken, and draws those that are drawn. */
  readonly seed: number;
  /** One grey channel instead of RGB, where the files have either. */
  readonly grey?: boolean | undefined;
  /** Side the images are resized to, larger ones on the GPU. Default: as they are. */
  readonly size?: number | undefined;
  /**
   * With a `size`, of image files: side of the square in the middle that is resized, as a share of the shorter side.
   * Default: 1.
   */
  readonly crop?: number | undefined;
  /** For who waits: image files take their time. */
  readonly watch?: LoadWatch | undefined;
}

/** Sizes of a data set. */
export interface DatasetSizes {
  /** Side of the square images, in pixels. */
  readonly size: number;
  readonly channels: 1 | 3;
  readonly classes: number;
  /** Training and test images. */
  readonly train: number;
  readonly test: number;
}

/** Where a data set is published, file by file. */
export interface Download {
  /** Ends with "/". */
  readonly baseUrl: string;
  /** File names at `baseUrl` and their MD5. */
  readonly files: { readonly [file: string]: string };
  /** The files are tar.gz archives, which are unpacked. */
  readonly unpack?: boolean;
}

/** A data set by name. */
export interface DatasetSource {
  readonly name: string;
  /** One line for help. */
  readonly summary: string;
  /** It is read from a folder of files, which whoever names it gives. */
  readonly folder: boolean;
  /** Sizes as published, or by default where the images are drawn; absent where only the files say. */
  readonly sizes?: DatasetSizes;
  /** Images are drawn by program, as many as are wanted. */
  readonly drawn?: boolean;
  /** Whether a folder holds its files, by what is in it: for who names a folder alone. */
  readonly recognises?: (dir: string) => Promise<boolean>;
  /**
   * The images of a folder that has only some of its files, as one set; undefined where it has none of them, or all.
   * @throws DataError as `load` does.
   */
  readonly incomplete?: (dir: string) => Promise<Dataset | undefined>;
  /** How many images a folder holds, where the files alone say. @throws DataError as `load` does. */
  readonly counts?: (
    dir: string,
    options?: Pick<LoadOptions, "testShare">,
  ) => Promise<Pick<DatasetSizes, "train" | "test">>;
  /** It knows what to do where there is no part to test on (`testShare`). */
  readonly holdsBack?: boolean;
  /** Where `rewind fetch` gets it; absent: its files are got by hand. */
  readonly download?: Download;
  /**
   * Loads it.
   *
   * @param dir the folder; empty where none is needed.
   * @throws DataError naming the file that is missing or damaged.
   */
  load(dir: string, options: LoadOptions): Promise<Split>;
}

/** Declares a data set. */
export function defineDataset(source: DatasetSource): DatasetSource {
  return source;
}

/** The split with its images resized, if a size is given. */
export async function resized(split: Split, { size }: LoadOptions): Promise<Split> {
  if (size === undefined) return split;
  const { train, test } = split;
  return {
    ...split,
    train: await resizeDataset(train, size),
    test: await resizeDataset(test, size),
  };
}

/** Takes from a split that was loaded whole what is wanted of it. */
export function taken(split: Split, options: LoadOptions): Promise<Split> {
  const { train, test } = split;
  const { trainCount, testCount, seed } = options;
  return resized(
    {
      ...split,
      train: trainCount === undefined ? train : takeBalanced(train, trainCount, seed),
      test: testCount === undefined ? test : takeBalanced(test, testCount, seed),
    },
    options,
  );
}
