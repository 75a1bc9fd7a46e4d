/** Images in tar archives, as WebDataset has them: files of one key are one example. */
import { exists, readBytes, readText } from "../platform/files.ts";
import { parseJson } from "../platform/json.ts";
import { DataError } from "../errors.ts";
import { readLabel } from "./class-names.ts";
import { type Example, loadExamples } from "./examples.ts";
import { gunzip, isGzip } from "./gzip.ts";
import { latin1 } from "./image-bytes.ts";
import { headLength, type ImageKind, imageKind } from "./image-kinds.ts";
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
 * {@link partFiles}). The files of an example have one name up to the first dot: its image, `KEY.jpg`, `.png` or `.webp` or
 * else the only image by content, and a label, `KEY.cls`, or else `KEY.json` with `label` or `cls` in it. Class names are
 * the lines of `classnames.txt` in the folder, which numbers count from 0; without it they are the labels of the training
 * part, in order. What has no image or label is counted in the notes, and so is an image beside that of its example.
 *
 * @throws DataError naming the archive that is damaged, two files that are both an example's image, or the label that is
 *   no class.
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

/** The files of one key. */
interface Found {
  /** Its first file. */
  readonly file: string;
  /** Whether each is the example's own by its suffix, and its kind by its content. */
  readonly images: {
    readonly file: string;
    readonly own: boolean;
    readonly kind: ImageKind | undefined;
    /** Absent: a link that leads nowhere. */
    readonly data: Uint8Array | undefined;
  }[];
  label?: string | number;
  /** What a `.json` says, where there is no `.cls`. */
  json?: { readonly file: string; readonly data: Uint8Array };
}

/** Suffixes of the image of an example. */
const ownImage = /^(jpe?g|png|webp)$/;

async function readShard(path: string, dir: string, passed: PassedOver): Promise<Example[]> {
  const file = await readBytes(path);
  const shard = path.startsWith(`${dir}/`) ? path.slice(dir.length + 1) : path;
  const byKey = new Map<string, Found>();
  const seen = new Set<string>();
  const broken: { path: string; data: undefined }[] = [];
  const entries = readTar(isGzip(file) ? await gunzip(file, path) : file, path, (lost) =>
    broken.push({ path: lost, data: undefined }),
  );
  for (const { path: inner, data } of [...entries, ...broken]) {
    const [, key, suffix] = /^((?:.*\/)?[^/.]+)\.([^/]*)$/.exec(inner) ?? [];
    if (key === undefined) {
      passed.add(`${shard}/${inner}`, "hidden or of the system");
      continue;
    }
    if (seen.has(inner)) {
      throw new DataError(`${path}: "${inner}" is in it twice; pack it anew with one of them.`);
    }
    seen.add(inner);
    const example = byKey.get(key) ?? { file: inner, images: [] };
    byKey.set(key, example);
    const ending = suffix!.toLowerCase();
    const own = ownImage.test(ending);
    if (data === undefined) {
      passed.add(`${shard}/${inner}`, "broken link");
      if (own) example.images.push({ file: inner, own, kind: undefined, data });
      continue;
    }
    const image = imageKind(data.subarray(0, headLength));
    if (ending === "cls") example.label = numberOr(new TextDecoder().decode(data).trim());
    else if (ending === "json") example.json = { file: inner, data };
    else if (own || image !== undefined) {
      example.images.push({ file: inner, own, kind: image, data });
    }
  }
  const examples: Example[] = [];
  for (const found of byKey.values()) {
    const image = imageOf(found, path, (inner, why, convert) =>
      passed.add(`${shard}/${inner}`, why, convert),
    );
    const { json } = found;
    const label = found.label ?? (json && jsonLabel(json.data, `${path}: ${json.file}`));
    const name = `${shard}/${(image ?? found).file}`;
    if (image !== undefined && label !== undefined && label !== "") {
      examples.push({ path: `${path}: ${image.file}`, name, bytes: image.data, label });
    } else if (image !== undefined) passed.add(name, "without a label");
    else if (found.images.length === 0) passed.add(name, "without an image");
  }
  return examples;
}

/**
 * The image of an example: `KEY.jpg`, `.png` or `.webp`, or else the only image it has. The others are passed over, as
 * masks and depths are.
 *
 * @throws DataError naming two that are both called as the image of an example is.
 */
function imageOf(
  { images }: Found,
  path: string,
  pass: (file: string, why: string, convert?: boolean) => void,
): { readonly file: string; readonly data: Uint8Array } | undefined {
  const [first, second] = images.filter(({ own }) => own);
  if (first !== undefined && second !== undefined) {
    throw new DataError(
      `${path}: "${first.file}" and "${second.file}" are both the image of one example; leave one of them out.`,
    );
  }
  const image = first ?? (images.length === 1 ? images[0] : undefined);
  for (const one of images) {
    if (first !== undefined) {
      if (one !== first) pass(one.file, "beside the image of their example");
    } else if (one.kind?.read === false) pass(one.file, one.kind.name, true);
    else if (one !== image) pass(one.file, "of several images and none called KEY.jpg or KEY.png");
  }
  if (image?.data === undefined || (image !== first && image.kind?.read !== true)) return undefined;
  return { file: image.file, data: image.data };
}

/** What a `.cls` file says: the number of a class, or its name; numbers that are not kept apart are names. */
function numberOr(text: string): string | number {
  return /^(0|[1-9]\d*)$/.test(text) && Number.isSafeInteger(Number(text)) ? Number(text) : text;
}

function jsonLabel(data: Uint8Array, where: string): string | number | undefined {
  let said: unknown;
  try {
    said = parseJson(new TextDecoder().decode(data));
  } catch (cause) {
    throw new DataError(`${where}: this is no JSON (${(cause as Error).message}).`, { cause });
  }
  const { label, cls } = (said ?? {}) as { label?: unknown; cls?: unknown };
  return readLabel(label ?? cls, where);
}
