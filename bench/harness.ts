/** What benches share: timed replays, the measured ceiling, one table. */
import { Bench } from "tinybench";
import type { Gpu } from "../src/gpu/device.ts";
import { Graph } from "../src/graph/graph.ts";
import { compile, type Program } from "../src/graph/program.ts";
import { linear } from "../src/ops/index.ts";
import type { Trainer } from "../src/train/trainer.ts";

/** One line of a bench's result. */
export interface BenchRow {
  readonly name: string;
  /** Median milliseconds of one run. */
  readonly milliseconds: number;
  /** Smallest and largest, to show how noisy the machine was. */
  readonly low: number;
  readonly high: number;
  /** Further figures by name, with their unit in the name. */
  readonly figures: Readonly<Record<string, number>>;
}

/** A bench: a name, what it does, and how to run it. */
export interface BenchModule {
  readonly name: string;
  readonly summary: string;
  run(gpu: Gpu, options: BenchOptions): Promise<BenchRow[]>;
}

/** Flags of `npm run bench`. */
export interface BenchOptions {
  readonly peers: boolean;
  readonly seconds: number;
}

/** Milliseconds of work after which the clocks of a card that was idle stand; see gpu-hour/sample. */
export const clocksMs = 2000;

/**
 * Times `work` followed by a wait for the GPU, with tinybench: at least five samples after a warm-up, which lasts until a
 * card's clocks stand.
 *
 * @param repeats how often `work` runs between two waits; the result is divided by it.
 */
export async function time(
  gpu: Gpu,
  name: string,
  work: () => void | Promise<void>,
  options: { seconds: number; repeats?: number },
): Promise<BenchRow> {
  const { repeats = 1, seconds } = options;
  const bench = new Bench({
    time: 1000 * seconds,
    iterations: 5,
    warmupIterations: 2,
    warmupTime: gpu.adapter.software ? 0 : clocksMs,
  });
  bench.add(name, async () => {
    for (let i = 0; i < repeats; i++) await work();
    await gpu.idle();
  });
  const [task] = await bench.run();
  const result = task!.result;
  if (!("latency" in result)) throw new Error(`bench ${name}: no result (${result.state}).`);
  const { p50, min, max } = result.latency;
  return {
    name,
    milliseconds: p50 / repeats,
    low: min / repeats,
    high: max / repeats,
    figures: {},
  };
}

/**
 * Times whole epochs of `steps` steps over `batch` images: upload of the order, replays, read-back of the
 * totals. Milliseconds are those of one step.
 */
export async function timeSteps(
  gpu: Gpu,
  name: string,
  trainer: Trainer,
  options: { batch: number; steps: number; learningRate: number; seconds: number; top: BenchRow },
): Promise<BenchRow> {
  const { batch, steps, learningRate, seconds, top } = options;
  const order = Uint32Array.from({ length: batch * steps }, (_, i) => i % batch);
  const epoch = (): Promise<void> =>
    trainer.epoch({ order, learningRate, seed: 1 }).then(() => undefined);
  const row = await time(gpu, name, epoch, { seconds });
  const milliseconds = row.milliseconds / steps;
  const { flop } = trainer.program;
  return {
    name,
    milliseconds,
    low: row.low / steps,
    high: row.high / steps,
    figures: {
      ms_per_step: milliseconds,
      "GFLOP a step": flop / 1e9,
      "GFLOP/s": flop / milliseconds / 1e6,
      "% of ceiling": share(flop, milliseconds, top),
    },
  };
}

/** A program that multiplies two n×n matrices. */
export async function matmulProgram(
  gpu: Gpu,
  n: number,
): Promise<{ program: Program; free: () => void }> {
  const graph = new Graph(gpu);
  const x = graph.input("x", [n, n]);
  const w = graph.input("w", [n, n]);
  const y = linear(x, w, null);
  const buffers = await gpu.allocate({ x: x.bytes, w: w.bytes });
  const filled = Float32Array.from({ length: n * n }, (_, i) => Math.sin(i));
  gpu.write(buffers.x, filled);
  gpu.write(buffers.w, filled);
  const program = await compile(gpu, graph.forward(), {
    label: `matmul ${n}`,
    bindings: new Map([
      [x, { buffer: buffers.x, offset: 0, size: x.bytes }],
      [w, { buffer: buffers.w, offset: 0, size: w.bytes }],
    ]),
    keep: [y],
  });
  return {
    program,
    free: () => {
      program.destroy();
      gpu.free(...Object.values<GPUBuffer>(buffers));
    },
  };
}

/** The ceiling of this run: GFLOP/s of our own matmul at a size that suits the adapter. */
export async function ceiling(gpu: Gpu, seconds: number): Promise<BenchRow> {
  const n = gpu.adapter.software ? 512 : 4096;
  const { program, free } = await matmulProgram(gpu, n);
  const row = await time(gpu, `matmul ${n}³ (ceiling)`, () => program.run(), {
    seconds,
    repeats: 2,
  });
  free();
  return { ...row, figures: { "GFLOP/s": program.flop / row.milliseconds / 1e6 } };
}

/** Share of a ceiling in %. */
export function share(flop: number, milliseconds: number, top: BenchRow): number {
  return (100 * flop) / milliseconds / 1e6 / top.figures["GFLOP/s"]!;
}
