/** Files and threads on Node and Deno (which implements these modules). Loaded by files.ts and workers.ts. */
import { appendFile, mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { parentPort, Worker } from "node:worker_threads";
import { detectRuntime } from "./gpu.ts";

export const readBytes = async (path: string | URL): Promise<Uint8Array<ArrayBuffer>> =>
  new Uint8Array(await readFile(path));

export const fileInfo = async (
  path: string,
): Promise<{ size: number; modified: number; directory: boolean }> => {
  const info = await stat(path);
  return { size: info.size, modified: info.mtimeMs, directory: info.isDirectory() };
};

export const listDir = async (path: string): Promise<string[]> => (await readdir(path)).sort();

export const makeDir = async (path: string): Promise<void> => {
  await mkdir(path, { recursive: true });
};

/** Writes and flushes to the disk, so that a rename after it never exposes a part of the file. */
export const writeFlushed = async (path: string, data: Uint8Array | string): Promise<void> => {
  const file = await open(path, "w");
  try {
    await file.writeFile(data);
    await file.sync();
  } finally {
    await file.close();
  }
};

export const append = async (path: string, data: Uint8Array | string): Promise<void> =>
  appendFile(path, data);

export const remove = async (path: string): Promise<void> =>
  rm(path, { recursive: true, force: true });

export { availableParallelism, rename };

/**
 * A thread from a TypeScript module. In development the sources run with a loader, tsx. Node 20 does not pass it
 * on to threads, so the thread registers it itself; Deno needs none.
 */
function typeScriptWorker(url: URL): Worker {
  if (detectRuntime() === "deno") return new Worker(url);
  const loader = JSON.stringify(import.meta.resolve("tsx/esm/api"));
  const start = `import(${loader}).then(({ register }) => (register(), import(${JSON.stringify(url.href)})))`;
  return new Worker(start, { eval: true });
}

/** Starts a thread; `fail` is also called when it ends. */
export function openWorker(
  url: URL,
  { answer, fail }: { answer: (message: unknown) => void; fail: (error: Error) => void },
): { post: (message: unknown) => void; end: () => void } {
  const worker = url.pathname.endsWith(".ts") ? typeScriptWorker(url) : new Worker(url);
  worker.on("message", answer);
  worker.on("error", fail);
  // No class of errors.ts: neither the caller nor a file is at fault when a thread ends early.
  worker.on("exit", () => fail(new Error("a thread ended before its work was done.")));
  return {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
    post: (message) => worker.postMessage(message),
    end: () => void worker.terminate(),
  };
}

/** What a thread answers; `move`: buffers handed over instead of copied. */
export interface Answer {
  readonly answer: unknown;
  readonly move?: readonly ArrayBuffer[];
}

/** Answers the messages of the thread that started this one. */
export function serveWorker(work: (message: unknown) => Promise<Answer>): void {
  parentPort!.on("message", (message) => {
    void work(message).then(({ answer, move = [] }) => parentPort!.postMessage(answer, [...move]));
  });
}
