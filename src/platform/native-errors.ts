/** What native code prints as errors while it is called: for Dawn, which has no setting for it. */
import { closeSync, fstatSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isatty } from "node:tty";
import { isMainThread } from "node:worker_threads";
import { detectRuntime } from "./runtime.ts";

/** Descriptor of a process's errors. */
const errors = 2;

/** Whether what errors go to can be opened again at the same place: a file would be written over by who else has it. */
function canBeReopened(): boolean {
  return isatty(errors) || fstatSync(errors).isFIFO();
}

/** Whether a file that this thread has asked for is still being opened or read: then one may be opened at any moment. */
function opensFiles(): boolean {
  return process.getActiveResourcesInfo().some((one) => one.startsWith("FSReq"));
}

/**
 * Calls a function, and prints what native code has written as errors during the call, without the lines that `hidden`
 * matches.
 *
 * Where errors go neither to a terminal nor into a pipe, where the system has no `/dev/fd`, in a worker thread and while
 * files are read, it only calls the function. No other thread of the process may open a file during the call: it might get
 * the descriptor of the errors.
 */
export function withoutLines<T>(hidden: RegExp, call: () => T): T {
  const possible = detectRuntime() === "node" && process.platform !== "win32" && isMainThread;
  if (!possible || !canBeReopened() || opensFiles()) return call();
  // Node opens a terminal for itself when the stream is first asked for.
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
