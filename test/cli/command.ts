/** The command line as a child process, on the runtime the test runs on. */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

/** The repository's root, where command lines run. */
export const root = fileURLToPath(new URL("../..", import.meta.url));
export const deno = (globalThis as { Deno?: unknown }).Deno !== undefined;

const main = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));
const built = process.env["REWIND_BUILT"];

/**
 * What `process.execPath` takes before a command's words. On Node that is the built command line where
 * the test runner has built one, which starts in half the time, and the source otherwise.
 */
export const before: readonly string[] = deno
  ? ["run", "-A", main]
  : built === undefined
    ? ["--import", "tsx", main]
    : [built];

/** What a command line has said. */
export interface Said {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs the command line as a user would, and waits for its end. */
export function rewind(...words: string[]): Said {
  const { status, stdout, stderr } = spawnSync(process.execPath, [...before, ...words], {
    encoding: "utf8",
    cwd: root,
  });
  return { code: status, out: stdout, err: stderr };
}
