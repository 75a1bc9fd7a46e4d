/** Launches of the fused InvWNN kernels. */
import type { Launch } from "../../graph/value.ts";
import { predictionLaunch } from "../launch.ts";
import { baseCode, type PredictionJob } from "../predictor.ts";
import { keptStreams, type StreamPruning } from "./streams.ts";

/** Threads of a workgroup of the kernel for GPUs: each takes 384 bytes of its memory. */
function groupThreads(workgroupStorage: number): number {
  return [128, 64].find((threads) => 384 * threads <= workgroupStorage) ?? 32;
}

/** Bytes of workgroup memory that the kernel for matrix units takes. */
const matricesStorage = (window: number): number =>
  8 * (2304 + 1088) + 16 * Math.max(256, 16 * window);

/**
 * The launches that predict a range; `job.weights` are those of `packInvWnn` for the same pruning.
 *
 * @param network `flop`: of a coordinate, for what the pruning keeps.
 */
export function invWnnLaunches(
  job: PredictionJob,
  { window, pruning, flop }: { window: number; pruning: StreamPruning; flop: number },
): Launch[] {
  const { tuning, base, weights, workgroupStorage, matrices } = job;
  const constants = { WINDOW: window, BASE: baseCode[base] };
  if (tuning === "gpu") {
    const { keepValue: KEEP_VALUE, keepDifference: KEEP_DIFFERENCE } = pruning;
    if (matrices !== undefined && workgroupStorage >= matricesStorage(window)) {
      return [
        predictionLaunch(job, {
          shader: "predict/invwnn-matrices",
          parts: [`matrix/${matrices}`],
          constants: { ...constants, KEEP_VALUE, KEEP_DIFFERENCE },
          bind: { weights: weights["weights"]! },
          // 128 threads of a workgroup take 64 coordinates.
          threads: 2,
          flop,
        }),
      ];
    }
    return [
      predictionLaunch(job, {
        shader: "predict/invwnn-gpu",
        constants: {
          ...{ ...constants, KEEP_VALUE, KEEP_DIFFERENCE },
          WG: groupThreads(workgroupStorage),
        },
        bind: { weights: weights["weights"]! },
        // Two threads of a workgroup for each of its coordinates.
        threads: 2,
        flop,
      }),
    ];
  }
  const streams = keptStreams(pruning);
  return streams.map((name, i) =>
    predictionLaunch(job, {
      shader: "predict/invwnn-software",
      constants,
      uniforms: {
        role: Uint32Array.of(+(name === "difference"), +(i === 0), +(i === streams.length - 1)),
      },
      bind: { second: weights[`${name}Second`]!, rest: weights[`${name}Rest`]! },
      // 32 threads of a workgroup take 128 coordinates.
      threads: 1 / 4,
      flop: flop / streams.length,
    }),
  );
}
