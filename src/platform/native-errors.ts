/** What native code prints to the terminal while it is called: for Dawn, which has no setting for it. */
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isatty } from "node:tty";
import { detectRuntime } from "./runtime.ts";

/** Descriptor of a process's errors. */
const errors = 2;

/**
 * Calls a function, and prints what native code has written to the terminal as errors during the call, without the lines
 * that `hidden` matches.
 *
 * Where errors do not go to a terminal, or the system has no `/dev/fd`, it only calls the function: a file or a pipe
 * keeps every line. No thread of the process may open a file during the call: it might get the descriptor of the errors.
 * What the program itself prints is not touched, as Node has opened the terminal for itself.
 */
export function withoutLines<T>(hidden: RegExp, call: () => T): T {
  if (detectRuntime() !== "node" || process.platform === "win32" || !isatty(errors)) return call();
  // Node opens the terminal when the stream is first asked for.
  const { stderr } = process;
  const open: number[] = [];
  const folder = mkdtempSync(join(tmpdir(), "rewind-errors-"));
  const path = join(folder, "errors.txt");
  try {
    try {
      open.push(openSync(path, "ax", 0o600), openSync(`/dev/fd/${errors}`, "w"));
    } catch {
      return call();
    }
    replace(errors, open[0]!);
    try {
      return call();
    } finally {
      replace(errors, open[1]!);
      const lines = readFileSync(path, "utf8").split(/(?<=\n)/);
      stderr.write(lines.filter((line) => !hidden.test(line)).join(""));
    }
  } finally {
    for (const file of open) closeSync(file);
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Lets a descriptor name what another names: the system gives a file that is opened the lowest one that is free. */
function replace(descriptor: number, by: number): void {
  closeSync(descriptor);
  openSync(`/dev/fd/${by}`, "a");
}
