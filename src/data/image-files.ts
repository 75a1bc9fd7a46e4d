/** Many image files at once: decoded by several threads, and kept decoded for the next start (image-cache.ts). */
import { cacheFolder } from "../platform/files.ts";
import { cores, startWorker, type TaskWorker } from "../platform/workers.ts";
import { DataError } from "../errors.ts";
import { type Dataset, pixelArray } from "./dataset.ts";
import { decodeFiles, type DecodeAnswer, type DecodeTask, SizeError } from "./decode-files.ts";
import { type Decoded, partsOf, readCache, writeCache } from "./image-cache.ts";
import { Remarks } from "./remarks.ts";
import type { LoadWatch } from "./source.ts";

/** Fewer files are not worth a cache. */
const worthwhile = 512;

/** A thread takes about as long to start as it takes to decode so many small files. */
const filesPerThread = 2048;

const mostThreads = 8;

/** Files a thread gets at a time: small enough that all end together. */
const portion = 128;

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
  readonly watch?: LoadWatch | undefined;
}

/** The pixels of files, [files, size, size, channels]. @throws DataError naming the first bad file, or what a watch ends it with. */
export async function loadImageFiles(
  task: DecodeTask,
  options: ImageFilesOptions = {},
): Promise<Uint8Array<ArrayBuffer>> {
  // What is in memory has no file whose times would tell that it changed.
  const many = task.paths.length >= worthwhile && task.contents === undefined;
  const useful = Math.min(mostThreads, Math.ceil(task.paths.length / filesPerThread));
  const { threads = Math.min(await cores(), useful) } = options;
  const folder = options.cache === undefined ? (many ? cacheFolder() : null) : options.cache;
  const { remarks: told = new Remarks(), partBytes, watch } = options;
  const { pixels, remarks } = await decodeOnce(task, { threads, folder, partBytes, watch }, told);
  told.add(remarks, 0);
  return pixels;
}

/** Decodes files unless the cache has them; then they are kept there. The cache only saves time: a fault of it is told. */
async function decodeOnce(
  task: DecodeTask,
  {
    threads,
    folder,
    partBytes,
    watch,
  }: {
    threads: number;
    folder: string | null;
    partBytes: number | undefined;
    watch: LoadWatch | undefined;
  },
  { complaints }: Remarks,
): Promise<Decoded> {
  const attempt = async <T>(act: string, work: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await work();
    } catch (error) {
      complaints.push(`the cache of decoded images is not ${act}: ${(error as Error).message}`);
      return undefined;
    }
  };
  if (folder === null) return decode(task, threads, watch);
  const parts = await attempt("used", () => partsOf(folder, task, partBytes));
  if (parts === undefined) return decode(task, threads, watch);
  const known = await attempt("read", () => readCache(parts, task));
  if (known !== undefined) return known;
  const decoded = await decode(task, threads, watch);
  await attempt("written", () => writeCache(folder, parts, decoded));
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

async function decode(task: DecodeTask, threads: number, watch: LoadWatch = {}): Promise<Decoded> {
  const remarks = new Remarks();
  const portions = Array.from({ length: Math.ceil(task.paths.length / portion) }, (_, i) => ({
    ...task,
    paths: task.paths.slice(i * portion, (i + 1) * portion),
    contents: task.contents?.slice(i * portion, (i + 1) * portion),
  }));
  const count = Math.min(threads, portions.length);
  if (count <= 1) return { pixels: await decodeFiles(task, remarks, watch), remarks };
  const bytes = task.size * task.size * task.channels;
  const pixels = pixelArray(task.paths.length, task.size, task.size, task.channels);
  const workers: TaskWorker[] = [];
  // The first bad file in the list's order is reported, whichever thread meets one first.
  const errors = new Map<number, DataError>();
  let next = 0;
  const work = async (worker: TaskWorker): Promise<void> => {
    for (let i = next++; i < portions.length && errors.size === 0; i = next++) {
      watch.signal?.throwIfAborted();
      const answer = (await worker.ask(portions[i])) as DecodeAnswer;
      if ("pixels" in answer) {
        pixels.set(answer.pixels, i * portion * bytes);
        remarks.add(answer.remarks, i * portion);
        watch.progress?.(Math.min(next * portion, task.paths.length), task.paths.length);
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
