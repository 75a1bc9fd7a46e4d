/** Image files of a folder and the folders in it, told by content, and what is passed over. */
import { fileInfo, listDir, readHead } from "../platform/files.ts";
import { DataError } from "../errors.ts";
import { headLength, imageKind } from "./image-kinds.ts";

/** An image file. */
export interface ImageFile {
  readonly path: string;
  /** Path within the data set: what the image is called. */
  readonly name: string;
}

/** What was passed over, to be said in a sentence. */
export class PassedOver {
  readonly #files = new Map<string, { kind: string; image: boolean }>();

  /** @param kind "GIF", ".txt", "hidden". @param image it is an image, of a kind that is not read. */
  add(name: string, kind: string, image = false): void {
    this.#files.set(name, { kind, image });
  }

  has(name: string): boolean {
    return this.#files.has(name);
  }

  delete(name: string): void {
    this.#files.delete(name);
  }

  /** "17 files passed over: 12 GIF, 5 .txt; the first: train/a/x.gif. …"; nothing if there are none. */
  get notes(): string[] {
    const [first] = this.#files.keys();
    if (first === undefined) return [];
    const kinds = new Map<string, number>();
    for (const { kind } of this.#files.values()) kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
    const parts = [...kinds].sort(([, a], [, b]) => b - a).map(([kind, n]) => `${n} ${kind}`);
    const files = this.#files.size === 1 ? "1 file" : `${this.#files.size} files`;
    const advice = [...this.#files.values()].some(({ image }) => image)
      ? " Convert images of other kinds to PNG or JPEG to use them."
      : "";
    return [`${files} passed over: ${parts.join(", ")}; the first: ${first}.${advice}`];
  }
}

/** Order by Unicode code points, which is that of UTF-8 bytes; sort() compares UTF-16 units. */
export function byCodePoint(a: string, b: string): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) {
    const [x, y] = [a.charCodeAt(i), b.charCodeAt(i)];
    if (x !== y) return rank(x) - rank(y);
  }
  return a.length - b.length;
}

/** Surrogates stand for code points above all others. */
const rank = (unit: number): number =>
  unit >= 0xe000 ? unit - 0x800 : unit >= 0xd800 ? unit + 0x2000 : unit;

/** Hidden files, and what systems leave in folders. */
const isLitter = (name: string): boolean =>
  name.startsWith(".") || ["__MACOSX", "Thumbs.db", "desktop.ini"].includes(name);

/** Suffixes that say that a file is an image of a kind that is read: if it is not, it is damaged. */
const claimed = /\.(jpe?g|jpe|jfif|png|webp)$/i;

/** Folders in each other at most: more are a link that leads back. */
const deepest = 32;

/** Files looked at at once. */
const atOnce = 64;

/** What lies in a folder. */
export interface Listing {
  /** In code-point order, as `folders`. */
  readonly images: readonly ImageFile[];
  /** Names of the folders in it. */
  readonly folders: readonly string[];
}

/** Looks at one folder. `name`: the folder's within the data set, "" for the data set itself. */
export async function listFolder(dir: string, name: string, passed: PassedOver): Promise<Listing> {
  const folder = name === "" ? dir : `${dir}/${name}`;
  const names = (await listDir(folder)).sort(byCodePoint);
  const images: ImageFile[] = [];
  const folders: string[] = [];
  for (let start = 0; start < names.length; start += atOnce) {
    const batch = names.slice(start, start + atOnce);
    const looks = await Promise.all(batch.map((file) => look(`${folder}/${file}`, file)));
    for (const [i, file] of batch.entries()) {
      const inSet = name === "" ? file : `${name}/${file}`;
      const { kind, image } = looks[i]!;
      if (kind === "folder") folders.push(file);
      else if (kind === undefined) images.push({ path: `${folder}/${file}`, name: inSet });
      else passed.add(inSet, kind, image);
    }
  }
  return { images, folders };
}

/** All images of a folder, its own first, then those of the folders in it. */
export async function findImages(
  dir: string,
  name: string,
  passed: PassedOver,
  depth = 0,
): Promise<ImageFile[]> {
  if (depth > deepest) {
    throw new DataError(
      `${dir}/${name}: more than ${deepest} folders in each other; does a link lead back to one of them?`,
    );
  }
  const { images, folders } = await listFolder(dir, name, passed);
  const all = [...images];
  for (const folder of folders) {
    const inner = name === "" ? folder : `${name}/${folder}`;
    for (const image of await findImages(dir, inner, passed, depth + 1)) all.push(image);
  }
  return all;
}

/** What is at a path: "folder", why it is passed over, or no kind for an image to take. */
async function look(path: string, name: string): Promise<{ kind?: string; image?: true }> {
  if (isLitter(name)) return { kind: "hidden or of the system" };
  let head: Uint8Array;
  try {
    head = await readHead(path, headLength);
  } catch (error) {
    // What cannot be read is looked at: most of what lies in a folder are files.
    const info = await fileInfo(path);
    if (info === undefined) return { kind: "broken link" };
    if (info.directory) return { kind: "folder" };
    const { code } = ((error as Error).cause ?? {}) as { code?: string };
    if (code === "ESPIPE") return { kind: "pipe" };
    throw error;
  }
  const kind = imageKind(head);
  if (kind !== undefined) return kind.read ? {} : { kind: kind.name, image: true };
  if (claimed.test(name)) return {};
  return { kind: /.(\.\w+)$/.exec(name)?.[1]?.toLowerCase() ?? "without a suffix" };
}
