/** Interruption of a command by its user. */
import { say } from "./output.ts";

/** A signal that Ctrl-C (or SIGTERM) aborts; a second Ctrl-C ends the process at once. */
export function interruptSignal(): AbortSignal {
  const controller = new AbortController();
  const stop = (): void => {
    if (controller.signal.aborted) process.exit(130);
    say("\ninterrupting after the steps under way; run the same command again to continue");
    controller.abort(
      new DOMException("interrupted; run the same command again to continue.", "AbortError"),
    );
  };
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
  return controller.signal;
}
