import { z } from "zod";
import type { Tuning } from "../gpu/device.ts";
import { ShapeError } from "../errors.ts";
import { applyOperation, type Operation } from "../graph/graph.ts";
import type { Launch, Value } from "../graph/value.ts";
import { format, sameShape } from "../shape.ts";
import { axisSum } from "./launch/axis-sum.ts";
import { lanePart } from "./launch/lanes.ts";
import { ceilDiv } from "./launch/tiles.ts";
import { settingsOf } from "./settings.ts";

/** Settings of {@link layerNorm}. */
export interface LayerNormAttrs {
  /** Added to the variance; 1e-6 by default, as in PVTv2 and ConvNeXt (PyTorch's own is 1e-5). */
  readonly epsilon?: number;
}

const schema = z.strictObject({ epsilon: z.number().min(0).optional() });

/** Threads that fill an adapter, and rows a thread adds at least, in the sums over rows. */
const wantedThreads = { software: 1024, gpu: 32_768 } as const;
const shortest = 16;

/** Launch of an entry that works on whole rows. */
function rowLaunch(
  tuning: Tuning,
  x: Value,
  launch: { entry: string; epsilon: number; bind: Launch["bind"]; flop: number },
): Launch {
  const { epsilon: EPSILON, ...rest } = launch;
  const channels = x.shape.at(-1)!;
  const rows = x.size / channels;
  const team = tuning === "gpu" && channels % 4 === 0;
  // Two quads a thread or more, so that a short row does not spread over a whole workgroup.
  let TEAM = team ? 64 : 1;
  while (TEAM > 1 && TEAM * 8 > channels) TEAM /= 2;
  const constants = { EPSILON, TEAM };
  return { ...rest, ...kernel(x, team), constants, threads: rows * TEAM };
}

/** The kernel for rows of x, in slices of so many rows where it sums over them. */
function kernel(
  x: Value,
  team: boolean,
  slices = 1,
  span = 1,
): Pick<Launch, "shader" | "parts" | "uniforms"> {
  const channels = x.shape.at(-1)!;
  const quads = channels % 4 === 0;
  const width = quads ? channels / 4 : channels;
  return {
    shader: "norm/layer-norm",
    parts: [lanePart(quads), team ? "norm/team" : "norm/alone"],
    uniforms: { sizes: Uint32Array.of(x.size / channels, width, slices, span) },
  };
}

const operation: Operation<Required<LayerNormAttrs>> = {
  name: "layerNorm",
  takes: { x: "f32", gamma: "f32", beta: "f32" },
  neurons: "scaled",
  shape: ([x, ...parameters]) => {
    const channels = x!.at(-1);
    if (channels === undefined)
      throw new ShapeError(`layerNorm: input ${format(x!)} has no axis to normalise over.`);
    for (const [i, shape] of parameters.entries()) {
      if (!sameShape(shape, [channels])) {
        throw new ShapeError(
          `layerNorm: input ${format(x!)} has ${channels} channels, so ${i === 0 ? "gamma" : "beta"} ` +
            `must be [${channels}], got ${format(shape)}.`,
        );
      }
    }
    return x!;
  },
  // Mean and inverse deviation of each row.
  saved: ([x]) => ({ stats: { shape: [x!.slice(0, -1).reduce((n, size) => n * size, 1), 2] } }),
  forward: ({ inputs, y, saved, attrs, tuning }) => {
    const [x, gamma, beta] = inputs as [Value, Value, Value];
    const bind = { x, gamma, beta, y, stats_out: saved["stats"]! };
    return [rowLaunch(tuning, x, { ...attrs, entry: "forward", bind, flop: 8 * x.size })];
  },
  backward: ({ inputs, saved, attrs, dy, dinputs, tuning, scratch }) => {
    const [x, gamma] = inputs as [Value, Value];
    const [dx = null, dgamma = null, dbeta = null] = dinputs;
    const stats = saved["stats"]!;
    const launches: Launch[] = [];
    if (dgamma !== null || dbeta !== null) {
      const C = x.shape.at(-1)!;
      const rows = x.size / C;
      const lanes = C % 4 === 0 ? C / 4 : C;
      const span = Math.max(shortest, ceilDiv(rows * lanes, wantedThreads[tuning]));
      const slices = ceilDiv(rows, span);
      const partial_gamma = scratch("partial gamma", [slices, C]);
      const partial_beta = scratch("partial beta", [slices, C]);
      launches.push({
        ...kernel(x, false, slices, span),
        entry: "sums",
        constants: { EPSILON: attrs.epsilon, TEAM: 1 },
        bind: { x, dy, stats, partial_gamma, partial_beta },
        threads: slices * lanes,
        flop: 5 * x.size,
      });
      for (const [part, d] of [
        [partial_gamma, dgamma],
        [partial_beta, dbeta],
      ] as const) {
        if (d === null) continue;
        launches.push(...axisSum(tuning, part, d, { outer: 1, axis: slices, inner: C }, scratch));
      }
    }
    if (dx !== null) {
      const bind = { x, dy, gamma, stats, dx };
      launches.push(
        rowLaunch(tuning, x, { ...attrs, entry: "input_gradient", bind, flop: 12 * x.size }),
      );
    }
    return launches;
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
