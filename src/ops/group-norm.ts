import { z } from "zod";
import type { Tuning } from "../gpu/device.ts";
import { ShapeError } from "../errors.ts";
import { applyOperation, type Operation } from "../graph/graph.ts";
import { floatWord, type Value } from "../graph/value.ts";
import { count, format } from "../shape.ts";
import { affineInputs, requirePerChannel } from "./affine.ts";
import { type Sets, standardise, standardiseGradients } from "./launch/standardise.ts";
import { settingsOf } from "./settings.ts";

/** Settings of {@link groupNorm}. */
export interface GroupNormAttrs {
  /** Groups that the channels are divided into. */
  readonly groups: number;
  /** Added to the variance; 1e-5 by default, as in PyTorch. */
  readonly epsilon?: number;
}

const schema = z.strictObject({ groups: z.number(), epsilon: z.number().min(0).optional() });

/** Groups of the examples of x, each a set of its own. */
function setsOf(
  tuning: Tuning,
  x: Value,
  { groups, epsilon }: Required<GroupNormAttrs>,
  affine: boolean,
): Sets {
  const channels = x.shape.at(-1)!;
  const pixels = count(x.shape.slice(1, -1));
  const own = channels / groups;
  const vec4 = own % 4 === 0;
  const [sets, width] = [x.shape[0]! * groups, vec4 ? own / 4 : own];
  return {
    shader: "norm/group-norm",
    constants: { AFFINE: affine },
    ...{ sets, channels, vec4 },
    // A workgroup on a GPU, fewer threads for a group that does not give each of them a quad.
    team: tuning === "software" ? 1 : pixels * own >= 256 ? 64 : 8,
    sizes: (slices, span) =>
      Uint32Array.of(sets, groups, pixels, width, slices, span, floatWord(epsilon)),
  };
}

function operationOf(affine: boolean): Operation<Required<GroupNormAttrs>> {
  return {
    name: "groupNorm",
    takes: { x: "f32", gamma: "f32", beta: "f32" },
    neurons: affine ? "scaled" : "same",
    shape: ([x, ...parameters], { groups }) => {
      const channels = x!.at(-1)!;
      if (x!.length < 2) {
        throw new ShapeError(`groupNorm: the input must be [N, …, C], got ${format(x!)}.`);
      }
      if (!Number.isInteger(groups) || groups < 1 || channels % groups !== 0) {
        throw new ShapeError(
          `groupNorm: ${channels} channels of ${format(x!)} do not make ${groups} equal groups.`,
        );
      }
      requirePerChannel("groupNorm", x!, parameters, ["gamma", "beta"]);
      return x!;
    },
    // Mean and inverse deviation of each group of each example.
    saved: ([x], { groups }) => ({ stats: { shape: [x![0]! * groups, 2] } }),
    forward: (given) =>
      standardise(setsOf(given.tuning, given.inputs[0]!, given.attrs, affine), given),
    backward: (given) =>
      standardiseGradients(setsOf(given.tuning, given.inputs[0]!, given.attrs, affine), given),
  };
}

const [affine, plain] = [operationOf(true), operationOf(false)];

/**
 * Group normalisation (Wu and He 2018): the channels of each example are divided into groups of neighbours, and
 * y = gamma · (x - mean) / sqrt(variance + epsilon) + beta with the mean and biased variance of each group over its
 * channels and all pixels.
 *
 * It knows no running statistics: training and evaluation compute the same, for any batch.
 *
 * @param x [N, …, C].
 * @param gamma scale [C]; null together with beta: 1.
 * @param beta shift [C]; null together with gamma: 0.
 * @returns a value of x's shape.
 * @throws ShapeError if the groups do not divide the channels, or gamma or beta is not [C].
 */
export function groupNorm(
  x: Value,
  gamma: Value | null,
  beta: Value | null,
  attrs: GroupNormAttrs,
  label?: string,
): Value {
  const { groups, epsilon = 1e-5 } = settingsOf(schema, attrs, label ?? "groupNorm");
  const parameters = affineInputs(label ?? "groupNorm", gamma, beta);
  const operation = parameters.length > 0 ? affine : plain;
  return applyOperation(operation, [x, ...parameters], { groups, epsilon }, label);
}
