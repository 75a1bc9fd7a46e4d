import { z } from "zod";
import type { Tuning } from "../gpu/device.ts";
import { ShapeError } from "../errors.ts";
import { applyOperation, type Operation } from "../graph/graph.ts";
import { floatWord, type Launch, type Value } from "../graph/value.ts";
import { count, format, type Shape } from "../shape.ts";
import { affineInputs, requirePerChannel } from "./affine.ts";
import { axisSum } from "./launch/axis-sum.ts";
import { lanePart } from "./launch/lanes.ts";
import { ceilDiv } from "./launch/tiles.ts";
import { settingsOf } from "./settings.ts";

/** Settings of {@link groupNorm}. */
export interface GroupNormAttrs {
  /** Groups that the channels are divided into. */
  readonly groups: number;
  /** Added to the variance; 1e-5 by default, as in PyTorch. */
  readonly epsilon?: number;
}

const schema = z.strictObject({ groups: z.number(), epsilon: z.number().min(0).optional() });

/** Threads that fill an adapter, and pixels a thread adds at least, in the sums over pixels. */
const wantedThreads = { software: 1024, gpu: 32_768 } as const;
const shortest = 16;

interface Sizes {
  readonly examples: number;
  readonly pixels: number;
  readonly channels: number;
  readonly groups: number;
  readonly epsilon: number;
}

function sizesOf(x: Shape, attrs: Required<GroupNormAttrs>): Sizes {
  return { examples: x[0]!, pixels: count(x.slice(1, -1)), channels: x.at(-1)!, ...attrs };
}

/** A launch but for its grid; `slices` of `span` pixels are those of the sums. */
function kernel(
  { examples, pixels, channels, groups, epsilon }: Sizes,
  constants: { readonly AFFINE: boolean; readonly TEAM: number },
  { slices, span } = { slices: 1, span: 1 },
): Pick<Launch, "shader" | "parts" | "constants" | "uniforms"> {
  const own = channels / groups;
  const vec4 = own % 4 === 0;
  const width = vec4 ? own / 4 : own;
  return {
    shader: "norm/group-norm",
    parts: [lanePart(vec4), constants.TEAM > 1 ? "norm/team" : "norm/alone"],
    constants,
    uniforms: {
      sizes: Uint32Array.of(
        ...[examples * groups, groups, pixels, width, slices, span, floatWord(epsilon)],
      ),
    },
  };
}

/** Threads of a team: a workgroup on a GPU, fewer for a group that does not give each of them a quad. */
function teamOf(tuning: Tuning, { pixels, channels, groups }: Sizes): number {
  if (tuning === "software") return 1;
  return (pixels * channels) / groups >= 256 ? 64 : 8;
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
    forward: ({ inputs: [x, gamma, beta], y, saved, attrs, tuning }) => {
      const sizes = sizesOf(x!.shape, attrs);
      const TEAM = teamOf(tuning, sizes);
      return [
        {
          ...kernel(sizes, { AFFINE: affine, TEAM }),
          entry: "forward",
          bind: { x: x!, gamma: gamma ?? null, beta: beta ?? null, y, stats_out: saved["stats"]! },
          threads: sizes.examples * sizes.groups * TEAM,
          flop: 8 * x!.size,
        },
      ];
    },
    backward: ({ inputs: [x, gamma], saved, attrs, dy, dinputs, tuning, scratch }) => {
      const [dx = null, dgamma = null, dbeta = null] = dinputs;
      const stats = saved["stats"]!;
      const sizes = sizesOf(x!.shape, attrs);
      const constants = { AFFINE: affine };
      const launches: Launch[] = [];
      if (dgamma !== null || dbeta !== null) {
        const { examples, pixels, channels, groups } = sizes;
        const lanes = (channels / groups) % 4 === 0 ? channels / 4 : channels;
        const rows = examples * pixels;
        const span = Math.max(shortest, ceilDiv(rows * lanes, wantedThreads[tuning]));
        const slices = ceilDiv(rows, span);
        const partial_gamma = scratch("partial gamma", [slices, channels]);
        const partial_beta = scratch("partial beta", [slices, channels]);
        launches.push({
          ...kernel(sizes, { ...constants, TEAM: 1 }, { slices, span }),
          entry: "sums",
          bind: { x: x!, dy, stats, partial_gamma, partial_beta },
          threads: slices * lanes,
          flop: 5 * x!.size,
        });
        const sum = { outer: 1, axis: slices, inner: channels };
        for (const [part, d] of [
          [partial_gamma, dgamma],
          [partial_beta, dbeta],
        ] as const) {
          if (d !== null) launches.push(...axisSum(tuning, part, d, sum, scratch));
        }
      }
      if (dx !== null) {
        const TEAM = teamOf(tuning, sizes);
        launches.push({
          ...kernel(sizes, { ...constants, TEAM }),
          entry: "input_gradient",
          bind: { x: x!, dy, gamma: gamma ?? null, stats, dx },
          threads: sizes.examples * sizes.groups * TEAM,
          flop: 12 * x!.size,
        });
      }
      return launches;
    },
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
