/** InvWNN as a predictor: three weight sets chosen by parameter kind, one fused kernel. */
import type { ParameterKind } from "../gpu/arena.ts";
import { invwnnGeometry } from "./invwnn-geometry.ts";
import { type InvWnnWeights, invwnnFlop, packInvWnn, streamPlan } from "./invwnn-weights.ts";
import { type Base, baseCode, type Predictor, type PredictorSet } from "./predictor.ts";

/** Which set serves which kinds, as the authors choose by rank: 4 and 3, 2, 1. */
export const invWnnKinds: Readonly<Record<"conv" | "fc" | "bias", readonly ParameterKind[]>> = {
  conv: ["conv", "depthwise"],
  fc: ["fc"],
  bias: ["bias", "norm"],
};

/** Weights of one set with where they came from. */
export interface InvWnnSource {
  readonly weights: InvWnnWeights;
  /** File and, if known, provenance. */
  readonly source: string;
}

/** One weight set. Streams whose output cannot depend on the history are folded into a constant. */
export function invWnnSet(name: string, kinds: readonly ParameterKind[], { weights, source }: InvWnnSource): PredictorSet {
  const plan = streamPlan(weights);
  return {
    name,
    kinds,
    source: `${source}${plan.note}`,
    parameters: weights.parameters,
    flop: invwnnFlop(weights, plan),
    weights: (gpu) => packInvWnn(weights, gpu.tuning, plan),
    geometry: (gpu, count, base: Base) =>
      invwnnGeometry(count, gpu.tuning, {
        BASE: baseCode[base],
        KEEP_VALUE: plan.keepValue,
        KEEP_DIFFERENCE: plan.keepDifference,
      }),
  };
}

/** A predictor from sets by name; `all` serves every kind. */
export function invWnnPredictor(
  name: string,
  sources: Partial<Record<"conv" | "fc" | "bias" | "all", InvWnnSource>>,
  options: { horizon: number; base: Predictor["base"] },
): Predictor {
  const everything = Object.values(invWnnKinds).flat();
  return {
    name,
    window: 15,
    horizon: options.horizon,
    base: options.base,
    sets: Object.entries(sources).map(([key, source]) =>
      invWnnSet(key, key === "all" ? everything : invWnnKinds[key as "conv"], source),
    ),
  };
}
