/**
 * Which streams of an InvWNN depend on their input at all.
 *
 * L1 regularisation can kill a stream in training (one of the two is dead in each published file). A
 * dead stream adds a constant, so leaving it out halves the work. It counts as dead only by proof:
 * interval arithmetic in float64 through all its layers, from every input in a stated range.
 */
import { type DenseWeights, type StreamName, streamNames } from "../two-stream.ts";
import type { InvWnnWeights, StreamWeights } from "./weights.ts";

/** What the kernel computes and what it takes as a constant. */
export interface StreamPruning {
  readonly keepValue: boolean;
  readonly keepDifference: boolean;
  /** Sum of the dead streams' contributions to the output before tanh, in float64. */
  readonly constant: number;
  /** Empty, or a remark for reports that starts with a comma. */
  readonly note: string;
}

/** Both streams computed. */
export const bothStreams: StreamPruning = {
  keepValue: true,
  keepDifference: true,
  constant: 0,
  note: "",
};

/** The streams that a pruning computes. */
export function keptStreams({ keepValue, keepDifference }: StreamPruning): StreamName[] {
  return streamNames.filter((name) => (name === "value" ? keepValue : keepDifference));
}

/** Bounds of {@link streamBound}. */
export interface StreamBound {
  /** Contribution to the output before tanh when every input is zero. */
  readonly atZero: number;
  /** No input in the range moves the contribution further than this from `atZero`. */
  readonly deviation: number;
}

/** Largest |input| for which a dead stream is proved constant: weights, and their change in an epoch. */
export const provenRange: Readonly<Record<StreamName, number>> = { value: 4, difference: 1 };

/**
 * A stream is dead if it moves the output before tanh by at most this. Float32 rounding in the kernels moves it as far.
 */
const deadBelow = 1e-8;

/** Interval vector: element i lies in [low[i], high[i]]. */
interface Interval {
  readonly low: Float64Array;
  readonly high: Float64Array;
}

function dense({ kernel, bias }: DenseWeights, x: Interval): Interval {
  const outputs = bias.length;
  const low = Float64Array.from(bias);
  const high = Float64Array.from(bias);
  for (let i = 0; i < x.low.length; i++) {
    for (let o = 0; o < outputs; o++) {
      const w = kernel[i * outputs + o]!;
      low[o]! += w * (w > 0 ? x.low[i]! : x.high[i]!);
      high[o]! += w * (w > 0 ? x.high[i]! : x.low[i]!);
    }
  }
  return { low, high };
}

/** A function that never falls, applied to an interval. */
function rising(f: (x: number) => number, x: Interval): Interval {
  return { low: x.low.map(f), high: x.high.map(f) };
}

function product(a: Interval, b: Interval): Interval {
  const corners = (pick: (...values: number[]) => number): Float64Array =>
    a.low.map((low, i) =>
      pick(low * b.low[i]!, low * b.high[i]!, a.high[i]! * b.low[i]!, a.high[i]! * b.high[i]!),
    );
  return { low: corners(Math.min), high: corners(Math.max) };
}

function plus(a: Interval, b: Interval): Interval {
  return { low: a.low.map((x, i) => x + b.low[i]!), high: a.high.map((x, i) => x + b.high[i]!) };
}

const leaky = (x: number): number => (x > 0 ? x : 0.3 * x);
const relu = (x: number): number => Math.max(0, x);

function contribution(stream: StreamWeights, output: DenseWeights, range: number): Interval {
  const inputs = stream.first.kernel.length / stream.first.bias.length;
  const x = {
    low: new Float64Array(inputs).fill(-range),
    high: new Float64Array(inputs).fill(range),
  };
  const second = dense(stream.second, rising(leaky, dense(stream.first, x)));
  const narrow = rising(relu, dense(stream.compress, second));
  const power = rising(Math.exp, product(dense(stream.rate, narrow), second));
  const gated = plus(dense(stream.linear, narrow), product(dense(stream.amplitude, narrow), power));
  return dense(output, rising(leaky, dense(stream.third, gated)));
}

/**
 * How far a stream's contribution to the output before tanh can move.
 *
 * @param range every input lies in [-range, range].
 */
export function streamBound(weights: InvWnnWeights, name: StreamName, range: number): StreamBound {
  const rows = weights.output.kernel.length / 2;
  const kernel = weights.output.kernel.subarray(
    name === "value" ? 0 : rows,
    name === "value" ? rows : undefined,
  );
  const part = { kernel, bias: new Float32Array(1) };
  const atZero = contribution(weights[name], part, 0).low[0]!;
  const { low, high } = contribution(weights[name], part, range);
  return { atZero, deviation: Math.max(high[0]! - atZero, atZero - low[0]!) };
}

/**
 * Leaves out a stream proved constant within {@link provenRange} up to {@link deadBelow}; of two such streams
 * that of the differences.
 */
export function pruneStreams(weights: InvWnnWeights): StreamPruning {
  const bound = (name: StreamName): StreamBound => streamBound(weights, name, provenRange[name]);
  const value = bound("value");
  const difference = bound("difference");
  // NaN must count as alive.
  const keepDifference = !(difference.deviation <= deadBelow);
  const keepValue = !(value.deviation <= deadBelow && keepDifference);
  const dead = [...(keepValue ? [] : ["value"]), ...(keepDifference ? [] : ["difference"])];
  return {
    keepValue,
    keepDifference,
    constant: (keepValue ? 0 : value.atZero) + (keepDifference ? 0 : difference.atZero),
    note: dead.length === 0 ? "" : `, constant ${dead.join(" and ")} stream left out`,
  };
}

/** Floating-point operations a coordinate, for what the pruning keeps. */
export function invwnnFlop(weights: InvWnnWeights, pruning: StreamPruning = bothStreams): number {
  const cost = (stream: StreamWeights): number =>
    Object.values(stream).reduce(
      (sum, layer) => sum + 2 * layer.kernel.length,
      weights.output.kernel.length,
    );
  return (
    (pruning.keepValue ? cost(weights.value) : 0) +
    (pruning.keepDifference ? cost(weights.difference) : 0)
  );
}
