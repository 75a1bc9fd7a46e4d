/** Images in tar archives, as WebDataset has them: files of one key are one example. */
import { exists, readBytes, readText } from "../platform/files.ts";
import { parseJson } from "../platform/json.ts";
import { DataError } from "../errors.ts";
import { type Example, loadExamples } from "./examples.ts";
import { gunzip, isGzip } from "./gzip.ts";
import { latin1 } from "./image-bytes.ts";
import { headLength, imageKind } from "./image-kinds.ts";
import { type FileKind, hasNamed, partFiles, requireParts } from "./part-files.ts";
import { PassedOver } from "./find-images.ts";
import { defineDataset, type LoadOptions, type Split } from "./source.ts";
import { readTar } from "./tar.ts";

export const webdataset = defineDataset({
  name: "webdataset",
  summary: "your own, as WebDataset has it: DIR/train-*.tar and DIR/test-*.tar",
  folder: true,
  recognises: (dir) => hasNamed(dir, /\.(tar|tar\.gz|tgz)$/i),
  load: loadWebdataset,
});

const kind: FileKind = {
  name: "tar",
  is: (head) => latin1(head, 257, 5) === "ustar" || isGzip(head),
};

/**
 * Loads the tar archives of a folder (gzip or not), told by content; a word of their path says which part they are (see
 * {@link partFiles}). The files of an example have one name up to the first dot: an image, told by content, and a label,
 * `KEY.cls` or `KEY.json` with `label` or `cls` in it. Class names are the lines of `classnames.txt` in the folder, which
 * numbers count from 0; without it they are the labels of the training part, in order. What has no image or label is
 * counted in the notes.
 *
 * @throws DataError naming the archive that is damaged, or the label that is no class.
 */
export async function loadWebdataset(
  dir: string,
  options: Partial<LoadOptions> = {},
): Promise<Split> {
  const files = await partFiles(dir, kind);
  requireParts(dir, kind, files);
  const passed = new PassedOver();
  const read = async (paths: readonly string[]): Promise<Example[]> => {
    const examples: Example[] = [];
    for (const path of paths) {
      for (const example of await readShard(path, dir, passed)) examples.push(example);
    }
    return examples;
  };
  const [train, test] = [await read(files.train), await read(files.test)];
  const notes = [...files.notes, ...passed.notes];
  const classes = await classNames(dir);
  return loadExamples({ name: "webdataset", classes, train, test, notes }, options);
}

async function classNames(dir: string): Promise<string[] | undefined> {
  const path = `${dir}/classnames.txt`;
  if (!(await exists(path))) return undefined;
  return (await readText(path))
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
}

async function readShard(path: string, dir: string, passed: PassedOver): Promise<Example[]> {
  const file = await readBytes(path);
  const shard = path.startsWith(`${dir}/`) ? path.slice(dir.length + 1) : path;
  const byKey = new Map<string, { file: string; image?: Uint8Array; label?: string | number }>();
  for (const { path: inner, data } of readTar(
    isGzip(file) ? await gunzip(file, path) : file,
    path,
  )) {
    const [, key, suffix] = /^((?:.*\/)?[^/.]+)\.([^/]*)$/.exec(inner) ?? [];
    if (key === undefined) {
      passed.add(`${shard}/${inner}`, "hidden or of the system");
      continue;
    }
    const example = byKey.get(key) ?? { file: inner };
    byKey.set(key, example);
    const image = imageKind(data.subarray(0, headLength));
    if (suffix === "cls") example.label = numberOr(new TextDecoder().decode(data).trim());
    else if (suffix === "json") example.label ??= jsonLabel(data, `${path}: ${inner}`) ?? "";
    else if (image?.read === true || /^(jpe?g|png|webp)$/i.test(suffix!)) {
      example.image = data;
      example.file = inner;
    } else if (image !== undefined) passed.add(`${shard}/${inner}`, image.name, true);
  }
  const examples: Example[] = [];
  for (const { file: inner, image, label } of byKey.values()) {
    const name = `${shard}/${inner}`;
    if (image !== undefined && label !== undefined && label !== "") {
      examples.push({ path: `${path}: ${inner}`, name, bytes: image, label });
    } else if (!passed.has(name)) {
      passed.add(name, image === undefined ? "without an image" : "without a label");
    }
  }
  return examples;
}

/** What a `.cls` file says: the number of a class, or its name. */
function numberOr(text: string): string | number {
  return /^(0|[1-9]\d*)$/.test(text) ? Number(text) : text;
}

function jsonLabel(data: Uint8Array, where: string): string | number | undefined {
  let said: unknown;
  try {
    said = parseJson(new TextDecoder().decode(data));
  } catch (cause) {
    throw new DataError(`${where}: this is no JSON (${(cause as Error).message}).`, { cause });
  }
  const { label, cls } = (said ?? {}) as { label?: unknown; cls?: unknown };
  const value = label ?? cls;
  return typeof value === "string" || typeof value === "number" ? value : undefined;
}
