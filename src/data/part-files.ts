/** Files that hold many images each, and which part of a data set each of them is. */
import { fileInfo, listDir, readHead } from "../platform/files.ts";
import { DataError } from "../errors.ts";
import { byCodePoint } from "./find-images.ts";

/** A kind of file, told by its first bytes. */
export interface FileKind {
  /** As a sentence says it: "parquet". */
  readonly name: string;
  readonly is: (head: Uint8Array) => boolean;
}

/** Bytes that tell the kind: the mark of a tar archive stands at 257. */
const headLength = 512;

/** Folders in each other that are looked into. */
const deepest = 4;

/** The files of a data set by part, in code-point order. */
export interface PartFiles {
  readonly train: readonly string[];
  readonly test: readonly string[];
  /** Files that belong to neither, by their names. */
  readonly others: readonly string[];
  readonly notes: readonly string[];
}

/** Whether a folder has a file of such a name in it, or the one file that is named is called so. */
export async function hasNamed(path: string, pattern: RegExp): Promise<boolean> {
  const info = await fileInfo(path);
  if (info === undefined) return false;
  const names = info.directory ? await listDir(path) : [path];
  return names.some((name) => pattern.test(name));
}

/** Names that the second part goes by, as they are looked for. */
export const testNames: readonly string[] = ["test", "val", "valid", "validation"];

/**
 * The files of a kind in a folder and those within it, or the one file that is named. Which part a file is, its path
 * within the folder says: a word of it is `train`; or `test`, or else `val`, `valid` or `validation`.
 *
 * @throws DataError if there is no such file.
 */
export async function partFiles(dir: string, kind: FileKind): Promise<PartFiles> {
  const info = await fileInfo(dir);
  if (info === undefined) throw new DataError(`${dir}: there is no such file or folder.`);
  const found = info.directory ? await filesOf(dir, "", kind) : [""];
  if (!info.directory && !kind.is(await readHead(dir, headLength))) {
    throw new DataError(`${dir}: this is no ${kind.name} file.`);
  }
  if (found.length === 0) throw new DataError(`${dir}: no ${kind.name} files in it.`);
  const parts = new Map<string, string[]>();
  for (const name of found) {
    const part = partOf(name);
    parts.set(part, [...(parts.get(part) ?? []), name === "" ? dir : `${dir}/${name}`]);
  }
  const test = testNames.find((name) => parts.has(name)) ?? "test";
  const unused = [...parts.keys()].filter((part) => !["train", test, ""].includes(part));
  return {
    train: parts.get("train") ?? [],
    test: parts.get(test) ?? [],
    others: parts.get("") ?? [],
    notes: unused.map(
      (part) =>
        `the files of ${part} are not used: those of ${test} are taken for the test images.`,
    ),
  };
}

/** The first word of a path that names a part; else empty. */
function partOf(name: string): string {
  const words = name.toLowerCase().split(/[^a-z]+/);
  return words.find((word) => word === "train" || testNames.includes(word)) ?? "";
}

async function filesOf(dir: string, folder: string, kind: FileKind, depth = 0): Promise<string[]> {
  const found: string[] = [];
  for (const name of (await listDir(`${dir}/${folder}`)).sort(byCodePoint)) {
    if (name.startsWith(".")) continue;
    const inSet = folder === "" ? name : `${folder}/${name}`;
    const info = await fileInfo(`${dir}/${inSet}`);
    if (info === undefined) continue;
    if (!info.directory) {
      if (kind.is(await readHead(`${dir}/${inSet}`, headLength))) found.push(inSet);
    } else if (depth < deepest) found.push(...(await filesOf(dir, inSet, kind, depth + 1)));
  }
  return found;
}

/** Both parts. @throws DataError saying what is missing. */
export function requireParts(
  dir: string,
  kind: FileKind,
  { train, test, others }: PartFiles,
): void {
  const missing = [
    ...(train.length === 0 ? ["train"] : []),
    ...(test.length === 0 ? ["test"] : []),
  ];
  if (missing.length === 0) return;
  const there = others.length === 0 ? "" : ` (there is ${others[0]!})`;
  throw new DataError(
    `${dir}: no ${kind.name} file of the part ${missing.join(" and ")}${there}; files say by their name which ` +
      "part they are, as train-0 and test-0 do.",
  );
}
