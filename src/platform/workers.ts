/** Worker threads on Node and Deno; browsers have no image files to decode with them. */
import { host } from "#platform";
import { UsageError } from "../errors.ts";
import type { Answer, HostThreads } from "./host.ts";

/** A thread that answers every message with one message, in order. */
export interface TaskWorker {
  /** Sends a message and waits for its answer. @throws if the thread fails or ends. */
  ask(message: unknown): Promise<unknown>;
  end(): void;
}

function threads(): HostThreads {
  if (host.threads === undefined) throw new UsageError("this runtime starts no threads.");
  return host.threads;
}

/** Starts a thread whose module calls {@link serve}. @throws UsageError in browsers. */
export async function startWorker(url: URL): Promise<TaskWorker> {
  const waiting: { resolve: (answer: unknown) => void; reject: (error: Error) => void }[] = [];
  const worker = threads().open(url, {
    answer: (message) => waiting.shift()?.resolve(message),
    fail: (error) => waiting.splice(0).forEach(({ reject }) => reject(error)),
  });
  return {
    ask: (message) =>
      new Promise((resolve, reject) => {
        waiting.push({ resolve, reject });
        worker.post(message);
      }),
    end: worker.end,
  };
}

/** Within a thread: answers each message by what `work` makes of it. */
export async function serve(work: (message: unknown) => Promise<Answer>): Promise<void> {
  threads().serve(work);
}

/** Processor cores this process may use; 1 in browsers, where no threads are started. */
export async function cores(): Promise<number> {
  return host.threads?.cores() ?? 1;
}
