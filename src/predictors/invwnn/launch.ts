/** Launches of the fused InvWNN kernels. */
import type { Tuning } from "../../gpu/device.ts";
import type { Launch } from "../../graph/value.ts";
import { predictionLaunch } from "../launch.ts";
import { baseCode, type PredictionJob } from "../predictor.ts";
import type { StreamPlan } from "./streams.ts";

/** Threads a coordinate: 32 threads of a software workgroup take 128, 128 of a GPU's take 32. */
const threads: Readonly<Record<Tuning, number>> = { software: 1 / 4, gpu: 4 };

/** The launches that predict a range; `job.weights` are those of `packInvWnn` for the same plan. */
export function invWnnLaunches(
  job: PredictionJob,
  { window, plan, flop }: { window: number; plan: StreamPlan; flop: number },
): Launch[] {
  const { tuning, base, weights } = job;
  return [
    predictionLaunch(job, {
      shader: `predict/invwnn-${tuning}`,
      constants: {
        WINDOW: window,
        BASE: baseCode[base],
        KEEP_VALUE: plan.keepValue,
        KEEP_DIFFERENCE: plan.keepDifference,
      },
      bind: weights,
      threads: threads[tuning],
      flop,
    }),
  ];
}
