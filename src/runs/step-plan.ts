/**
 * What a training step should take, by the roofline model (Williams, Waterman and Patterson 2009): each kernel waits for its
 * arithmetic or for its memory, whichever takes longer. No device is needed: the step is built on a {@link dryGpu}.
 */
import { jobTrainer } from "../api/training.ts";
import { dryGpu, type DryLimits } from "../gpu/dry.ts";
import { matricesPart } from "../graph/product-matrices.ts";
import { textTable } from "../report/table.ts";
import type { TrainConfig } from "./config.ts";
import { dryJob, type PlannedRun } from "./memory-plan.ts";

/** What an adapter does at most. */
export interface Ceilings {
  /** 10¹² floating-point operations a second. */
  readonly tflops: number;
  /** 10⁹ bytes read and written a second. */
  readonly gigabytes: number;
  /** Microseconds from one dispatch to the next that a small one takes. */
  readonly gap: number;
  /** 10¹² operations a second of matrix units; those of {@link tflops} where nobody has measured it. */
  readonly matrices?: number | undefined;
}

/** One NVIDIA H200 through Dawn, as measured: our own matrix product, element-wise kernels, small dispatches. */
export const measuredCeilings: Ceilings = {
  tflops: 34.7,
  gigabytes: 3100,
  gap: 1.7,
  matrices: 74,
};

/** All dispatches of a kernel in a step. */
export interface KernelEstimate {
  readonly kernel: string;
  readonly calls: number;
  readonly flop: number;
  /** Bytes of what it binds: what it would move with a perfect cache. */
  readonly bytes: number;
  readonly milliseconds: number;
  /** What most of that time is for. */
  readonly waitsFor: "arithmetic" | "memory" | "launches";
}

/** A step, its longest kernels first. */
export interface StepEstimate {
  readonly kernels: readonly KernelEstimate[];
  readonly dispatches: number;
  readonly flop: number;
  /** Of these, in products of halves on matrix units. */
  readonly halves: number;
  readonly bytes: number;
  readonly milliseconds: number;
}

/**
 * Estimates a training step; of a batch that is taken in parts, one part.
 *
 * @throws OutOfMemoryError where the limits do not hold it.
 */
export async function planStep(
  run: PlannedRun & { readonly train: TrainConfig },
  limits: DryLimits,
  { tflops, gigabytes, gap, matrices = tflops }: Ceilings,
): Promise<StepEstimate> {
  const gpu = await dryGpu(limits);
  const job = await dryJob(run, gpu);
  const { program } = await jobTrainer({ ...job, config: run.train });
  const found = new Map<string, { calls: number; flop: number; bytes: number; times: number[] }>();
  let halves = 0;
  for (const { label, flop, bytes, launch } of program.dispatches) {
    const onMatrices = launch.parts?.includes(matricesPart) === true;
    if (onMatrices) halves += flop;
    const one = found.get(label) ?? { calls: 0, flop: 0, bytes: 0, times: [0, 0, 0] };
    found.set(label, one);
    // Milliseconds: of the arithmetic, the memory and the launch; the longest counts.
    const each = [
      flop / (onMatrices ? matrices : tflops) / 1e9,
      bytes / gigabytes / 1e6,
      gap / 1e3,
    ];
    const longest = each.indexOf(Math.max(...each));
    one.calls++;
    one.flop += flop;
    one.bytes += bytes;
    one.times[longest]! += each[longest]!;
  }
  const reasons = ["arithmetic", "memory", "launches"] as const;
  const kernels = [...found].map(([kernel, { calls, flop, bytes, times }]): KernelEstimate => ({
    ...{ kernel, calls, flop, bytes },
    milliseconds: times.reduce((sum, time) => sum + time, 0),
    waitsFor: reasons[times.indexOf(Math.max(...times))]!,
  }));
  const sum = (of: (one: KernelEstimate) => number): number =>
    kernels.reduce((total, one) => total + of(one), 0);
  return {
    kernels: kernels.sort((a, b) => b.milliseconds - a.milliseconds),
    dispatches: program.dispatches.length,
    flop: sum((one) => one.flop),
    halves,
    bytes: sum((one) => one.bytes),
    milliseconds: sum((one) => one.milliseconds),
  };
}

/** An estimate as lines of text. */
export function formatStep(step: StepEstimate, ceilings: Ceilings): string {
  const { tflops, gigabytes, gap, matrices } = ceilings;
  const { kernels, dispatches, flop, halves, bytes, milliseconds } = step;
  const rate =
    matrices === undefined
      ? "no rate of matrix units given: that of float32"
      : `${matrices} TFLOP/s there`;
  const onMatrices =
    halves === 0 ? "" : `; ${(halves / 1e9).toFixed(1)} GFLOP of them on matrix units (${rate})`;
  const table = textTable(
    [
      { title: "kernel" },
      { title: "calls", decimals: 0 },
      { title: "GFLOP", decimals: 2 },
      { title: "MB", decimals: 1 },
      { title: "ms", decimals: 3 },
      { title: "waits for" },
    ],
    kernels.map((one) => [
      ...[one.kernel, one.calls, one.flop / 1e9, one.bytes / 1e6, one.milliseconds, one.waitsFor],
    ]),
  );
  return (
    `${table}\n\na training step: ${dispatches} dispatches, ${(flop / 1e9).toFixed(1)} GFLOP, ` +
    `${(bytes / 1e9).toFixed(2)} GB: ${milliseconds.toFixed(2)} ms at best with ${tflops} TFLOP/s, ` +
    `${gigabytes} GB/s and ${gap} µs a dispatch${onMatrices}`
  );
}
