/** Files, threads and Dawn on Node, and on Deno, which implements Node's modules: `#platform` there. */
import { createHash } from "node:crypto";
import { closeSync, openSync, readSync } from "node:fs";
import { appendFile, mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { relative, resolve } from "node:path";
import { parentPort, Worker } from "node:worker_threads";
import type { Host, HostFiles, HostThreads } from "./host.ts";
import { detectRuntime } from "./runtime.ts";

const files: HostFiles = {
  readBytes: async (path) => new Uint8Array(await readFile(path)),
  // At once: folders of many files are told by their heads, and a promise takes longer than the three calls.
  readHead(path, count) {
    const file = openSync(path, "r");
    try {
      const bytes = new Uint8Array(count);
      return bytes.subarray(0, readSync(file, bytes, 0, count, 0));
    } finally {
      closeSync(file);
    }
  },
  async info(path) {
    const info = await stat(path);
    return { size: info.size, modified: info.mtimeMs, directory: info.isDirectory() };
  },
  list: async (path) => (await readdir(path)).sort(),
  async makeDir(path) {
    await mkdir(path, { recursive: true });
  },
  async writeFlushed(path, data) {
    const file = await open(path, "w");
    try {
      await file.writeFile(data);
      await file.sync();
    } finally {
      await file.close();
    }
  },
  append: (path, data) => appendFile(path, data),
  remove: (path) => rm(path, { recursive: true, force: true }),
  rename,
  absolute: (path) => resolve(path),
  relative,
};

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

const threads: HostThreads = {
  cores: availableParallelism,
  open(url, { answer, fail }) {
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
  },
  serve(work) {
    parentPort!.on("message", (message) => {
      void work(message).then(({ answer, move = [] }) =>
        parentPort!.postMessage(answer, [...move]),
      );
    });
  },
};

export const host: Host = {
  files,
  threads,
  md5: (bytes) => createHash("md5").update(bytes).digest("hex"),
  variable: (name) => process.env[name],
  async createGpu(options) {
    const { create, globals } = await import("webgpu");
    Object.assign(globalThis, globals);
    return create([...options]);
  },
};
