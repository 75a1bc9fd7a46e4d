/** InvWNN as a predictor: three weight sets chosen by parameter kind, one fused kernel. */
import type { ParameterKind } from "../../weights/arena.ts";
import { GpuError } from "../../errors.ts";
import { invwnnGeometry } from "./launch.ts";
import {
  invwnnFlop,
  type InvWnnWeights,
  packInvWnn,
  softwarePageBytes,
  softwarePages,
  streamPlan,
} from "./weights.ts";
import { baseCode, type Predictor, type PredictorSet } from "../predictor.ts";

/** Which set serves which kinds, as the authors choose by rank: 4 and 3, 2, 1. */
export const invWnnKinds: Readonly<Record<"conv" | "fc" | "bias", readonly ParameterKind[]>> = {
  conv: ["conv", "depthwise"],
  fc: ["fc"],
  bias: ["bias", "norm"],
};

/** Names of the sets of a predictor; `all` serves every kind. */
export type InvWnnSetName = keyof typeof invWnnKinds | "all";

/** Weights of one set with where they came from. */
export interface InvWnnSource {
  readonly weights: InvWnnWeights;
  /** File and, if known, provenance. */
  readonly source: string;
}

/** One weight set. A stream that provably adds a constant is folded into the output's bias. */
export function invWnnSet(
  name: string,
  kinds: readonly ParameterKind[],
  { weights, source }: InvWnnSource,
): PredictorSet {
  const plan = streamPlan(weights);
  const constants = {
    WINDOW: weights.window,
    KEEP_VALUE: plan.keepValue,
    KEEP_DIFFERENCE: plan.keepDifference,
  };
  return {
    name,
    kinds,
    source: `${source}${plan.note}`,
    parameters: weights.parameters,
    flop: invwnnFlop(weights, plan),
    weights: (gpu) => packInvWnn(weights, gpu.tuning, plan),
    weightView(binding, buffer) {
      if (binding === "weights") return { buffer, offset: 0, size: buffer.size };
      const page = (softwarePages as readonly string[]).indexOf(binding);
      return page < 0
        ? undefined
        : { buffer, offset: page * softwarePageBytes, size: softwarePageBytes };
    },
    geometry: (gpu, count, base) =>
      invwnnGeometry(count, gpu.tuning, { ...constants, BASE: baseCode[base] }),
  };
}

/** A predictor from weight sets by name. @throws GpuError if their windows differ. */
export function invWnnPredictor(
  name: string,
  sources: Readonly<Partial<Record<InvWnnSetName, InvWnnSource>>>,
  options: { horizon: number; base: Predictor["base"] },
): Predictor {
  const entries = Object.entries(sources) as [InvWnnSetName, InvWnnSource][];
  const windows = new Set(entries.map(([, { weights }]) => weights.window));
  if (windows.size !== 1) {
    throw new GpuError(
      `predictor "${name}": its sets have windows ${[...windows].join(", ")}; one is needed.`,
    );
  }
  const everything = Object.values(invWnnKinds).flat();
  return {
    name,
    window: entries[0]![1].weights.window,
    direction: "past",
    reach: `${options.horizon} epochs`,
    horizon: options.horizon,
    normalisation: "none",
    base: options.base,
    sets: entries.map(([key, source]) =>
      invWnnSet(key, key === "all" ? everything : invWnnKinds[key], source),
    ),
  };
}
