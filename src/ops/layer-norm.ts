import { z } from "zod";
import type { Tuning } from "../gpu/device.ts";
import { applyOperation, type BackwardContext, type Operation } from "../graph/graph.ts";
import { foldGroups } from "../graph/grid.ts";
import type { Launch, Value } from "../graph/value.ts";
import { requirePerChannel } from "./affine.ts";
import { lanePart } from "./launch/lanes.ts";
import { columnBands } from "./launch/reduce.ts";
import { type Sets, standardise, standardiseGradients } from "./launch/standardise.ts";
import { ceilDiv } from "./launch/tiles.ts";
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

/** Threads of a workgroup of norm/layer-norm-gradients, bands of rows that fill a GPU, and rounds that one pays for. */
const [bandThreads, wantedBands, leastRounds] = [256, 512, 4] as const;

/** Launches of all three gradients of layer norm on a GPU, of which the first reads x and dy once. */
function allGradients(
  { sets: rows, channels, vec4 }: Sets,
  { inputs: [x, gamma], saved, dy, scratch }: BackwardContext<unknown>,
  [dx, dgamma, dbeta]: readonly [Value, Value, Value],
): Launch[] {
  const width = vec4 ? channels / 4 : channels;
  const team = 2 ** Math.ceil(Math.log2(width));
  const enough = ceilDiv(rows * team, bandThreads * leastRounds);
  const span = ceilDiv(rows, Math.min(enough, wantedBands));
  const bands = ceilDiv(rows, span);
  const partial_gamma = scratch("partial gamma", [bands, channels]);
  const partial_beta = scratch("partial beta", [bands, channels]);
  const joined = (partial: Value, whole: Value): Launch => {
    const { slices: _, ...launch } = columnBands(bands, channels, 1);
    return { ...launch, bind: { x: partial, y: whole }, flop: partial.size };
  };
  return [
    {
      shader: "norm/layer-norm-gradients",
      parts: [lanePart(vec4)],
      constants: { TEAM: team },
      uniforms: { sizes: Uint32Array.of(rows, width, span) },
      bind: {
        ...{ x: x!, gamma: gamma!, stats: saved["stats"]!, dy, dx, partial_gamma, partial_beta },
      },
      groups: foldGroups(bands),
      flop: 16 * x!.size,
    },
    joined(partial_gamma, dgamma),
    joined(partial_beta, dbeta),
  ];
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
  backward: (given) => {
    const { tuning, inputs, dinputs, attrs } = given;
    const [dx, dgamma, dbeta] = dinputs;
    const sets = setsOf(tuning, inputs[0]!, attrs.epsilon);
    const all = dx != null && dgamma != null && dbeta != null;
    // A workgroup has a thread for each lane of a row.
    const fits = sets.channels <= bandThreads * (sets.vec4 ? 4 : 1);
    return tuning === "gpu" && all && fits
      ? allGradients(sets, given, [dx, dgamma, dbeta])
      : standardiseGradients(sets, given);
  },
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
