/** InvWNN as a predictor: three weight sets chosen by parameter kind, one fused kernel. */
import type { ParameterKind } from "../../weights/arena.ts";
import { UsageError } from "../../errors.ts";
import type { Predictor, PredictorSet } from "../predictor.ts";
import { invWnnLaunches } from "./launch.ts";
import { packInvWnn } from "./pack.ts";
import { invwnnFlop, type StreamPruning, pruneStreams } from "./streams.ts";
import type { SetName } from "../loader.ts";
import type { TwoStreamSource } from "../two-stream-files.ts";
import type { StreamLayer } from "./weights.ts";

/** Which set serves which kinds, as the authors choose by rank: 4 and 3, 2, 1. */
export const invWnnKinds: Readonly<Record<"conv" | "fc" | "bias", readonly ParameterKind[]>> = {
  conv: ["conv", "depthwise"],
  fc: ["fc"],
  bias: ["bias", "norm"],
};

/** Weights of one set with where they came from. */
export type InvWnnSource = TwoStreamSource<StreamLayer>;

/** One weight set. By default a stream that provably adds a constant is folded into the output's bias. */
export function invWnnSet(
  name: string,
  kinds: readonly ParameterKind[],
  { weights, source }: InvWnnSource,
  pruning: StreamPruning = pruneStreams(weights),
): PredictorSet {
  const flop = invwnnFlop(weights, pruning);
  return {
    name,
    kinds,
    source: `${source}${pruning.note}`,
    parameters: weights.parameters,
    flop,
    weights: (tuning) => packInvWnn(weights, tuning, pruning),
    launches: (job) => invWnnLaunches(job, { window: weights.window, pruning, flop }),
  };
}

/** A predictor from weight sets by name. @throws UsageError if their windows differ. */
export function invWnnPredictor(
  name: string,
  sources: Readonly<Partial<Record<SetName, InvWnnSource>>>,
  options: { horizon: number; base: Predictor["base"] },
): Predictor {
  const entries = Object.entries(sources) as [SetName, InvWnnSource][];
  const windows = new Set(entries.map(([, { weights }]) => weights.window));
  if (windows.size !== 1) {
    throw new UsageError(
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
