/** Image files of a data set, chosen and decoded. */
import { readBytes } from "../platform/files.ts";
import { balancedIndices, type Dataset } from "./dataset.ts";
import { decodeImage } from "./decode.ts";
import { loadSquares } from "./image-files.ts";
import { Remarks } from "./remarks.ts";
import type { LoadOptions, LoadWatch } from "./source.ts";

/** An image file and its class. */
export interface Entry {
  readonly path: string;
  /** Path within the data set: what the image is called. */
  readonly name: string;
  readonly label: number;
  /** What the file holds, where it was read already; the path only names it then. */
  readonly bytes?: Uint8Array | undefined;
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

/** What all images of a data set become. */
export interface Squares {
  readonly channels: 1 | 3;
  readonly size: number;
  /** Size of the first image. */
  readonly own: number;
  readonly resize: boolean;
  readonly crop?: number | undefined;
  readonly watch?: LoadWatch | undefined;
}

/** Squares of `size` pixels, or of the first image's size. */
export async function squaresOf(
  { path, bytes }: Entry,
  {
    grey = false,
    size,
    crop,
    watch,
  }: Partial<Pick<LoadOptions, "grey" | "size" | "crop" | "watch">>,
): Promise<Squares> {
  const own = (await decodeImage(bytes ?? (await readBytes(path)), path)).height;
  const resize = size !== undefined;
  return {
    channels: grey ? 1 : 3,
    size: size ?? own,
    own,
    resize,
    ...(resize ? { crop } : {}),
    watch,
  };
}

/** A data set of image files, and what is to be said of them. */
export interface LoadedEntries {
  readonly dataset: Dataset;
  readonly notes: readonly string[];
}

/** Decodes files, chosen from `all`. */
export async function loadEntries(
  name: string,
  classes: readonly string[],
  files: readonly Entry[],
  all: readonly Entry[],
  { channels, size, own, resize, crop, watch }: Squares,
): Promise<LoadedEntries> {
  const remarks = new Remarks();
  const contents = files.flatMap(({ bytes }) => bytes ?? []);
  const task = {
    paths: files.map(({ path }) => path),
    contents: contents.length > 0 ? contents : undefined,
    channels,
    size,
    resize,
    crop,
  };
  const dataset: Dataset = {
    name,
    classes,
    channels,
    ...described(files, all),
    ...(await loadSquares(task, own, { remarks, watch })),
  };
  return { dataset, notes: remarks.notes((place) => files[place]!.name) };
}
