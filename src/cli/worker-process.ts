/**
 * The process of a worker that has the device: it does runs, one after the other, and says how they go.
 *
 * It is a process of its own so that the worker can tell the queue that it lives while kernels compile, and goes on where
 * a driver ends the process. It ends with the worker, so that no run goes on that nobody knows of.
 */
import { placeOf } from "../experiments/places.ts";
import type { Gpu } from "../gpu/device.ts";
import { DeviceWork } from "../queue/device-work.ts";
import type { RunPayload } from "../queue/payload.ts";
import { openStore } from "../queue/store.ts";
import { RunLost, type Store, type StoredFolder } from "../queue/stored-folder.ts";
import { FolderInUse } from "../report/folder-lock.ts";
import type { Phase } from "../train/replay.ts";
import type { DeviceFlags } from "./device-options.ts";

/** What the worker asks for. */
export type Asked =
  | {
      readonly kind: "open";
      readonly flags: DeviceFlags;
      /** As `openStore` takes it. */
      readonly store: { readonly place: string; readonly mirror?: string };
    }
  | { readonly kind: "do"; readonly payload: RunPayload }
  | { readonly kind: "stop" };

/** What a run has taken since it was last told. */
export interface Taken {
  /** Steps of trainings and methods, and the seconds that they took. */
  readonly steps: number;
  readonly seconds: number;
  /** Bytes on the device at most, since it was opened. */
  readonly gpuBytes: number;
}

/** What its process says. */
export type Told =
  | { readonly kind: "opened"; readonly place: ReturnType<typeof placeOf> }
  | {
      readonly kind: "progress";
      readonly phase: Phase;
      readonly done: number;
      readonly total: number;
      readonly taken: Taken;
    }
  | { readonly kind: "ended"; readonly line: string; readonly taken: Taken }
  | {
      readonly kind: "failed";
      readonly message: string;
      /** "busy": another process does the run; "lost": it was given to another while this one was silent; "stopped": it was asked to stop; "broken": the device cannot be used. */
      readonly why: "error" | "busy" | "lost" | "stopped" | "broken";
    };

/** Progress is told this many milliseconds apart. */
const tellEvery = 500;

let gpu: Gpu | undefined;
let work: DeviceWork | undefined;
let store: Store | undefined;
const folders = new Map<string, StoredFolder>();
let stopping: AbortController | undefined;

function tell(told: Told): void {
  process.send?.(told);
}

async function answer(asked: Asked): Promise<void> {
  if (asked.kind === "stop") {
    return stopping?.abort(new DOMException("the worker was asked to stop.", "AbortError"));
  }
  if (asked.kind === "open") {
    const { acquireDevice } = await import("../gpu/device.ts");
    const { adapter, defaultLimits = false, precision = "exact" } = asked.flags;
    gpu = await acquireDevice({ adapter, defaultLimits, precision, quiet: true });
    work = new DeviceWork(gpu);
    store = await openStore(asked.store.place, asked.store.mirror);
    return tell({ kind: "opened", place: placeOf(gpu) });
  }
  stopping = new AbortController();
  const { signal } = stopping;
  let phase: Phase = "steps";
  let last = 0;
  let steps = 0;
  let seconds = 0;
  let before = 0;
  const taken = (): Taken => {
    const told = { steps, seconds, gpuBytes: gpu!.peakBytes };
    steps = seconds = 0;
    return told;
  };
  const name = asked.payload.folder;
  const folder = folders.get(name) ?? store!.folder(name);
  folders.set(name, folder);
  const line = await work!.do(asked.payload, folder, {
    signal,
    phase: (next) => (phase = next),
    addSeconds: (more) => (seconds += phase === "steps" ? more : 0),
    progress(done, total) {
      if (phase === "steps") steps += done >= before ? done - before : done;
      before = done;
      const now = performance.now();
      if (now - last < tellEvery) return;
      last = now;
      tell({ kind: "progress", phase, done, total, taken: taken() });
    },
  });
  tell({ kind: "ended", line, taken: taken() });
}

process.on("message", (asked: Asked) => {
  answer(asked).catch((error: Error) => {
    // The store is opened last.
    const broken = store === undefined || gpu?.lost !== undefined;
    const why =
      error instanceof FolderInUse
        ? "busy"
        : error instanceof RunLost
          ? "lost"
          : stopping?.signal.aborted === true
            ? "stopped"
            : broken
              ? "broken"
              : "error";
    tell({ kind: "failed", message: error.message, why });
  });
});
// A second worker may have taken the run by the time that it could be saved: it is saved after each epoch and round.
process.on("disconnect", () => process.exit(3));
for (const name of ["SIGINT", "SIGTERM"] as const) process.on(name, () => undefined);
