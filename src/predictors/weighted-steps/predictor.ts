/**
 * Predictors that weigh the steps of a window: as long as the straight line, in a direction of their own.
 *
 * `late` weighs step k by exp(C k), so that the first ones, which are the optimiser's transient, count less. A filter has
 * learnt weights for each kind of tensor; its steps are limited to 8 root mean squares of their tensor's. A mix has
 * weights for two gradients on D_f as well; in the second images may count by how far they are forgotten.
 */
import { UsageError } from "../../errors.ts";
import type { Tensors } from "../../nn/model.ts";
import { onlyFile, type PredictorLoader, requirePlain } from "../loader.ts";
import type { JointPlace, Predictor } from "../predictor.ts";
import { states, tensorsOf, type WeightFile } from "../weight-file.ts";
import { type StepFormula, stepLaunches } from "./launches.ts";
import {
  evenWeights,
  inputsOf,
  rowNames,
  statedWeighting,
  stepWeights,
  type StepWeights,
  usualWindow,
} from "./weights.ts";

/** The line's horizon: a rewound step is as long as that of `linear`. */
export const horizon = 3;

/** Most a step of a learnt filter counts, in root mean squares of its tensor's. */
export const stepClip = 8;

/** Rate of `late` where none is given. */
const usualRate = 0.15;

/** What a predictor of this kind says of itself. */
export interface StepPredictorOptions extends Partial<StepFormula> {
  readonly name: string;
  /** Where the weights came from, for reports. */
  readonly source: string;
  /** The snapshot the step is taken from; the oldest where it is left out. */
  readonly base?: Predictor["base"] | undefined;
  /** Learnt numbers, where it is not all of the weights. */
  readonly parameters?: number;
}

/** A predictor of step weights. Its step is as long, over all recorded weights together, as that of `linear:3`. */
export function weightedSteps(weights: StepWeights, options: StepPredictorOptions): Predictor {
  const { name, source, base = "oldest", parameters = weights.values.length } = options;
  const formula = { horizon: options.horizon ?? horizon, clip: options.clip ?? stepClip };
  return {
    name,
    window: weights.window,
    direction: "past",
    reach: `as far as a line of ${formula.horizon} epochs`,
    normalisation:
      formula.clip === 0
        ? "the step as long as the line's"
        : "steps by their tensor's root mean square; the step as long as the line's",
    base,
    sets: [],
    joint: {
      source,
      parameters,
      gradients: weights.gradients,
      weighting: weights.weighting,
      prepare: async (place: JointPlace) => {
        const steps = await stepLaunches(weights, formula, place);
        // All memory is bound by the place.
        const destroy = (): void => undefined;
        return { steps, destroy, [Symbol.dispose]: destroy };
      },
    },
  };
}

/**
 * The line whose steps are weighted by exp(`rate` k), k = 0 the first, and as long as the line.
 *
 * @param window snapshots K.
 */
export function latePredictor(rate = usualRate, window = usualWindow): Predictor {
  const steps = Array.from({ length: window - 1 }, (_, k) => Math.exp(rate * k));
  const name = `late (steps weighted by exp(${rate} k))`;
  return weightedSteps(evenWeights(steps), { name, source: "formula", clip: 0, parameters: 0 });
}

const spec = /^late(?::(-?\d+(?:\.\d+)?)(?::(\d+))?)?$/;

/**
 * `late`, `late:C`, `late:C:K`: steps of K snapshots weighted by exp(C k).
 *
 * @throws UsageError for fewer than two snapshots, or weights beyond the range of numbers.
 */
export const lateLoader: PredictorLoader = {
  name: "late",
  formula(asked) {
    const match = spec.exec(asked);
    if (match === null) return undefined;
    const [rate, window] = [Number(match[1] ?? usualRate), Number(match[2] ?? usualWindow)];
    if (window < 2) {
      throw new UsageError(
        `predictor "${asked}": a line takes two snapshots or more, not ${window}.`,
      );
    }
    if (Math.abs(rate) * window > 20) {
      throw new UsageError(
        `predictor "${asked}": exp(${rate} k) leaves one step all the weight; take a rate nearer to 0.`,
      );
    }
    return latePredictor(rate, window);
  },
};

/** The weights of a file of format `rewind filter 1` or, with `gradients`, `rewind mix 1`. */
export function weightsOfFile(file: WeightFile, gradients: boolean): StepWeights {
  const weights = stepWeights(tensorsOf(file), gradients, file.source, file.metadata["rows"]);
  return {
    ...weights,
    weighting: gradients ? statedWeighting(file.metadata, file.source) : undefined,
  };
}

/** A loader of learnt weights: the metadata `format` of a file is `rewind NAME 1`. */
function learnt(name: string, gradients: boolean): Omit<PredictorLoader, "name"> {
  return {
    recognises: (file) => states(file, name),
    load(request) {
      requirePlain(request, name, { base: true });
      const file = onlyFile(request);
      return weightedSteps(weightsOfFile(file, gradients), {
        ...{ name: request.name, source: file.source, base: request.base },
      });
    },
  };
}

/** Learnt weights of the steps. */
export const filterLoader: PredictorLoader = {
  name: "filter",
  ...learnt("filter", false),
};

/** Learnt weights of the steps and of two gradients on D_f: the mix of what D_f did to the weights and what it wants. */
export const mixLoader: PredictorLoader = {
  name: "mix",
  ...learnt("mix", true),
};

/** The tensors and metadata of a file that {@link filterLoader} or {@link mixLoader} reads. */
export function stepFile(weights: StepWeights): {
  tensors: Tensors;
  metadata: Record<string, string>;
} {
  const shape = [rowNames.length, inputsOf(weights)];
  return {
    tensors: new Map([["weights", { shape, data: weights.values }]]),
    metadata: {
      format: `rewind ${(weights.gradients ? mixLoader : filterLoader).name} 1`,
      rows: rowNames.join(),
      ...(weights.gradients && { weighting: weights.weighting ?? "even" }),
    },
  };
}

/** Loaders of what `rewind predictor train` learns. */
export const learntLoaders: readonly PredictorLoader[] = [filterLoader, mixLoader];
