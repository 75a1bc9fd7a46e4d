/** Times of work on a device, by the clock of the host around many repetitions. */
import { median } from "simple-statistics";
import type { Gpu } from "../../src/gpu/device.ts";

/** How long a row may take. */
export interface Effort {
  /** Samples; the median counts. */
  readonly samples: number;
  /** Milliseconds a sample lasts at least: the wait for the device is a small part of it. */
  readonly sampleMs: number;
}

/** Milliseconds of one run. */
export interface Times {
  readonly ms: number;
  readonly low: number;
  readonly high: number;
  /** Runs a sample. */
  readonly repeats: number;
}

/**
 * Times `work`, which does something so many times and does not wait: twice to warm up, then samples that each last
 * long enough.
 */
export async function sample(
  gpu: Gpu,
  work: (times: number) => void | Promise<void>,
  { samples, sampleMs }: Effort,
): Promise<Times> {
  const timed = async (times: number): Promise<number> => {
    const start = performance.now();
    await work(times);
    await gpu.idle();
    return performance.now() - start;
  };
  await timed(1);
  const once = await timed(1);
  // A first guess holds the wait as well, so that a second one comes from a longer run.
  const guess = Math.min(1000, Math.max(1, Math.ceil(sampleMs / 4 / Math.max(once, 0.05))));
  const each = (await timed(guess)) / guess;
  const repeats = Math.min(10_000, Math.max(1, Math.ceil(sampleMs / Math.max(each, 1e-3))));
  const all: number[] = [];
  for (let i = 0; i < samples; i++) all.push((await timed(repeats)) / repeats);
  return { ms: median(all), low: Math.min(...all), high: Math.max(...all), repeats };
}
