/**
 * Many picture files at once: decoded by several threads, and kept decoded for the next start.
 *
 * The cache holds the pixels of one list of files under a digest of their names, sizes and times of change
 * and of what they become; any change makes another digest. It lies in `$REWIND_CACHE` (`off`: nowhere),
 * else in the user's cache folder.
 */
import { sha256 } from "../platform/digest.ts";
import {
  cacheFolder,
  dirname,
  exists,
  fileInfo,
  join,
  makeDir,
  readBytes,
  writeAtomic,
} from "../platform/files.ts";
import { cores, startWorker, type TaskWorker } from "../platform/workers.ts";
import { DataError } from "./dataset.ts";
import { decodeFiles, type DecodeTask } from "./decode-files.ts";

/** Fewer files are not worth a cache. */
const worthwhile = 512;

/** A thread takes about as long to start as it takes to decode so many small files. */
const filesPerThread = 2048;

const mostThreads = 8;

/** Files a thread gets at a time: small enough that all end together. */
const portion = 128;

/** The thread's module: compiled code lies beside compiled code. */
const workerFile = `./decode-worker.${import.meta.url.endsWith(".ts") ? "ts" : "js"}`;

/** Settings of {@link loadPictureFiles}; the defaults are what users want. */
export interface PictureFilesOptions {
  /** Threads; default: the cores there are, at most 8, and one for few files. */
  readonly threads?: number;
  /** Folder of the cache, or null for none; default: as the module says. */
  readonly cache?: string | null;
}

/** The pixels of files, [files, size, size, channels]. @throws DataError naming the first bad file. */
export async function loadPictureFiles(
  task: DecodeTask,
  options: PictureFilesOptions = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const many = task.paths.length >= worthwhile;
  const useful = Math.min(mostThreads, Math.ceil(task.paths.length / filesPerThread));
  const { threads = Math.min(await cores(), useful) } = options;
  const folder = options.cache === undefined ? (many ? cacheFolder() : null) : options.cache;
  if (folder === null) return decode(task, threads);
  const path = join(folder, `pictures-${await keyOf(task)}.bin`);
  const known = await readCache(path, task);
  if (known !== undefined) return known;
  const pixels = await decode(task, threads);
  await writeCache(path, pixels);
  return pixels;
}

async function keyOf({ paths, ...settings }: DecodeTask): Promise<string> {
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
  const text = JSON.stringify({ version: 1, settings, files });
  return (await sha256(new TextEncoder().encode(text))).slice(0, 32);
}

/** Characters of a SHA-256 in hex: what a cache file starts with. */
const digestLength = 64;

/** The pixels of a cache file; undefined if there is none, or it is damaged (and will be made again). */
async function readCache(
  path: string,
  { paths, size, channels }: DecodeTask,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  if (!(await exists(path))) return undefined;
  const file = await readBytes(path);
  const pixels = file.slice(digestLength);
  if (pixels.length !== paths.length * size * size * channels) return undefined;
  const digest = new TextDecoder().decode(file.subarray(0, digestLength));
  return digest === (await sha256(pixels)) ? pixels : undefined;
}

async function writeCache(path: string, pixels: Uint8Array<ArrayBuffer>): Promise<void> {
  const digest = new TextEncoder().encode(await sha256(pixels));
  const file = new Uint8Array(digestLength + pixels.length);
  file.set(digest);
  file.set(pixels, digestLength);
  try {
    await makeDir(dirname(path));
    await writeAtomic(path, file);
  } catch (error) {
    // A cache is a convenience: a read-only or full disk must not stop the run.
    console.error(`rewind: decoded pictures are not kept: ${(error as Error).message}`);
  }
}

async function decode(task: DecodeTask, threads: number): Promise<Uint8Array<ArrayBuffer>> {
  const portions = Array.from({ length: Math.ceil(task.paths.length / portion) }, (_, i) => ({
    ...task,
    paths: task.paths.slice(i * portion, (i + 1) * portion),
  }));
  const count = Math.min(threads, portions.length);
  if (count <= 1) return decodeFiles(task);
  const bytes = task.size * task.size * task.channels;
  const pixels = new Uint8Array(task.paths.length * bytes);
  const workers: TaskWorker[] = [];
  // The first bad file in the list's order is reported, whichever thread meets one first.
  const errors = new Map<number, string>();
  let next = 0;
  const work = async (worker: TaskWorker): Promise<void> => {
    for (let i = next++; i < portions.length && errors.size === 0; i = next++) {
      const answer = (await worker.ask(portions[i])) as { pixels?: Uint8Array; error?: string };
      if (answer.pixels === undefined) errors.set(i, answer.error ?? "decoding failed");
      else pixels.set(answer.pixels, i * portion * bytes);
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
  if (first !== undefined) throw new DataError(errors.get(first)!);
  return pixels;
}
