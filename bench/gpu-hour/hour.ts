/** Runs stages within a time, row by row; what is measured already is not measured again. */
import { acquireDevice, type DeviceOptions, type Gpu } from "../../src/gpu/device.ts";
import { clocksMs } from "../harness.ts";
import type { RowFolder } from "./rows.ts";
import type { Context, Stage, Task } from "./stage.ts";

/** Settings of {@link runHour}. */
export interface HourOptions {
  readonly minutes: number;
  readonly tiny: boolean;
  readonly device: DeviceOptions;
  readonly folder: RowFolder;
  readonly stages: readonly Stage[];
  /** How long a row may take, in milliseconds. Default: {@link longestRowMs}. */
  readonly rowMs?: number | undefined;
  say(line: string): void;
}

/** What an hour came to. */
export interface HourEnd {
  /** Rows that were measured now, failed now, and are there from before. */
  readonly measured: number;
  readonly failed: number;
  readonly earlier: number;
  /** Rows there was no time for. */
  readonly left: number;
}

/** A row that hangs: what would come after it is worth more. */
export const longestRowMs = 180_000;

/** Of a row that is still under way, perhaps. */
class TookTooLong extends Error {}

/**
 * Goes through the stages in order. A stage ends with its share of the time; rows that it had none for come once more
 * behind the last stage. A row that fails is written down with its error and does not end the hour; a lost device is
 * opened again.
 */
export async function runHour(options: HourOptions): Promise<HourEnd> {
  const { minutes, tiny, folder, stages, rowMs = longestRowMs, say } = options;
  const begun = performance.now();
  const end = begun + 60_000 * minutes;
  let gpu = await acquireDevice(options.device);
  const warmMs = gpu.adapter.software ? 0 : clocksMs;
  const effort = tiny
    ? { samples: 2, sampleMs: 0, warmMs: 0 }
    : { samples: 5, sampleMs: 20, warmMs };
  const kept = new Map<string, Promise<unknown>>();
  const context = (): Context => ({ gpu, effort, tiny, kept });
  let [measured, failed, earlier] = [0, 0, 0];

  const measure = async (stage: Stage, { name, run }: Task): Promise<void> => {
    const start = performance.now();
    const seconds = (): number => Math.round((performance.now() - start) / 10) / 100;
    try {
      const figures = await within(run(context()), rowMs);
      folder.add({ stage: stage.name, name, seconds: seconds(), figures });
      measured++;
      say(`  ${name}: ${shownFigures(figures)} (${seconds()} s)`);
    } catch (cause) {
      const error = cause instanceof Error ? cause.message : String(cause);
      folder.add({ stage: stage.name, name, seconds: seconds(), error });
      failed++;
      say(`  ${name}: FAILED: ${error}`);
      // What still runs on a device that is closed ends there.
      if (cause instanceof TookTooLong) gpu.close();
      gpu = await reopened(gpu, options.device);
    }
  };

  const late: { readonly stage: Stage; readonly task: Task }[] = [];
  let shares = stages.reduce((sum, { share }) => sum + share, 0);
  for (const stage of stages) {
    const left = end - performance.now();
    const deadline = performance.now() + Math.max(0, left) * Math.min(1, stage.share / shares);
    shares -= stage.share;
    say(`${stage.name}: ${stage.decides} (${Math.round(left / 1000)} s left)`);
    let tasks: readonly Task[];
    try {
      tasks = await stage.tasks(context());
    } catch (cause) {
      folder.add({ stage: stage.name, name: "tasks", seconds: 0, error: (cause as Error).message });
      failed++;
      say(`  FAILED: ${(cause as Error).message}`);
      continue;
    }
    if (tasks.length === 0) say(`  nothing to measure with ${gpu.tuning} kernels`);
    for (const task of tasks) {
      if (folder.has(stage.name, task.name)) earlier++;
      else if (performance.now() < deadline) await measure(stage, task);
      else late.push({ stage, task });
    }
  }
  let done = 0;
  for (const { stage, task } of late) {
    if (performance.now() >= end) break;
    done++;
    await measure(stage, task);
  }
  gpu.close();
  return { measured, failed, earlier, left: late.length - done };
}

/** @throws Error where work takes longer. */
async function within<T>(work: Promise<T>, milliseconds: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new TookTooLong(`it took longer than ${milliseconds / 1000} s`)),
      milliseconds,
    );
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** The device, or a new one where it can no longer be used. */
async function reopened(gpu: Gpu, options: DeviceOptions): Promise<Gpu> {
  try {
    await within(gpu.idle(), 10_000);
    return gpu;
  } catch {
    gpu.close();
    return acquireDevice(options);
  }
}

function shownFigures(figures: Readonly<Record<string, unknown>>): string {
  return Object.entries(figures)
    .slice(0, 4)
    .map(([name, value]) => `${name} ${typeof value === "number" ? shownNumber(value) : value}`)
    .join(", ");
}

function shownNumber(value: number): string {
  return Math.abs(value) >= 1000 ? Math.round(value).toLocaleString("en") : value.toPrecision(3);
}
