/** What meta-training moves: the numbers of a predictor, and how where rounds lead depends on them. */
import type { Tensors } from "../../nn/model.ts";
import type { Predictor, Weighting } from "../../predictors/predictor.ts";
import { horizon, stepFile, weightedSteps } from "../../predictors/weighted-steps/predictor.ts";
import {
  inputsOf,
  rowNames,
  type StepWeights,
  usualWindow,
} from "../../predictors/weighted-steps/weights.ts";
import { metaGradient, type RecordedRound } from "./meta-gradient.ts";
import type { Vector } from "./slope.ts";

/** What a predictor in training is called. */
export const inTraining = { name: "in training", source: "meta-training" } as const;

/** A file of a predictor; its name follows that of the meta-training. */
export interface LearntFile {
  readonly name: string;
  readonly tensors: Tensors;
  readonly metadata: Readonly<Record<string, string>>;
}

/** A kind of predictor that is learnt end to end. */
export interface Learner {
  /** Where its numbers begin. */
  readonly start: readonly number[];
  /** Learning-rate factor of each number; 1 where it is absent. */
  readonly rates?: readonly number[];
  predictor(values: readonly number[]): Predictor;
  /**
   * The derivative of `slope` · (sum of the rounds' displacements) in the numbers, trajectories held fixed.
   *
   * @param slope the derivative of a loss at the end, by parameter of the network that was rewound.
   * @param seed decides what is drawn, where not all weights are looked at.
   */
  gradient(
    rounds: readonly RecordedRound[],
    values: readonly number[],
    slope: Vector,
    seed: number,
  ): Promise<Float64Array>;
  /** The predictor as its loader reads it. */
  files(values: readonly number[]): LearntFile[];
}

/** A step's weight where all steps weigh alike: the straight line's. */
export const evenWeight = horizon / (usualWindow - 1);

/**
 * Weights of the steps, a row for each kind of tensor; with `gradients` of those on D_f too.
 *
 * @param shape `begin`: learnt weights to begin at, with or without gradients; the straight line where there are none.
 */
export function stepLearner(shape: {
  readonly gradients: boolean;
  readonly weighting?: Weighting | undefined;
  readonly begin?: StepWeights | undefined;
}): Learner {
  const { gradients, weighting, begin } = shape;
  const steps = usualWindow - 1;
  const count = inputsOf({ window: usualWindow, gradients });
  const known = begin === undefined ? steps : inputsOf(begin);
  const start = rowNames.flatMap((_, r) =>
    Array.from({ length: count }, (__, k) =>
      k < known ? (begin?.values[r * known + k] ?? evenWeight) : 0,
    ),
  );
  /** Weights as kernels take them. */
  const weightsOf = (values: readonly number[]): StepWeights => ({
    ...{ window: usualWindow, gradients, weighting, values: Float32Array.from(values) },
  });
  return {
    start,
    predictor: (values) => weightedSteps(weightsOf(values), inTraining),
    gradient: (rounds, values, slope) => {
      const weights = weightsOf(values);
      return Promise.resolve(metaGradient(rounds, weights, weights.values, slope));
    },
    files: (values) => [{ name: ".safetensors", ...stepFile(weightsOf(values)) }],
  };
}
