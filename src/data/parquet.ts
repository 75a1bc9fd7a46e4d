/** Images in parquet files, as the data sets of Hugging Face are published. */
import type { FileMetaData, SchemaTree } from "hyparquet";
import { readBytes } from "../platform/files.ts";
import { parseJson } from "../platform/json.ts";
import { DataError } from "../errors.ts";
import { readLabel } from "./class-names.ts";
import { type Example, loadExamples } from "./examples.ts";
import { latin1 } from "./image-bytes.ts";
import { checkPages } from "./parquet-check.ts";
import { type FileKind, hasNamed, partFiles, requireParts } from "./part-files.ts";
import { defineDataset, type LoadOptions, type Split } from "./source.ts";

export const parquet = defineDataset({
  name: "parquet",
  summary: "your own, as Hugging Face has it: DIR/train-*.parquet and DIR/test-*.parquet",
  folder: true,
  recognises: (dir) => hasNamed(dir, /\.parquet$/i),
  load: loadParquet,
});

const kind: FileKind = { name: "parquet", is: (head) => latin1(head, 0, 4) === "PAR1" };

/**
 * Loads the parquet files of a folder, told by content; a word of their path says which part they are (see
 * {@link partFiles}). The image column is the one that the files' features call an image, else one with `bytes` in it; of
 * several `image` or `img`, else the first, and a note says so. Its images are JPEG, PNG or WebP. The label is the column `label`, else the first that the features call a
 * class label. Class names are those of the features; without any they are the labels of the training part, in order.
 *
 * @throws DataError naming the file that is damaged, lacks a column, or holds an image or label that cannot be read.
 */
export async function loadParquet(dir: string, options: Partial<LoadOptions> = {}): Promise<Split> {
  const files = await partFiles(dir, kind);
  requireParts(dir, kind, files);
  const notes = new Set(files.notes);
  let classes: readonly string[] | undefined;
  const read = async (paths: readonly string[]): Promise<Example[]> => {
    const rows: Example[] = [];
    for (const path of paths) {
      const table = await readTable(path, dir);
      classes ??= table.classes;
      for (const note of table.notes) notes.add(note);
      for (const row of table.rows) rows.push(row);
    }
    return rows;
  };
  const labelled = (rows: readonly Example[]): Example[] => {
    // Test images whose labels were never published have -1.
    const kept = rows.filter(({ label }) => Number(label) !== unlabelled);
    const left = rows.length - kept.length;
    if (left > 0) notes.add(`images left out for want of a label (${unlabelled}): ${left}.`);
    return kept;
  };
  const [train, test] = [labelled(await read(files.train)), labelled(await read(files.test))];
  return loadExamples({ name: "parquet", classes, train, test, notes: [...notes] }, options);
}

const unlabelled = -1;

interface Table {
  readonly rows: readonly Example[];
  readonly classes: readonly string[] | undefined;
  readonly notes: readonly string[];
}

async function readTable(path: string, dir: string): Promise<Table> {
  const { parquetMetadata, parquetReadObjects, parquetSchema } = await import("hyparquet");
  const { parquetHeader } = await import("hyparquet/src/column.js");
  const { decompressPage } = await import("hyparquet/src/datapage.js");
  const { compressors: all, decompressZstd } = await import("hyparquet-compressors");
  // The library's own takes the size that the packed bytes claim.
  const zstd = (input: Uint8Array, size: number): Uint8Array =>
    decompressZstd(input, new Uint8Array(size));
  const compressors = { ...all, ZSTD: zstd };
  const bytes = await readBytes(path);
  const damaged = (cause: unknown): DataError =>
    cause instanceof DataError
      ? new DataError(`${path}: ${cause.message}.`)
      : new DataError(`${path}: this parquet file is damaged or cut short; fetch it again.`, {
          cause,
        });
  const file = bytes.buffer;
  let metadata: FileMetaData;
  let tree: SchemaTree;
  try {
    metadata = parquetMetadata(file, { geoparquet: false });
    tree = parquetSchema(metadata);
  } catch (cause) {
    throw damaged(cause);
  }
  const { image, label, classes, notes } = columnsOf(metadata, path);
  let rows: Record<string, unknown>[];
  try {
    checkPages(bytes, metadata, tree, [image, label], {
      parquetHeader,
      decompress: (page, size, codec) => decompressPage(page, size, codec, compressors),
    });
    // Text is text by its annotation; without one, bytes are an image.
    rows = await parquetReadObjects({
      file,
      metadata,
      columns: [image, label],
      compressors,
      utf8: false,
    });
  } catch (cause) {
    throw damaged(cause);
  }
  const inSet = path.startsWith(`${dir}/`) ? path.slice(dir.length + 1) : path;
  return {
    classes,
    notes,
    rows: rows.map((row, i) => {
      const where = `${path}, row ${i}`;
      const [content, name] = imageOf(row[image]);
      if (content === undefined) throw new DataError(`${where}: no image in column "${image}".`);
      const value = readLabel(row[label], `${where}, column "${label}"`);
      if (value === undefined) throw new DataError(`${where}: no label in column "${label}".`);
      return {
        path: name === undefined ? where : `${where} (${name})`,
        name: `${inSet}/${name ?? i}`,
        bytes: content,
        label: value,
      };
    }),
  };
}

/** An image cell: `{ bytes, path }`, or the bytes alone. */
function imageOf(cell: unknown): [bytes: Uint8Array | undefined, name: string | undefined] {
  if (cell instanceof Uint8Array) return [cell, undefined];
  const { bytes, path } = (cell ?? {}) as { bytes?: unknown; path?: unknown };
  return [
    bytes instanceof Uint8Array ? bytes : undefined,
    typeof path === "string" && path !== "" ? path : undefined,
  ];
}

interface Columns {
  readonly image: string;
  readonly label: string;
  readonly classes: readonly string[] | undefined;
  readonly notes: readonly string[];
}

/** What the features of Hugging Face say of a column. */
interface Feature {
  /** "Image", "ClassLabel", … */
  readonly type: unknown;
  readonly names: readonly string[] | undefined;
}

function columnsOf(metadata: FileMetaData, path: string): Columns {
  const features = featuresOf(metadata);
  const { schema } = metadata;
  // The first element is the root; a column is followed by its children.
  const columns: string[] = [];
  const withBytes: string[] = [];
  for (let at = 1; at < schema.length;) {
    const { name } = schema[at]!;
    const end = afterElement(schema, at);
    columns.push(name);
    if (schema.slice(at + 1, end).some((child) => child.name === "bytes")) withBytes.push(name);
    at = end;
  }
  const called = (type: string): string[] =>
    columns.filter((name) => features.get(name)?.type === type);
  const pictures = called("Image").length > 0 ? called("Image") : withBytes;
  const image =
    ["image", "img"].find((name) => pictures.includes(name)) ??
    pictures[0] ??
    columns.find((name) => name === "image");
  const labels = called("ClassLabel");
  const label = columns.find((name) => name === "label") ?? labels[0];
  if (image === undefined || label === undefined) {
    throw new DataError(
      `${path}: no column of ${image === undefined ? "images" : "labels"}; it has ${columns.join(", ")}. ` +
        "It needs one with `bytes` in it, and `label`.",
    );
  }
  const otherImages = pictures.filter((name) => name !== image);
  const others = labels.filter((name) => name !== label);
  return {
    image,
    label,
    classes: features.get(label)?.names,
    notes: [
      ...otherImages.map((other) => `images are those of column "${image}", not of "${other}".`),
      ...others.map((other) => `classes are those of column "${label}", not of "${other}".`),
    ],
  };
}

/** Where the element after one and its children stands. */
function afterElement(schema: FileMetaData["schema"], at: number): number {
  let next = at + 1;
  for (let i = 0; i < (schema[at]!.num_children ?? 0); i++) next = afterElement(schema, next);
  return next;
}

function featuresOf(metadata: FileMetaData): ReadonlyMap<string, Feature> {
  const text = metadata.key_value_metadata?.find(({ key }) => key === "huggingface")?.value;
  try {
    const said = parseJson(text ?? "{}") as { info?: { features?: Record<string, unknown> } };
    return new Map(
      Object.entries(said.info?.features ?? {}).map(([name, of]) => [name, featureOf(of)]),
    );
  } catch {
    // Not what it is known as: the columns speak for themselves.
    return new Map();
  }
}

function featureOf(said: unknown): Feature {
  const { _type: type, names } = (said ?? {}) as { _type?: unknown; names?: object };
  return { type, names: names === undefined ? undefined : Object.values(names).map(String) };
}
