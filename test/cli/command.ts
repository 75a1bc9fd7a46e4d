/** The command line as a child process, on the runtime the test runs on. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { tmpdir } from "node:os";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { cacheFolder } from "../../src/platform/files.ts";

/** The repository's root, where command lines run. */
export const root = fileURLToPath(new URL("../..", import.meta.url));
export const deno = (globalThis as { Deno?: unknown }).Deno !== undefined;

const main = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));
const each = fileURLToPath(new URL("each.mjs", import.meta.url));
const built = process.env["REWIND_BUILT"];

/**
 * What SECURITY.md says is enough on Deno: every file is read, but only the folder of the tests' results and the cache
 * are written; no network, no process.
 */
const permissions: readonly string[] = [
  ...["--no-prompt", "--allow-read", "--allow-env", "--allow-sys"],
  `--allow-write=${[tmpdir(), cacheFolder() ?? tmpdir()].join(",")}`,
];

/**
 * What `process.execPath` takes before a command's words. On Node that is the built command line where
 * the test runner has built one, which starts in half the time, and the source otherwise.
 */
export const before: readonly string[] = deno
  ? ["run", ...permissions, main]
  : built === undefined
    ? ["--import", "tsx", main]
    : [built];

/** As {@link before}; on Deno with every permission, for a test with a file of the system. */
export const beforeWithAll: readonly string[] = deno ? ["run", "-A", main] : before;

/** What a command line has said. */
export interface Said {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs the command line as a user would, and waits for its end. */
export function rewind(...words: string[]): Said {
  return rewindIn(root, ...words);
}

/** As {@link rewind}, from another folder. */
export function rewindIn(cwd: string, ...words: string[]): Said {
  const { status, stdout, stderr } = spawnSync(process.execPath, [...before, ...words], {
    encoding: "utf8",
    cwd,
  });
  return { code: status, out: stdout, err: stderr };
}

/**
 * Command lines of one process, for tests of what a command does, prints or refuses: all but the first start in no time,
 * and kernels that one of them has compiled the next finds. What a process of its own does, {@link rewind} tests.
 */
export class CommandLines {
  #process: ChildProcess | undefined;
  #answers: AsyncIterator<string> | undefined;

  /** As {@link rewind}; one at a time. */
  run(...words: string[]): Promise<Said> {
    return this.runIn(root, ...words);
  }

  /** As {@link rewindIn}; one at a time. */
  async runIn(cwd: string, ...words: string[]): Promise<Said> {
    this.#process ??= spawn(process.execPath, [...before.slice(0, -1), each, before.at(-1)!], {
      cwd: root,
      stdio: ["pipe", "pipe", "inherit"],
    });
    this.#answers ??= createInterface({ input: this.#process.stdout! })[Symbol.asyncIterator]();
    this.#process.stdin!.write(`${JSON.stringify({ cwd, words })}\n`);
    const { value, done } = await this.#answers.next();
    if (done === true) throw new Error(`the process ended at: rewind ${words.join(" ")}`);
    return JSON.parse(value) as Said;
  }

  /** Lets the process end, and waits for it: what it took is then its parent's. */
  async close(): Promise<void> {
    const child = this.#process;
    if (child === undefined) return;
    const ended = new Promise((resolve) => child.once("close", resolve));
    child.stdin!.end();
    await ended;
  }
}
