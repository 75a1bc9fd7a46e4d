/**
 * Introspection (Sinha, Sarkar, Mukherjee, Krishnamurthy, ICLR 2017): forecasts the weight at step 2t
 * from four values on the way to step t. No weights are published; `rewind predictor fit` makes them.
 */
import { parameterKinds } from "../weights/arena.ts";
import { ShapeError } from "../errors.ts";
import { predictionLaunch } from "./launch.ts";
import { baseCode, type Predictor } from "./predictor.ts";
import { onlyFile, type PredictorLoader, requirePlain } from "./loader.ts";
import type { DenseWeights } from "./two-stream.ts";
import { states, tensorsOf } from "./weight-file.ts";

/** Where the four values lie, as shares of the steps done. */
export const introspectionTimes = [0.4, 0.7, 0.9, 1] as const;

/** Epochs done where one number is needed: to fit, and to show what it does. */
export const shownEpochs = 10;

const inputs = introspectionTimes.length;
const width = 40;
/** Floating-point operations a coordinate. */
const flop = 2 * (inputs * width + width);

/** All weights: 241 numbers. */
export interface IntrospectionWeights {
  /** 4 → 40, rectified. */
  readonly hidden: DenseWeights;
  /** 40 → 1. */
  readonly output: DenseWeights;
}

/**
 * Weights from tensors `hidden.weight` [4, 40], `hidden.bias`, `output.weight` [40, 1], `output.bias`.
 *
 * @throws ShapeError if one is missing or has another shape.
 */
function introspectionWeights(
  tensors: ReadonlyMap<string, { readonly shape: readonly number[]; readonly data: Float32Array }>,
): IntrospectionWeights {
  const take = (name: string, shape: readonly number[]): Float32Array => {
    const tensor = tensors.get(name);
    if (tensor?.shape.join() !== shape.join()) {
      const found = tensor === undefined ? "is missing" : `has shape [${tensor.shape.join(", ")}]`;
      throw new ShapeError(
        `Introspection: tensor "${name}" ${found}, [${shape.join(", ")}] is needed.`,
      );
    }
    return tensor.data;
  };
  return {
    hidden: { kernel: take("hidden.weight", [inputs, width]), bias: take("hidden.bias", [width]) },
    output: { kernel: take("output.weight", [width, 1]), bias: take("output.bias", [1]) },
  };
}

/** Weights as `predict/introspection` reads them. */
function packIntrospection({ hidden, output }: IntrospectionWeights): Float32Array {
  const packed = new Float32Array(8 * width + 4);
  for (let o = 0; o < width; o++) {
    for (let i = 0; i < inputs; i++) packed[8 * o + i] = hidden.kernel[i * width + o]!;
    packed[8 * o + 4] = hidden.bias[o]!;
    packed[8 * o + 5] = output.kernel[o]!;
  }
  packed[8 * width] = output.bias[0]!;
  return packed;
}

/** The predictor: a window of four snapshots at {@link introspectionTimes}. */
function introspectionPredictor(
  name: string,
  weights: IntrospectionWeights,
  source: string,
): Predictor {
  return {
    name,
    window: inputs,
    direction: "future",
    reach: "as far again as the training has come",
    horizon: shownEpochs,
    times: introspectionTimes.map((time) => time * shownEpochs),
    normalisation: "times 1000",
    base: "newest",
    sets: [
      {
        name: "all",
        kinds: parameterKinds,
        source,
        parameters: inputs * width + 2 * width + 1,
        flop,
        weights: () => ({ weights: packIntrospection(weights) }),
        launches: (job) => [
          predictionLaunch(job, {
            shader: "predict/introspection",
            constants: { BASE: baseCode[job.base] },
            bind: job.weights,
            flop,
          }),
        ],
      },
    ],
  };
}

/** Introspection from a safetensors file of `rewind predictor fit`. */
export const introspectionLoader: PredictorLoader = {
  name: "introspection",
  recognises: (file) => states(file, "introspection"),
  load(request) {
    requirePlain(request, this.name);
    const file = onlyFile(request);
    return introspectionPredictor(request.name, introspectionWeights(tensorsOf(file)), file.source);
  },
};
