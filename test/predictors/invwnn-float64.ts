/** InvWNN in float64, histories oldest first: what its kernels are compared with. */
import { bothStreams, type StreamPruning } from "../../src/predictors/invwnn/streams.ts";
import type { InvWnnWeights, StreamWeights } from "../../src/predictors/invwnn/weights.ts";
import type { DenseWeights, StreamName } from "../../src/predictors/two-stream.ts";

type Layers = Record<string, number[]>;

/** What becomes of the factors of the second and third layer. */
export type Rounding = (value: number) => number;
export const asItIs: Rounding = (value) => value;

function dense(
  x: readonly number[],
  { kernel, bias }: DenseWeights,
  rounded: Rounding = asItIs,
): number[] {
  return Array.from(bias, (b, o) =>
    x.reduce((sum, v, i) => sum + v * rounded(kernel[i * bias.length + o]!), b),
  );
}

const leaky = (x: number): number => (x > 0 ? x : 0.3 * x);

export function referenceStream(w: StreamWeights, input: number[], rounded = asItIs): Layers {
  const dense1 = dense(input, w.first);
  const leaky1 = dense1.map((v) => rounded(leaky(v)));
  const dense2 = dense(leaky1, w.second, rounded).map(rounded);
  const compressed = dense(dense2, w.compress).map((v) => Math.max(0, v));
  const linear = dense(compressed, w.linear);
  const amplitude = dense(compressed, w.amplitude);
  const rate = dense(compressed, w.rate);
  const exponential = rate.map((r, i) => Math.exp(r * dense2[i]!));
  const tract = linear.map((l, i) => rounded(l + amplitude[i]! * exponential[i]!));
  const dense3 = dense(tract, w.third, rounded);
  const leaky2 = dense3.map(leaky);
  return {
    input,
    dense1,
    leaky1,
    dense2,
    compressed,
    linear,
    amplitude,
    rate,
    exponential,
    tract,
    dense3,
    leaky2,
  };
}

/** Differences in float32, as the authors' network receives them. */
export function streamInput(name: StreamName, history: readonly number[]): number[] {
  const v = history.toReversed();
  return name === "value" ? v : v.slice(1).map((x, j) => Math.fround(x - v[j]!));
}

export function predictReference(
  weights: InvWnnWeights,
  history: readonly number[],
  pruning: StreamPruning = bothStreams,
  rounded = asItIs,
): number {
  const part = (name: StreamName, from: number): number =>
    referenceStream(weights[name], streamInput(name, history), rounded).leaky2!.reduce(
      (sum, v, i) => sum + v * weights.output.kernel[from + i]!,
      0,
    );
  const value = pruning.keepValue ? part("value", 0) : 0;
  const difference = pruning.keepDifference ? part("difference", 64) : 0;
  return Math.tanh(value + difference + weights.output.bias[0]! + pruning.constant);
}
