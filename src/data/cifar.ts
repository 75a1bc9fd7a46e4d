/** CIFAR-10 and CIFAR-100 from the official binary archives. */
import { exists, readBytes, readText } from "../platform/files.ts";
import { DataError } from "../errors.ts";
import type { Dataset } from "./dataset.ts";
import { defineDataset, type Split, taken } from "./source.ts";

const baseUrl = "https://www.cs.toronto.edu/~kriz/";

export const cifar10 = defineDataset({
  name: "cifar10",
  summary: "photographs of ten kinds of thing, 32×32 in colour",
  folder: true,
  sizes: { size: 32, channels: 3, classes: 10, train: 50_000, test: 10_000 },
  download: {
    baseUrl,
    files: { "cifar-10-binary.tar.gz": "c32a1d4ab5d03f1284b67883e8d87530" },
    unpack: true,
  },
  recognises: (dir) => holds("cifar10", dir),
  incomplete: (dir) => incomplete("cifar10", dir),
  load: async (dir, options) => taken(await loadCifar("cifar10", dir), options),
});

export const cifar100 = defineDataset({
  name: "cifar100",
  summary: "photographs of a hundred kinds of thing, 32×32 in colour",
  folder: true,
  sizes: { size: 32, channels: 3, classes: 100, train: 50_000, test: 10_000 },
  download: {
    baseUrl,
    files: { "cifar-100-binary.tar.gz": "03b5dce01913d631647c71ecec9e9cb8" },
    unpack: true,
  },
  recognises: (dir) => holds("cifar100", dir),
  incomplete: (dir) => incomplete("cifar100", dir),
  load: async (dir, options) => taken(await loadCifar("cifar100", dir), options),
});

const side = 32;
const plane = side * side;

interface Layout {
  readonly folder: string;
  readonly train: readonly string[];
  readonly test: readonly string[];
  /** Label bytes in front of each image; the last of them counts (the fine one of CIFAR-100). */
  readonly labelBytes: number;
  readonly classNames: string;
  readonly classCount: number;
}

const layouts: { readonly [name in "cifar10" | "cifar100"]: Layout } = {
  cifar10: {
    folder: "cifar-10-batches-bin",
    train: [1, 2, 3, 4, 5].map((i) => `data_batch_${i}.bin`),
    test: ["test_batch.bin"],
    labelBytes: 1,
    classNames: "batches.meta.txt",
    classCount: 10,
  },
  cifar100: {
    folder: "cifar-100-binary",
    train: ["train.bin"],
    test: ["test.bin"],
    labelBytes: 2,
    classNames: "fine_label_names.txt",
    classCount: 100,
  },
};

/**
 * Reads CIFAR-10 or CIFAR-100 (fine labels) from `dir`, either the folder of the .bin files or the
 * one their archive was unpacked in. Images come as RGB, [count, 32, 32, 3].
 *
 * Class names are read from the text file beside them, else they are the numbers. Throws a DataError
 * that names the file if one is missing, is not a whole number of records, or has a label too large.
 */
export async function loadCifar(name: "cifar10" | "cifar100", dir: string): Promise<Split> {
  const { train, test } = layouts[name];
  return { train: await readFiles(name, dir, train), test: await readFiles(name, dir, test) };
}

async function readFiles(
  name: "cifar10" | "cifar100",
  dir: string,
  files: readonly string[],
): Promise<Dataset> {
  const layout = layouts[name];
  const folder = await folderOf(dir, layout);
  const classes = await readClasses(folder, layout);
  const parts = [];
  for (const file of files) parts.push(await readRecords(name, folder, file, layout));
  return assemble(name, classes, parts);
}

async function incomplete(name: "cifar10" | "cifar100", dir: string): Promise<Dataset | undefined> {
  const layout = layouts[name];
  const folder = await folderOf(dir, layout);
  const all = [...layout.train, ...layout.test];
  const there: string[] = [];
  for (const file of all) if (await exists(`${folder}/${file}`)) there.push(file);
  return there.length === 0 || there.length === all.length
    ? undefined
    : readFiles(name, dir, there);
}

/** The folder of the files, which may be the archive's own within the one that is given. */
async function folderOf(dir: string, { folder }: Layout): Promise<string> {
  const inner = `${dir}/${folder}`;
  return (await exists(inner)) ? inner : dir;
}

async function holds(name: "cifar10" | "cifar100", dir: string): Promise<boolean> {
  const layout = layouts[name];
  return exists(`${await folderOf(dir, layout)}/${layout.train[0]!}`);
}

async function readClasses(folder: string, layout: Layout): Promise<readonly string[]> {
  const path = `${folder}/${layout.classNames}`;
  const numbers = Array.from({ length: layout.classCount }, (_, i) => String(i));
  if (!(await exists(path))) return numbers;
  const names = (await readText(path)).split("\n").map((line) => line.trim());
  const classes = names.filter((line) => line !== "");
  if (classes.length !== layout.classCount) {
    throw new DataError(
      `${path}: ${classes.length} class names, expected ${layout.classCount}; fetch it again.`,
    );
  }
  return classes;
}

async function readRecords(
  name: "cifar10" | "cifar100",
  folder: string,
  file: string,
  layout: Layout,
): Promise<Uint8Array> {
  const path = `${folder}/${file}`;
  if (!(await exists(path))) {
    throw new DataError(
      `${name}: no ${file} in ${folder}. Give the directory with the .bin files (or with ` +
        `${layout.folder}/), or download them with \`rewind fetch ${name}\`.`,
    );
  }
  const bytes = await readBytes(path);
  const record = layout.labelBytes + 3 * plane;
  if (bytes.length === 0 || bytes.length % record !== 0) {
    throw new DataError(
      `${path}: ${bytes.length} bytes is not a whole number of records of ${record} bytes; ` +
        "fetch it again.",
    );
  }
  for (let at = layout.labelBytes - 1; at < bytes.length; at += record) {
    if (bytes[at]! >= layout.classCount) {
      throw new DataError(
        `${path}: record ${Math.floor(at / record)} has label ${bytes[at]}, ` +
          `expected 0 to ${layout.classCount - 1}; is it the right file?`,
      );
    }
  }
  return bytes;
}

/** Joins checked record files into one set, turning R, G, B planes into interleaved channels. */
function assemble(
  name: "cifar10" | "cifar100",
  classes: readonly string[],
  parts: readonly Uint8Array[],
): Dataset {
  const { labelBytes } = layouts[name];
  const record = labelBytes + 3 * plane;
  const count = parts.reduce((sum, part) => sum + part.length / record, 0);
  const pixels = new Uint8Array(count * 3 * plane);
  const labels = new Uint16Array(count);
  let image = 0;
  for (const part of parts) {
    for (let start = 0; start < part.length; start += record, image++) {
      labels[image] = part[start + labelBytes - 1]!;
      const from = start + labelBytes;
      const to = image * 3 * plane;
      for (let p = 0; p < plane; p++) {
        for (let c = 0; c < 3; c++) pixels[to + 3 * p + c] = part[from + c * plane + p]!;
      }
    }
  }
  return { name, classes, height: side, width: side, channels: 3, count, pixels, labels };
}
