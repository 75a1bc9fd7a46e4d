/** Times of work on a device, by the clock of the host around many repetitions. */
import { median } from "simple-statistics";
import type { Gpu } from "../../src/gpu/device.ts";

/** How long a row may take. */
export interface Effort {
  /** Samples; the median counts. */
  readonly samples: number;
  /** Milliseconds a sample lasts at least: the wait for the device is a small part of it. */
  readonly sampleMs: number;
  /**
   * Milliseconds of work after which the clocks stand. An H200 that was idle begins at 345 MHz and takes nearly two seconds
   * to get to 1980: a row of that time is up to six times too slow.
   */
  readonly warmMs: number;
}

/** When a device began to work without a pause, and when it last worked. */
interface Busy {
  since: number;
  last: number;
}

const busy = new WeakMap<Gpu, Busy>();

/** A pause in which clocks may fall, in milliseconds. */
const pauseMs = 100;

/** Milliseconds of one run. */
export interface Times {
  readonly ms: number;
  readonly low: number;
  readonly high: number;
  /** Runs a sample. */
  readonly repeats: number;
}

/** Whether a device has worked for as long as its clocks take, without a pause. */
function isWarm(gpu: Gpu, { warmMs }: Effort): boolean {
  const { since, last } = busy.get(gpu) ?? { since: 0, last: -Infinity };
  return warmMs === 0 || (performance.now() - last < pauseMs && last - since >= warmMs);
}

/** Notes that a device has just ended work which began then. */
function worked(gpu: Gpu, start: number): void {
  const state = busy.get(gpu);
  const now = performance.now();
  if (state === undefined || start - state.last > pauseMs)
    busy.set(gpu, { since: start, last: now });
  else state.last = now;
}

/** Milliseconds of some runs of a work that does not wait, with the wait for the device at the end. */
export async function once(gpu: Gpu, work: Work, times: number): Promise<number> {
  const start = performance.now();
  await work(times);
  await gpu.idle();
  worked(gpu, start);
  return performance.now() - start;
}

/** Does something so many times and does not wait. */
export type Work = (times: number) => void | Promise<void>;

/** Works until the clocks of a device stand, a tenth of a second at a time. @returns milliseconds of a run, roughly. */
export async function heat(gpu: Gpu, work: Work, effort: Effort): Promise<number> {
  await once(gpu, work, 1);
  const first = await once(gpu, work, 1);
  // A first guess holds the wait as well, so that a second one comes from a longer run.
  let times = Math.min(1000, Math.max(1, Math.ceil(effort.sampleMs / 4 / Math.max(first, 0.05))));
  let each = (await once(gpu, work, times)) / times;
  while (!isWarm(gpu, effort)) {
    times = Math.min(10_000, Math.max(1, Math.ceil(100 / Math.max(each, 1e-3))));
    each = (await once(gpu, work, times)) / times;
  }
  return each;
}

/** Times `work`: twice, then until the clocks stand, then samples that each last long enough. */
export async function sample(gpu: Gpu, work: Work, effort: Effort): Promise<Times> {
  const { samples, sampleMs } = effort;
  const each = await heat(gpu, work, effort);
  const repeats = Math.min(10_000, Math.max(1, Math.ceil(sampleMs / Math.max(each, 1e-3))));
  const all: number[] = [];
  for (let i = 0; i < samples; i++) all.push((await once(gpu, work, repeats)) / repeats);
  return { ms: median(all), low: Math.min(...all), high: Math.max(...all), repeats };
}
