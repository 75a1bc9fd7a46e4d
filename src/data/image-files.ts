/**
 * Many image files at once: decoded by several threads, and kept decoded for the next start.
 *
 * The cache holds the pixels of one list of files under a digest of their names, sizes and times of change
 * and of what they become; any change makes another digest. It lies in `$REWIND_CACHE` (`off`: nowhere),
 * else in the user's cache folder, in parts: no runtime reads or hashes any number of bytes at once.
 */
import { sha256 } from "../platform/digest.ts";
import {
  cacheFolder,
  dirname,
  fileInfo,
  join,
  makeDir,
  readBytes,
  remove,
  writeAtomic,
} from "../platform/files.ts";
import { cores, startWorker, type TaskWorker } from "../platform/workers.ts";
import { DataError } from "../errors.ts";
import { type Dataset, pixelArray } from "./dataset.ts";
import { decodeFiles, type DecodeAnswer, type DecodeTask, SizeError } from "./decode-files.ts";
import { concat } from "./image-bytes.ts";
import { Remarks } from "./remarks.ts";

/** Fewer files are not worth a cache. */
const worthwhile = 512;

/** A thread takes about as long to start as it takes to decode so many small files. */
const filesPerThread = 2048;

const mostThreads = 8;

/** Files a thread gets at a time: small enough that all end together. */
const portion = 128;

/** Bytes of pixels in a file of the cache at most. Node reads files below 2 GiB and hashes less than that. */
const mostPart = 256 * 2 ** 20;

/** The thread's module: compiled code lies beside compiled code. */
const workerFile = `./decode-worker.${import.meta.url.endsWith(".ts") ? "ts" : "js"}`;

/** Settings of {@link loadImageFiles}; the defaults are what users want. */
export interface ImageFilesOptions {
  /** Threads; default: the cores there are, at most 8, and one for few files. */
  readonly threads?: number;
  /** Folder of the cache, or null for none; default: as the module says. */
  readonly cache?: string | null;
  /** Bytes of pixels in a file of the cache at most. */
  readonly partBytes?: number;
  /** Is told what is to be said of the images. */
  readonly remarks?: Remarks;
}

/** The pixels of files, [files, size, size, channels]. @throws DataError naming the first bad file. */
export async function loadImageFiles(
  task: DecodeTask,
  options: ImageFilesOptions = {},
): Promise<Uint8Array<ArrayBuffer>> {
  // What is in memory has no file whose times would tell that it changed.
  const many = task.paths.length >= worthwhile && task.contents === undefined;
  const useful = Math.min(mostThreads, Math.ceil(task.paths.length / filesPerThread));
  const { threads = Math.min(await cores(), useful) } = options;
  const folder = options.cache === undefined ? (many ? cacheFolder() : null) : options.cache;
  const { pixels, remarks } = await decodeOnce(task, threads, folder, options.partBytes);
  options.remarks?.add(remarks, 0);
  return pixels;
}

/** Pixels, and what is to be said of them. */
interface Decoded {
  readonly pixels: Uint8Array<ArrayBuffer>;
  readonly remarks: Remarks;
}

/** Decodes files unless the cache has them; then they are kept there. */
async function decodeOnce(
  task: DecodeTask,
  threads: number,
  folder: string | null,
  partBytes: number | undefined,
): Promise<Decoded> {
  if (folder === null) return decode(task, threads);
  const parts = await attempt("used", () => partsOf(folder, task, partBytes));
  if (parts === undefined) return decode(task, threads);
  const known = await attempt("read", () => readCache(parts, task));
  if (known !== undefined) return known;
  const decoded = await decode(task, threads);
  await attempt("written", () => writeCache(parts, decoded));
  return decoded;
}

/**
 * The files of a data set of square images. Where a task resizes to more than `own` pixels and all files
 * have `own`, they stay so, to be enlarged on the GPU (see {@link Dataset.stored}); else images are resized
 * here, one by one.
 */
export async function loadSquares(
  task: DecodeTask,
  own: number,
  options: ImageFilesOptions = {},
): Promise<Pick<Dataset, "height" | "width" | "stored" | "pixels">> {
  const shown = { height: task.size, width: task.size };
  if (task.resize && own < task.size && (task.crop ?? 1) === 1) {
    try {
      const pixels = await loadImageFiles({ ...task, size: own, resize: false }, options);
      return { ...shown, stored: { height: own, width: own }, pixels };
    } catch (error) {
      if (!(error instanceof SizeError)) throw error;
    }
  }
  return { ...shown, pixels: await loadImageFiles(task, options) };
}

/** Does work on the cache. The cache only saves time: whatever goes wrong there must not end the run. */
async function attempt<T>(act: string, work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    console.error(`rewind: the cache of decoded images is not ${act}: ${(error as Error).message}`);
    return undefined;
  }
}

/** A file of the cache, and the bytes of the pixels it holds. */
interface Part {
  readonly path: string;
  readonly start: number;
  readonly end: number;
}

async function partsOf(folder: string, task: DecodeTask, most = mostPart): Promise<Part[]> {
  const key = await keyOf(task);
  const bytes = task.paths.length * task.size * task.size * task.channels;
  return Array.from({ length: Math.max(1, Math.ceil(bytes / most)) }, (_, i) => ({
    path: join(folder, `pictures-${key}${i === 0 ? "" : `-${i}`}.bin`),
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
async function readCache(
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
  return { pixels, remarks };
}

async function writeCache(parts: readonly Part[], { pixels, remarks }: Decoded): Promise<void> {
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

async function decode(task: DecodeTask, threads: number): Promise<Decoded> {
  const remarks = new Remarks();
  const portions = Array.from({ length: Math.ceil(task.paths.length / portion) }, (_, i) => ({
    ...task,
    paths: task.paths.slice(i * portion, (i + 1) * portion),
    contents: task.contents?.slice(i * portion, (i + 1) * portion),
  }));
  const count = Math.min(threads, portions.length);
  if (count <= 1) return { pixels: await decodeFiles(task, remarks), remarks };
  const bytes = task.size * task.size * task.channels;
  const pixels = pixelArray(task.paths.length, task.size, task.size, task.channels);
  const workers: TaskWorker[] = [];
  // The first bad file in the list's order is reported, whichever thread meets one first.
  const errors = new Map<number, DataError>();
  let next = 0;
  const work = async (worker: TaskWorker): Promise<void> => {
    for (let i = next++; i < portions.length && errors.size === 0; i = next++) {
      const answer = (await worker.ask(portions[i])) as DecodeAnswer;
      if ("pixels" in answer) {
        pixels.set(answer.pixels, i * portion * bytes);
        remarks.add(answer.remarks, i * portion);
      } else errors.set(i, new (answer.size ? SizeError : DataError)(answer.error));
    }
  };
  try {
    for (let i = 0; i < count; i++) {
      workers.push(await startWorker(new URL(workerFile, import.meta.url)));
    }
    await Promise.all(workers.map(work));
  } finally {
    for (const worker of workers) worker.end();
  }
  const [first] = [...errors.keys()].sort((a, b) => a - b);
  if (first !== undefined) throw errors.get(first)!;
  return { pixels, remarks };
}
