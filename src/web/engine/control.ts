/** Work under way, which can be paused and ended. */

let controller: AbortController | undefined;
let resume: (() => void) | undefined;
let held: Promise<void> | undefined;

/** Work that is told when it is to end, and waits where it may be held. */
export interface Control {
  readonly signal: AbortSignal;
  /** Waits while the work is held. @throws an AbortError where it is to end. */
  breathe(): Promise<void>;
  /** Whether it is to wait where it next may. */
  held(): boolean;
}

/** Does work that `cancel` ends and `pause` holds. @throws Error while other such work is under way. */
export async function controlled<T>(work: (control: Control) => Promise<T>): Promise<T> {
  if (controller !== undefined)
    throw new Error("other work is under way; wait for its end or stop it.");
  const own = new AbortController();
  controller = own;
  const { signal } = own;
  try {
    return await work({
      signal,
      async breathe() {
        await held;
        signal.throwIfAborted();
      },
      held: () => held !== undefined,
    });
  } finally {
    controller = undefined;
  }
}

/** Ends the work under way. */
export function cancel(): void {
  pause(false);
  controller?.abort();
}

/** Holds the work under way, or the next, where it next may be, until it is called with false. */
export function pause(paused: boolean): void {
  if (!paused) {
    resume?.();
    held = undefined;
  } else {
    held ??= new Promise((resolve) => (resume = resolve));
  }
}
