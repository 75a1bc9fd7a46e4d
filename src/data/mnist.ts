/** MNIST and its look-alikes (Fashion-MNIST, KMNIST) from the four IDX files. */
import { exists, readBytes } from "../platform/files.ts";
import { DataError } from "../errors.ts";
import type { Dataset } from "./dataset.ts";
import { gunzip, isGzip } from "./gzip.ts";
import { defineDataset, type Split, taken } from "./source.ts";

/** MNIST, or a look-alike in its place. */
export const mnist = defineDataset({
  name: "mnist",
  summary: "handwritten digits, 28×28 grey (or Fashion-MNIST, KMNIST)",
  folder: true,
  sizes: { size: 28, channels: 1, classes: 10, train: 60_000, test: 10_000 },
  // The mirror that torchvision uses; the site of MNIST's authors no longer serves the files.
  download: {
    baseUrl: "https://ossci-datasets.s3.amazonaws.com/mnist/",
    files: {
      "train-images-idx3-ubyte.gz": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
      "train-labels-idx1-ubyte.gz": "d53e105ee54ea40749a09fcbcd1e9432",
      "t10k-images-idx3-ubyte.gz": "9fb629c4189551a2d022fa330f9573f3",
      "t10k-labels-idx1-ubyte.gz": "ec29112dd5afa0611ce80d1b7f02629c",
    },
  },
  recognises: async (dir) => (await fileOf(dir, "train", "images", 3)) !== undefined,
  async incomplete(dir) {
    const there: ("train" | "t10k")[] = [];
    for (const part of ["train", "t10k"] as const) {
      if ((await fileOf(dir, part, "images", 3)) !== undefined) there.push(part);
    }
    return there.length === 1 ? loadPart(dir, there[0]!) : undefined;
  },
  load: async (dir, options) => taken(await loadMnist(dir), options),
});

/** An IDX array of bytes: dimensions, slowest first, and the values. */
export interface IdxArray {
  readonly shape: readonly number[];
  readonly data: Uint8Array<ArrayBuffer>;
}

/**
 * Reads the four files from a directory, each plain or .gz, named as published
 * (`train-images-idx3-ubyte`) or with a dot (`train-images.idx3-ubyte`).
 *
 * Throws a DataError that names the file if one is missing, damaged, or does not fit its partner.
 */
export async function loadMnist(dir: string): Promise<Split> {
  const train = await loadPart(dir, "train");
  const test = await loadPart(dir, "t10k");
  if (train.height !== test.height || train.width !== test.width) {
    throw new DataError(
      `${dir}: training images are ${train.height}×${train.width}, ` +
        `test images ${test.height}×${test.width}; the four files must be of one set.`,
    );
  }
  return { train, test };
}

async function loadPart(dir: string, part: "train" | "t10k"): Promise<Dataset> {
  const imagePath = await findFile(dir, part, "images", 3);
  const labelPath = await findFile(dir, part, "labels", 1);
  const images = parseIdx(await readUnpacked(imagePath), 3, imagePath);
  const { data } = parseIdx(await readUnpacked(labelPath), 1, labelPath);
  const [count, height, width] = images.shape as [number, number, number];
  if (data.length !== count) {
    throw new DataError(
      `${imagePath} holds ${count} images but ${labelPath} ${data.length} labels; ` +
        "the two must be of one set.",
    );
  }
  const wrong = data.findIndex((label) => label > 9);
  if (wrong >= 0) {
    throw new DataError(`${labelPath}: label ${wrong} is ${data[wrong]}, expected 0 to 9.`);
  }
  return {
    name: "mnist",
    classes: ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
    height,
    width,
    channels: 1,
    count,
    pixels: images.data,
    labels: Uint16Array.from(data),
  };
}

async function fileOf(
  dir: string,
  part: string,
  what: string,
  rank: number,
): Promise<string | undefined> {
  for (const mark of ["-", "."]) {
    for (const end of ["", ".gz"]) {
      const path = `${dir}/${part}-${what}${mark}idx${rank}-ubyte${end}`;
      if (await exists(path)) return path;
    }
  }
  return undefined;
}

async function findFile(dir: string, part: string, what: string, rank: number): Promise<string> {
  const path = await fileOf(dir, part, what, rank);
  if (path !== undefined) return path;
  throw new DataError(
    `MNIST: no ${part}-${what}-idx${rank}-ubyte (or .gz) in ${dir}. ` +
      "Give the directory of the four files, or download them with `rewind fetch mnist`.",
  );
}

async function readUnpacked(path: string): Promise<Uint8Array> {
  const bytes = await readBytes(path);
  return isGzip(bytes) ? gunzip(bytes, path) : bytes;
}

/**
 * Parses an IDX file of bytes: 0, 0, type 8, rank, then `rank` big-endian sizes, then the values.
 * Throws a DataError naming `path` on another type, another rank, or another length than announced.
 */
export function parseIdx(bytes: Uint8Array, rank: number, path: string): IdxArray {
  const header = 4 + 4 * rank;
  const magic = Array.from(bytes.subarray(0, 4));
  const expected = [0, 0, 8, rank];
  if (magic.length < 4 || expected.some((value, i) => value !== magic[i])) {
    throw new DataError(
      `${path}: begins with the bytes ${magic.join(" ")}, expected ${expected.join(" ")} ` +
        `(IDX, bytes, ${rank} dimension${rank === 1 ? "" : "s"}); is it the right file?`,
    );
  }
  if (bytes.length < header) {
    throw new DataError(`${path}: cut short in its header; fetch it again.`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const shape = Array.from({ length: rank }, (_, i) => view.getUint32(4 + 4 * i));
  const size = shape.reduce((product, length) => product * length, 1);
  if (size === 0) throw new DataError(`${path}: it is empty (${shape.join("×")}); fetch it again.`);
  if (bytes.length !== header + size) {
    throw new DataError(
      `${path}: announces ${shape.join("×")} = ${size} bytes of data but has ` +
        `${bytes.length - header}; fetch it again.`,
    );
  }
  return { shape, data: bytes.slice(header) };
}
