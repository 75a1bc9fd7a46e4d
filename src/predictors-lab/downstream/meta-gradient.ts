/**
 * How the weights of steps should change so that a network ends better: the derivative, by dot products, of where rounds
 * with fixed trajectories lead. The arithmetic is that of `predict/weighted-steps`, in float64.
 */
import { inputsOf, rowNames, type StepWeights } from "../../predictors/weighted-steps/weights.ts";
import { gradientClip } from "../../predictors/weighted-steps/launches.ts";
import { horizon, stepClip } from "../../predictors/weighted-steps/predictor.ts";

/** What a round recorded of a tensor of n weights. */
export interface RecordedTensor {
  readonly name: string;
  /** Its kind of tensor, as a row of the weights. */
  readonly row: number;
  /** Snapshots [K, n], oldest first. */
  readonly history: Float32Array;
  /** Gradients on D_f at the oldest snapshot, [n] each: of the loss, towards the runner-up, and the latter weighted by how
   *  far images are forgotten where they count so. */
  readonly gradients: readonly Float32Array[];
}

/** A round: what it recorded, and what its step was multiplied by. */
export interface RecordedRound {
  readonly tensors: readonly RecordedTensor[];
  readonly strength: number;
}

/** The shape of weights without their values. */
export type StepShape = Pick<StepWeights, "window" | "gradients">;

function rms(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]! ** 2;
  return Math.sqrt(sum / values.length);
}

/** What each weight of a row is multiplied by, [n] each: steps at most 8 root mean squares, gradients at most 5. */
function inputsOfTensor({ history, gradients }: RecordedTensor, shape: StepShape): Float64Array[] {
  const steps = shape.window - 1;
  const size = history.length / shape.window;
  const all = new Float64Array(steps * size);
  for (let i = 0; i < all.length; i++) all[i] = history[i + size]! - history[i]!;
  const r = rms(all);
  const inputs = Array.from({ length: steps }, (_, k) =>
    all.subarray(k * size, (k + 1) * size).map((x) => limited(x, stepClip * r)),
  );
  if (!shape.gradients) return inputs;
  const [own, runnerUp, weighted = runnerUp] = gradients;
  // What counts, and what its size is measured by.
  const pairs = [
    [own!, own!],
    [weighted!, runnerUp!],
  ] as const;
  for (const [gradient, measure] of pairs) {
    const unit = rms(measure);
    const scale = unit === 0 ? 0 : 1 / unit;
    inputs.push(Float64Array.from(gradient, (g) => r * limited(g * scale, gradientClip)));
  }
  return inputs;
}

function limited(x: number, most: number): number {
  return Math.max(-most, Math.min(most, x));
}

/** A round's steps for some weights: by tensor what is taken off, and the inputs it is made of. */
function stepsOf(
  { tensors, strength }: RecordedRound,
  shape: StepShape,
  values: ArrayLike<number>,
): { inputs: Float64Array[][]; directions: Float64Array[]; norm2: number; scale: number } {
  const count = inputsOf(shape);
  let [line2, norm2] = [0, 0];
  const inputs = tensors.map((tensor) => inputsOfTensor(tensor, shape));
  const directions = tensors.map(({ row, history }, t) => {
    const size = history.length / shape.window;
    const e = new Float64Array(size);
    inputs[t]!.forEach((x, k) => {
      const w = values[row * count + k]!;
      for (let i = 0; i < size; i++) e[i]! += w * x[i]!;
    });
    const newest = (shape.window - 1) * size;
    for (let i = 0; i < size; i++) {
      norm2 += e[i]! ** 2;
      line2 += ((horizon / (shape.window - 1)) * (history[newest + i]! - history[i]!)) ** 2;
    }
    return e;
  });
  const scale = norm2 === 0 ? 0 : strength * Math.sqrt(line2 / norm2);
  return { inputs, directions, norm2, scale };
}

/** Where a round leads from its oldest snapshot, by tensor. */
export function displacement(
  round: RecordedRound,
  shape: StepShape,
  values: ArrayLike<number>,
): Map<string, Float64Array> {
  const { directions, scale } = stepsOf(round, shape, values);
  return new Map(round.tensors.map(({ name }, t) => [name, directions[t]!.map((e) => -scale * e)]));
}

/**
 * The derivative of `slope` · (sum of the rounds' displacements) in the weights, trajectories held fixed.
 *
 * @param slope the derivative of a loss at the end, by tensor.
 * @returns [rows, inputs], row-major.
 */
export function metaGradient(
  rounds: readonly RecordedRound[],
  shape: StepShape,
  values: ArrayLike<number>,
  slope: ReadonlyMap<string, ArrayLike<number>>,
): Float64Array {
  const count = inputsOf(shape);
  const result = new Float64Array(rowNames.length * count);
  for (const round of rounds) {
    const { inputs, directions, norm2, scale } = stepsOf(round, shape, values);
    if (norm2 === 0) continue;
    let along = 0;
    round.tensors.forEach(({ name }, t) => {
      const g = slope.get(name)!;
      directions[t]!.forEach((e, i) => (along += e * g[i]!));
    });
    round.tensors.forEach(({ name, row }, t) => {
      const g = slope.get(name)!;
      const e = directions[t]!;
      // The length is the line's, whatever the weights are: what lies along the step has no say.
      const across = e.map((value, i) => g[i]! - (value * along) / norm2);
      inputs[t]!.forEach((x, k) => {
        let sum = 0;
        for (let i = 0; i < x.length; i++) sum += across[i]! * x[i]!;
        result[row * count + k]! -= scale * sum;
      });
    });
  }
  return result;
}
