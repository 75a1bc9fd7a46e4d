/** Launches of weight sets: what all kernels of predictors have in common. */
import type { Gpu } from "../gpu/device.ts";
import type { Bound } from "../graph/bound.ts";
import type { Launch, Value } from "../graph/value.ts";
import type { PredictionJob, PredictorSet } from "./predictor.ts";

/**
 * The launch of a kernel on a job: its history, its predictions and its range are bound.
 *
 * @param kernel `bind` and `uniforms`: what it reads besides; `threads`: how many a coordinate takes, one where it is left
 *   out; `flop`: of a coordinate.
 */
export function predictionLaunch(
  { history, predicted, range }: PredictionJob,
  kernel: Pick<Launch, "shader" | "parts" | "constants"> & {
    readonly bind?: Launch["bind"];
    readonly uniforms?: Launch["uniforms"];
    readonly threads?: number;
    readonly flop: number;
  },
): Launch {
  const { bind = {}, uniforms, threads = 1, flop, ...id } = kernel;
  const { first, count, stride, outFirst } = range;
  return {
    ...id,
    bind: { history, predicted, ...bind },
    uniforms: { ...uniforms, range: Uint32Array.of(first, count, stride, outFirst) },
    threads: Math.ceil(threads * count),
    flop: count * flop,
  };
}

/** A set's weights on the device, as storage and as uniforms; `bound` owns them. */
export async function uploadSet(
  gpu: Gpu,
  set: PredictorSet,
  bound: Bound,
): Promise<Record<string, Value>> {
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST;
  const weights: Record<string, Value> = {};
  for (const [name, data] of Object.entries(set.weights?.(gpu.tuning) ?? {})) {
    weights[name] = await bound.upload(gpu, name, data, [data.length], { usage });
  }
  return weights;
}
