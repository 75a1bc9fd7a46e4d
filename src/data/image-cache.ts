/**
 * Decoded images of earlier starts.
 *
 * The cache holds the pixels of one list of files under a digest of their names, sizes and times of change and of what they
 * become; any change makes another digest. It lies in `$REWIND_CACHE` (`off`: nowhere), else in the user's cache folder,
 * in parts: no runtime reads or hashes any number of bytes at once. Its files can be read by their owner alone, and
 * together they have 8 GiB at most, or the GiB of `$REWIND_CACHE_LIMIT`.
 */
import { host } from "#platform";
import { UsageError } from "../errors.ts";
import { sha256 } from "../platform/digest.ts";
import {
  dirname,
  exists,
  fileInfo,
  isLeftover,
  join,
  listDir,
  makeDir,
  readBytes,
  remove,
  touch,
  writeAtomic,
} from "../platform/files.ts";
import { pixelArray } from "./dataset.ts";
import type { DecodeTask } from "./decode-files.ts";
import { concat } from "./image-bytes.ts";
import { Remarks } from "./remarks.ts";

/** Bytes of pixels in a file of the cache at most. Node reads files below 2 GiB and hashes less than that. */
const mostPart = 256 * 2 ** 20;

/** Pixels, and what is to be said of them. */
export interface Decoded {
  readonly pixels: Uint8Array<ArrayBuffer>;
  readonly remarks: Remarks;
}

/** What the names of all files of the cache begin with. */
const prefix = "pictures-";

/** Age at which a file that was never finished is nobody's any more, in ms. */
const abandoned = 3_600_000;

/** A file of the cache on the disk. */
export interface CacheFile {
  readonly path: string;
  readonly size: number;
  /** When it was last used, in ms since 1970. */
  readonly used: number;
  /** What was never finished. */
  readonly leftover: boolean;
}

/** The files of a cache; none where there is no such folder. */
export async function cacheFiles(folder: string): Promise<CacheFile[]> {
  if (!(await exists(folder))) return [];
  const files: CacheFile[] = [];
  for (const name of await listDir(folder)) {
    if (!name.startsWith(prefix)) continue;
    const path = join(folder, name);
    const info = await fileInfo(path);
    // Another process may have removed it.
    if (info === undefined) continue;
    files.push({ path, size: info.size, used: info.modified, leftover: isLeftover(name) });
  }
  return files;
}

/** Bytes that the files of the cache may have together. @throws UsageError where the variable holds no number. */
export function cacheLimit(): number {
  const said = host.variable?.("REWIND_CACHE_LIMIT");
  const limit = said === undefined || said.trim() === "" ? 8 : Number(said);
  if (limit >= 0) return limit * 2 ** 30;
  throw new UsageError(`REWIND_CACHE_LIMIT is "${said}": it takes a number of GiB, 0 or more.`);
}

/** Removes what was not used for longest until so many bytes fit; false if they never do. */
async function makeRoom(folder: string, bytes: number): Promise<boolean> {
  const limit = cacheLimit();
  if (bytes > limit) return false;
  let total = bytes;
  const files = (await cacheFiles(folder)).sort((a, b) => b.used - a.used);
  for (const { path, size, used, leftover } of files) {
    if (leftover ? Date.now() - used > abandoned : total + size > limit) await remove(path);
    else total += size;
  }
  return true;
}

/** Removes all files of a cache; returns them. */
export async function clearCache(folder: string): Promise<CacheFile[]> {
  const files = await cacheFiles(folder);
  for (const { path } of files) await remove(path);
  return files;
}

/** A file of the cache, and the bytes of the pixels it holds. */
export interface Part {
  readonly path: string;
  readonly start: number;
  readonly end: number;
}

/** Where the cache has, or gets, what a task makes. */
export async function partsOf(folder: string, task: DecodeTask, most = mostPart): Promise<Part[]> {
  const key = await keyOf(task);
  const bytes = task.paths.length * task.size * task.size * task.channels;
  return Array.from({ length: Math.max(1, Math.ceil(bytes / most)) }, (_, i) => ({
    path: join(folder, `${prefix}${key}${i === 0 ? "" : `-${i}`}.bin`),
    start: i * most,
    end: Math.min(bytes, (i + 1) * most),
  }));
}

async function keyOf({ paths, channels, size, resize, crop }: DecodeTask): Promise<string> {
  const files: (readonly [string, number, number])[] = [];
  for (let start = 0; start < paths.length; start += 1024) {
    const batch = paths.slice(start, start + 1024);
    files.push(
      ...(await Promise.all(
        batch.map(async (path) => {
          const info = await fileInfo(path);
          return [path, info?.size ?? 0, info?.modified ?? 0] as const;
        }),
      )),
    );
  }
  const text = JSON.stringify({ version: 2, channels, size, resize, crop, files });
  return (await sha256(new TextEncoder().encode(text))).slice(0, 32);
}

/** Characters of a SHA-256 in hex: what a file of the cache starts with. */
const digestLength = 64;

/** Bytes of {@link Remarks.numbers}, which follow the pixels of the last part where there is something to say. */
const remarksLength = 16;

/** The pixels in the cache; undefined if a part is not there or damaged (and will be made again). */
export async function readCache(
  parts: readonly Part[],
  { paths, size, channels }: DecodeTask,
): Promise<Decoded | undefined> {
  for (const { path, start, end } of parts) {
    // Before it is read: a file of another length may be too large for that.
    const more = ((await fileInfo(path))?.size ?? 0) - digestLength - (end - start);
    if (more !== 0 && !(more === remarksLength && path === parts.at(-1)!.path)) return undefined;
  }
  const pixels = pixelArray(paths.length, size, size, channels);
  let remarks = new Remarks();
  for (const { path, start, end } of parts) {
    const file = await readBytes(path);
    const digest = new TextDecoder().decode(file.subarray(0, digestLength));
    const part = file.subarray(digestLength);
    if (digest !== (await sha256(part))) return undefined;
    pixels.set(part.subarray(0, end - start), start);
    const said = part.slice(end - start);
    if (said.length > 0) remarks = Remarks.of([...new Uint32Array(said.buffer)]);
  }
  for (const { path } of parts) await touch(path);
  return { pixels, remarks };
}

/** Keeps pixels, where that leaves the cache within its bound; what was not used for longest makes room. */
export async function writeCache(
  folder: string,
  parts: readonly Part[],
  { pixels, remarks }: Decoded,
): Promise<void> {
  if (!(await makeRoom(folder, pixels.length))) return;
  const { numbers } = remarks;
  const said = new Uint8Array(Uint32Array.from(numbers.some((n) => n > 0) ? numbers : []).buffer);
  try {
    for (const [i, { path, start, end }] of parts.entries()) {
      const part = concat([
        pixels.subarray(start, end),
        i === parts.length - 1 ? said : said.subarray(0, 0),
      ]);
      const file = concat([new TextEncoder().encode(await sha256(part)), part]);
      await makeDir(dirname(path), { ownerOnly: true });
      await writeAtomic(path, file, { ownerOnly: true });
    }
  } catch (error) {
    // Some of the parts are of no use, and a disk may be full of them.
    for (const { path } of parts) await remove(path).catch(() => undefined);
    throw error;
  }
}
