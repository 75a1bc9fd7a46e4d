import { z } from "zod";
import type { Tuning } from "../gpu/device.ts";
import { applyOperation, type Operation } from "../graph/graph.ts";
import type { Value } from "../graph/value.ts";
import { requirePerChannel } from "./affine.ts";
import { type Sets, standardise, standardiseGradients } from "./launch/standardise.ts";
import { settingsOf } from "./settings.ts";

/** Settings of {@link layerNorm}. */
export interface LayerNormAttrs {
  /** Added to the variance; 1e-6 by default, as in PVTv2 and ConvNeXt (PyTorch's own is 1e-5). */
  readonly epsilon?: number;
}

const schema = z.strictObject({ epsilon: z.number().min(0).optional() });

/** Rows of x, each a set of its own. */
function setsOf(tuning: Tuning, x: Value, epsilon: number): Sets {
  const channels = x.shape.at(-1)!;
  const rows = x.size / channels;
  const vec4 = channels % 4 === 0;
  // Two quads a thread or more, so that a short row does not spread over a whole workgroup.
  let team = tuning === "gpu" && vec4 ? 64 : 1;
  while (team > 1 && team * 8 > channels) team /= 2;
  const width = vec4 ? channels / 4 : channels;
  return {
    shader: "norm/layer-norm",
    constants: { EPSILON: epsilon },
    ...{ sets: rows, channels, vec4, team },
    sizes: (slices, span) => Uint32Array.of(rows, width, slices, span),
  };
}

const operation: Operation<Required<LayerNormAttrs>> = {
  name: "layerNorm",
  takes: { x: "f32", gamma: "f32", beta: "f32" },
  neurons: "scaled",
  shape: ([x, ...parameters]) => {
    requirePerChannel("layerNorm", x!, parameters, ["gamma", "beta"]);
    return x!;
  },
  // Mean and inverse deviation of each row.
  saved: ([x]) => ({ stats: { shape: [x!.slice(0, -1).reduce((n, size) => n * size, 1), 2] } }),
  forward: (given) =>
    standardise(setsOf(given.tuning, given.inputs[0]!, given.attrs.epsilon), given),
  backward: (given) =>
    standardiseGradients(setsOf(given.tuning, given.inputs[0]!, given.attrs.epsilon), given),
};

/**
 * Layer normalisation over the last axis (Ba, Kiros and Hinton 2016):
 * y = gamma · (x - mean) / sqrt(variance + epsilon) + beta, with the mean and biased variance of each row.
 *
 * It knows no running statistics: training and evaluation compute the same.
 *
 * @param x [..., C]; rows are all axes but the last.
 * @param gamma scale [C].
 * @param beta shift [C].
 * @returns a value of x's shape.
 * @throws ShapeError if gamma or beta is not [C].
 */
export function layerNorm(
  x: Value,
  gamma: Value,
  beta: Value,
  attrs: LayerNormAttrs = {},
  label?: string,
): Value {
  const { epsilon = 1e-6 } = settingsOf(schema, attrs, label ?? "layerNorm");
  return applyOperation(operation, [x, gamma, beta], { epsilon }, label);
}
