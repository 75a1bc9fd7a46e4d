/** Files, threads and Dawn on Node, and on Deno, which implements Node's modules: `#platform` there. */
import { createHash } from "node:crypto";
import { closeSync, constants, openSync, readFileSync, readlinkSync, readSync } from "node:fs";
import { mkdir, open, readdir, readFile, rename, rm, stat, utimes } from "node:fs/promises";
import { availableParallelism, hostname } from "node:os";
import { dirname, relative, resolve } from "node:path";
import { parentPort, Worker } from "node:worker_threads";
import type { Host, HostFiles, HostProcesses, HostThreads, ProcessId } from "./host.ts";
import { withoutLines } from "./native-errors.ts";
import { detectRuntime } from "./runtime.ts";

/** Makes a folder and its parents. Node's own way never ends where a parent takes no folders, as /proc. */
async function makeDir(path: string, mode?: number): Promise<void> {
  const make = (): Promise<void> => mkdir(path, mode);
  try {
    await make().catch(async (error: { code?: string }) => {
      if (error.code !== "ENOENT" || dirname(path) === path) throw error;
      await makeDir(dirname(path), mode);
      await make();
    });
  } catch (error) {
    const there = await stat(path).catch(() => undefined);
    if (there?.isDirectory() !== true) throw error;
  }
}

const files: HostFiles = {
  readBytes: async (path) => new Uint8Array(await readFile(path)),
  // At once: folders of many files are told by their heads, and a promise takes longer than the three calls.
  readHead(path, count) {
    // Who opens a pipe that nobody writes to would wait for ever.
    const file = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
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
  makeDir,
  async createFlushed(path, data, mode) {
    const file = await open(path, "wx", mode);
    try {
      await file.writeFile(data);
      await file.sync();
    } finally {
      await file.close();
    }
  },
  async append(path, data) {
    const file = await open(path, "a");
    try {
      const { size } = await file.stat();
      try {
        await file.writeFile(data);
      } catch (error) {
        await file.truncate(size);
        throw error;
      }
    } finally {
      await file.close();
    }
  },
  async touch(path) {
    const now = new Date();
    await utimes(path, now, now);
  },
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

/** What `read` gives; undefined where the system has no such file. */
function known(read: () => string): string | undefined {
  try {
    return read().trim();
  } catch {
    return undefined;
  }
}

/** When a process started, in ticks since the boot, where the system keeps /proc. */
function startOf(number: number | "self"): string | undefined {
  // After the name, which is in brackets and may hold anything.
  const stat = known(() => readFileSync(`/proc/${number}/stat`, "utf8"));
  return stat?.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
}

function ownProcess(): ProcessId {
  const boot = known(() => readFileSync("/proc/sys/kernel/random/boot_id", "utf8"));
  const namespace = known(() => readlinkSync("/proc/self/ns/pid"));
  return {
    machine: hostname(),
    place: [hostname(), boot, namespace].filter((part) => part !== undefined).join(" "),
    number: process.pid,
    started: startOf("self"),
  };
}

const processes: HostProcesses = {
  own: ownProcess(),
  runs({ number, started }) {
    if (number === process.pid && started === processes.own.started) return true;
    if (started !== undefined && processes.own.started !== undefined) {
      return startOf(number) === started;
    }
    try {
      process.kill(number, 0);
      return true;
    } catch (error) {
      const { code } = error as { code?: string };
      // Whoever may not send it a signal still knows that it is there; Deno may not even ask.
      return code === "ESRCH" ? false : code === "EPERM" ? true : undefined;
    }
  },
};

const packageName = "rewind-webgpu";

/** Reads the version; package.json lies two folders up in the sources, and three in the built package. */
async function version(): Promise<string> {
  for (const up of ["../../", "../../../"]) {
    const text = await readFile(new URL(`${up}package.json`, import.meta.url), "utf8").catch(
      () => "{}",
    );
    const found = JSON.parse(text) as { name?: unknown; version?: unknown };
    if (found.name === packageName && typeof found.version === "string") return found.version;
  }
  return "unknown";
}

export const host: Host = {
  version,
  files,
  threads,
  processes,
  md5: (bytes) => createHash("md5").update(bytes).digest("hex"),
  variable: (name) => process.env[name],
  async createGpu(options) {
    const { create, globals } = await import("webgpu");
    Object.assign(globalThis, globals);
    return create([...options]);
  },
  withoutLines,
};
