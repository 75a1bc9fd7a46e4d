/**
 * Many trainings and unlearnings in one process, on one device: whole ones, aborted ones, ones that run out of memory
 * and ones that a callback breaks. After each the device must hold what it held before the first, and the heap must
 * not grow from one to the next.
 */
import v8 from "node:v8";
import vm from "node:vm";
import { OutOfMemoryError } from "../../src/errors.ts";
import type { Gpu } from "../../src/gpu/device.ts";
import { Random } from "../../src/random.ts";
import { Buffers } from "./buffers.ts";
import { census, grown, type Growth, type Kinds } from "./census.ts";
import type { Job } from "./jobs.ts";
import { type Trend, trend } from "./trend.ts";

/** How an iteration ends, unless its job is over before. */
export const endings = ["whole", "aborted", "out of memory", "broken"] as const;
export type Ending = (typeof endings)[number];

/** Settings of {@link soak}. */
export interface SoakOptions {
  readonly seed: number;
  /** Whether there is another iteration after so many. */
  readonly more: (done: number) => boolean;
  /** Iterations from one forced collection to the next. */
  readonly collectEvery: number;
  /** Iterations from one count of the kinds of objects to the next; without it there is none. */
  readonly countEvery?: number | undefined;
  readonly onIteration?: ((done: number) => void) | undefined;
}

/** What a device holds. */
export interface Held {
  /** Bytes that the device's memory counts. */
  readonly counted: number;
  /** Bytes and number of all buffers, whoever made them. */
  readonly bytes: number;
  readonly buffers: number;
}

/** What a soak has found. */
export interface SoakReport {
  readonly iterations: number;
  /** Iterations by job and by how they came to an end. */
  readonly jobs: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly gpu: { readonly start: Held; readonly end: Held; readonly peakBytes: number };
  /** Iterations after which the device held something else than at the start. */
  readonly leaks: readonly string[];
  /** Heap and array buffers after forced collections, in KiB; the slope is by iteration, after the first tenth. */
  readonly heap: Trend & { readonly start: number; readonly end: number; readonly samples: number };
  /** Kinds of which there were more objects at every count of the later half than at any before: the ten most. */
  readonly grown?: { readonly counts: number; readonly kinds: readonly Growth[] };
  /** MiB. */
  readonly rss: { readonly start: number; readonly end: number };
  /** What does not hold; empty for a soak that passed. */
  readonly faults: readonly string[];
}

/** KiB an iteration that the heap may grow by: less than the smallest array a job makes. */
export const slopeLimit = 0.1;

/** Objects of a kind that there may be more of, an iteration: what is left behind once in ten is found. */
const growthLimit = 0.1;

/** A slope counts where it is this many standard errors away. */
const certain = 3;

class Broken extends Error {}

/** Runs jobs until there are no more iterations. @throws what a job fails with and should not. */
export async function soak(
  gpu: Gpu,
  jobs: Readonly<Record<string, Job>>,
  { seed, more, collectEvery, countEvery, onIteration }: SoakOptions,
): Promise<SoakReport> {
  const buffers = new Buffers(gpu.device);
  const random = new Random(seed);
  const names = Object.keys(jobs);
  const counts = new Map<string, Map<string, number>>();
  const leaks: string[] = [];
  const known = new Map<string, { reports: number; buffers: number }>();
  // In memory that is there from the start: a list that grows would be the growth that is looked for.
  let heap = new Float64Array(2 ** 17);
  let samples = 0;
  let done = 0;
  /** What is counted of kinds is kept; it is known to the byte, and no growth of the engine's. */
  const counted: Float64Array[] = [];
  const kept = (): number => counted.reduce((sum, { byteLength }) => sum + byteLength, 0) / 1024;
  const sample = async (): Promise<void> => {
    if (samples === heap.length) {
      const longer = new Float64Array(2 * samples);
      longer.set(heap);
      heap = longer;
    }
    heap[samples++] = (await collectedHeap()) - kept();
  };
  const held = (): Held => ({
    counted: gpu.allocatedBytes,
    bytes: buffers.bytes,
    buffers: buffers.count,
  });

  const one = async (name: string, ending: Ending): Promise<void> => {
    const job = jobs[name]!;
    const { reports = 1, buffers: made = 1 } = known.get(name) ?? {};
    const stop = 1 + random.int(reports);
    buffers.allow(ending === "out of memory" ? random.int(made) : Infinity);
    const controller = new AbortController();
    let seen = 0;
    const progress = (): void => {
      seen++;
      if (seen < stop) return;
      if (ending === "aborted") controller.abort();
      if (ending === "broken") throw new Broken("the test breaks it");
    };
    const error = await job.run(random.int(2 ** 31), { signal: controller.signal, progress }).then(
      () => undefined,
      (cause: unknown) => cause,
    );
    const peak = buffers.made;
    buffers.allow(Infinity);
    const end = endOf(error, job);
    if (end === undefined || (end === "whole" && job.fails !== undefined)) {
      throw new Error(`${name} (${ending}, seed ${seed}, iteration ${done}) ended badly`, {
        cause: error,
      });
    }
    if (ending === "whole")
      known.set(name, { reports: Math.max(1, seen), buffers: Math.max(1, peak) });
    const ends = counts.get(name) ?? new Map<string, number>();
    counts.set(name, ends.set(end, (ends.get(end) ?? 0) + 1));
  };

  await gpu.idle();
  const start = held();
  const rss = process.memoryUsage().rss;
  let before = start;
  const check = (what: string): void => {
    const after = held();
    if (!same(before, after)) leaks.push(`${what}: ${described(before)}, then ${described(after)}`);
    before = after;
  };
  // Each once to its end: what is compiled and kept is there when the heap is first looked at.
  for (const name of names) {
    await one(name, "whole");
    check(`${name}, the first time`);
  }
  const kinds: Kinds = new Map();
  // The names of most kinds are there before the heap is first looked at.
  if (countEvery !== undefined) await census(kinds);
  const weights = names.map((name) => jobs[name]!.weight ?? 1);
  for (; more(done); done++) {
    if (done % collectEvery === 0) await sample();
    const name = names[drawn(weights, random)]!;
    const ending = endings[random.int(endings.length)]!;
    await one(name, ending);
    check(`iteration ${done}, ${name} (${ending})`);
    if ((done + 1) % (countEvery ?? Infinity) === 0) counted.push(await census(kinds));
    onIteration?.(done + 1);
  }
  await sample();
  await gpu.idle();

  const end = held();
  const from = Math.floor(samples / 10);
  const iterations = Float64Array.from({ length: samples }, (_, i) =>
    Math.min(i * collectEvery, done),
  );
  const fitted = trend(iterations.subarray(from), heap.subarray(from, samples));
  const growth = grown(kinds, counted);
  return {
    iterations: done,
    jobs: Object.fromEntries([...counts].map(([name, ends]) => [name, Object.fromEntries(ends)])),
    gpu: { start, end, peakBytes: gpu.peakBytes },
    leaks,
    heap: { start: heap[0]!, end: heap[samples - 1]!, samples, ...fitted },
    ...(countEvery === undefined
      ? {}
      : { grown: { counts: counted.length, kinds: growth.slice(0, 10) } }),
    rss: { start: rss / 2 ** 20, end: process.memoryUsage().rss / 2 ** 20 },
    faults: [...faultsOf(start, end, leaks, fitted), ...kindsThatGrow(growth, done / 2)],
  };
}

/** What of a soak does not hold. */
export function faultsOf(start: Held, end: Held, leaks: readonly string[], heap: Trend): string[] {
  const { slope, standardError } = heap;
  const grows = slope - certain * standardError > slopeLimit;
  return [
    ...(same(start, end)
      ? []
      : [`the device held ${described(start)} at first, ${described(end)} in the end`]),
    ...(leaks.length === 0 ? [] : [`${leaks.length} iterations left something on the device`]),
    ...(grows
      ? [
          `the heap grows by ${slope.toFixed(3)} ± ${standardError.toFixed(3)} KiB an iteration: ` +
            `more than ${slopeLimit}, by more than ${certain} standard errors`,
        ]
      : []),
  ];
}

/** Kinds of which every tenth of so many iterations, or more, leaves an object behind. */
export function kindsThatGrow(kinds: readonly Growth[], iterations: number): string[] {
  return kinds
    .filter(({ objects }) => objects > growthLimit * iterations)
    .map(({ kind, objects }) => `${iterations} iterations left ${objects} objects: ${kind}`);
}

/** How an iteration came to its end, or undefined for an error that it must not end with. */
function endOf(error: unknown, { fails }: Job): string | undefined {
  if (error === undefined) return "whole";
  if (error instanceof Broken) return "broken";
  if (error instanceof OutOfMemoryError) return "out of memory";
  if (error instanceof DOMException && error.name === "AbortError") return "aborted";
  if (fails !== undefined && error instanceof fails) return "failed";
  return undefined;
}

function same(a: Held, b: Held): boolean {
  return a.counted === b.counted && a.bytes === b.bytes && a.buffers === b.buffers;
}

function described({ counted, bytes, buffers }: Held): string {
  return `${buffers} buffers of ${bytes} bytes (${counted} counted)`;
}

/** A place in a list of weights, each as likely as its weight says. */
function drawn(weights: readonly number[], random: Random): number {
  let rest = random.float() * weights.reduce((sum, weight) => sum + weight, 0);
  const found = weights.findIndex((weight) => (rest -= weight) < 0);
  return found < 0 ? weights.length - 1 : found;
}

let collect: (() => void) | undefined;

/** KiB of the heap and of array buffers after a collection. */
async function collectedHeap(): Promise<number> {
  if (collect === undefined) {
    v8.setFlagsFromString("--expose-gc");
    collect = vm.runInNewContext("gc") as () => void;
  }
  // What is finalised in the first may free more in the second.
  for (let i = 0; i < 2; i++) {
    collect();
    await new Promise((resolve) => setTimeout(resolve));
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return (heapUsed + arrayBuffers) / 1024;
}
