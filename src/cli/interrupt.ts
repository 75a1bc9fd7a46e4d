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

/** Lets Ctrl-C (or SIGTERM) end the process at once, but as it ends elsewhere: the terminal is put in order. */
export function exitWhenInterrupted(): void {
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(130));
}

/** What `--minutes` leaves: `signal` aborts at an interruption as well. */
export interface TimeLimit {
  readonly signal: AbortSignal;
  /** Whether an error is the end of the time, and no interruption by the user. */
  isEnd(error: unknown): boolean;
}

/** Minutes at most: timers count no further than 24 days. */
export const mostMinutes: number = 24 * 24 * 60;

/** An {@link interruptSignal} that also aborts after some minutes; undefined: never. */
export function timeLimit(minutes: number | undefined): TimeLimit {
  const interrupted = interruptSignal();
  if (minutes === undefined) return { signal: interrupted, isEnd: () => false };
  const end = AbortSignal.timeout(Math.ceil(60_000 * minutes));
  return {
    signal: AbortSignal.any([interrupted, end]),
    isEnd: (error) => end.aborted && !interrupted.aborted && error === end.reason,
  };
}
