/** Interruption of a command by its user. */
import { say } from "./output.ts";

/** What is said where work was interrupted. */
const goesOn = "\ninterrupting after the steps under way; run the same command again to continue";

/** A signal that Ctrl-C (or SIGTERM) aborts; a second Ctrl-C ends the process at once. @param words what is said then. */
export function interruptSignal(words: string = goesOn): AbortSignal {
  const controller = new AbortController();
  const stop = (): void => {
    if (controller.signal.aborted) process.exit(130);
    say(words);
    controller.abort(
      new DOMException("interrupted; run the same command again to continue.", "AbortError"),
    );
  };
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
  return controller.signal;
}

/** What `--minutes` leaves: `signal` aborts at an interruption as well. */
export interface TimeLimit {
  readonly signal: AbortSignal;
  /** Whether an error is the end of the time, and no interruption by the user. */
  isEnd(error: unknown): boolean;
}

/** An {@link interruptSignal} that also aborts after some minutes; undefined: never. */
export function timeLimit(minutes: number | undefined): TimeLimit {
  const interrupted = interruptSignal();
  if (minutes === undefined) return { signal: interrupted, isEnd: () => false };
  const end = new AbortController();
  const reason = new DOMException("the time of `minutes` is spent.", "AbortError");
  const timer = setTimeout(() => end.abort(reason), 60_000 * minutes);
  // It keeps no process alive that is done.
  if (typeof timer === "object") timer.unref();
  return {
    signal: AbortSignal.any([interrupted, end.signal]),
    isEnd: (error) => end.signal.aborted && !interrupted.aborted && error === reason,
  };
}
