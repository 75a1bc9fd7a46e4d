/** Image files and the names of their classes: by the folder they lie in, or by a table beside them. */
import { DataError } from "../errors.ts";
import {
  byCodePoint,
  findImages,
  type ImageFile,
  listFolder,
  type PassedOver,
} from "./find-images.ts";
import { type LabelledName, readMetadata } from "./image-metadata.ts";

/** An image file and its class. */
export interface LabelledFile extends ImageFile {
  readonly label: string;
}

/** What a folder holds. */
export interface LabelledFiles {
  /** By class, then by name; as the table lists them where there is one. */
  readonly files: readonly LabelledFile[];
  /** Classes, in order: also those that have no image. */
  readonly classes: readonly string[];
  /** Images that lie in no folder of a class and stand in no table. */
  readonly loose: readonly ImageFile[];
}

/**
 * The images of `DIR/NAME` and their classes. With a table in it, metadata.csv or metadata.jsonl, or `rows` of one
 * that lies further up, they are those it names. Else each folder is a class, and all images in it and in the
 * folders within it are of that class.
 *
 * @throws DataError naming the line of a table whose file is not there.
 */
export async function labelledFiles(
  dir: string,
  name: string,
  passed: PassedOver,
  rows?: readonly LabelledName[],
): Promise<LabelledFiles> {
  const folder = name === "" ? dir : `${dir}/${name}`;
  const inSet = (file: string): string => (name === "" ? file : `${name}/${file}`);
  const own = rows === undefined ? await readMetadata(folder) : { table: "", rows };
  if (own !== undefined) {
    const images = await findImages(dir, name, passed);
    passed.delete(inSet(own.table));
    return byTable(own.rows, images, inSet, passed);
  }
  const { images: loose, folders } = await listFolder(dir, name, passed);
  const files: LabelledFile[] = [];
  for (const label of folders) {
    for (const image of await findImages(dir, inSet(label), passed))
      files.push({ ...image, label });
  }
  return { files, classes: folders, loose };
}

function byTable(
  rows: readonly LabelledName[],
  images: readonly ImageFile[],
  inSet: (file: string) => string,
  passed: PassedOver,
): LabelledFiles {
  const byName = new Map(images.map((image) => [image.name, image]));
  const files: LabelledFile[] = [];
  for (const { file, label, where } of rows) {
    const image = byName.get(inSet(file));
    if (image !== undefined) files.push({ ...image, label });
    else if (!passed.has(inSet(file))) {
      throw new DataError(`${where}: there is no file ${file}; correct the line or take it out.`);
    }
    byName.delete(inSet(file));
  }
  return {
    files,
    classes: sortedLabels(rows.map(({ label }) => label)),
    loose: [...byName.values()],
  };
}

/** Different labels in order: numbers by value, if all are; else by code points. */
export function sortedLabels(labels: readonly string[]): string[] {
  const different = [...new Set(labels)];
  const numbers = different.every((label) => /^\d+$/.test(label));
  return different.sort(
    numbers ? (a, b) => Number(a) - Number(b) || byCodePoint(a, b) : byCodePoint,
  );
}

/** "5 images lie in no folder of a class: …"; nothing if there are none. */
export function looseNotes(loose: readonly ImageFile[], where: string): string[] {
  if (loose.length === 0) return [];
  const images = loose.length === 1 ? "1 image has" : `${loose.length} images have`;
  return [
    `${where}: ${images} no class and ${loose.length === 1 ? "is" : "are"} left out; the first: ${loose[0]!.name}.`,
  ];
}
