import { z } from "zod";
import { ShapeError } from "../errors.ts";
import { elementwise } from "../graph/elementwise.ts";
import { applyOperation, type Operation } from "../graph/graph.ts";
import { floatWord, type Launch, type Value } from "../graph/value.ts";
import { format, sameShape } from "../shape.ts";
import { axisSum } from "./launch/axis-sum.ts";
import { numberSchema, requireFinite, requireValue, settingsOf } from "./settings.ts";

/** Quads one thread of the first stage adds. */
const quadsPerSlice = 16;

/** scale · sum of |x - t|; without t, of |x|. */
const operation: Operation<{ scale: number }> = {
  name: "l1Loss",
  takes: { prediction: "f32", target: "f32" },
  shape: ([x, t]) => {
    if (t !== undefined && !sameShape(x!, t)) {
      throw new ShapeError(
        `l1Loss: prediction ${format(x!)} and target ${format(t)} must have one shape.`,
      );
    }
    return [1];
  },
  forward: ({ inputs: [x, t], y, attrs, tuning, scratch }) => {
    const quads = Math.ceil(x!.size / 4);
    const slices = Math.ceil(quads / quadsPerSlice);
    const partial = scratch("partial sums", [slices, 4]);
    const bind = { x: x!, t: t ?? null, partial };
    const first: Launch = {
      ...elementwise(tuning, kernel("forward", attrs.scale, t), x!.size, bind),
      threads: slices,
      flop: 3 * x!.size,
    };
    return [
      first,
      ...axisSum(tuning, partial, y, { outer: 1, axis: partial.size, inner: 1 }, scratch),
    ];
  },
  backward: ({ inputs: [x, t], dy, dinputs: [dx, dt], attrs, tuning }) => {
    const gradient = (d: Value | null | undefined, scale: number): Launch[] => {
      if (d == null) return [];
      const bind = { x: x!, t: t ?? null, dloss: dy, dx: d };
      return [elementwise(tuning, kernel("backward", scale, t), d.size, bind)];
    };
    return [...gradient(dx, attrs.scale), ...gradient(dt, -attrs.scale)];
  },
};

function kernel(
  entry: "forward" | "backward",
  scale: number,
  t: Value | undefined,
): Pick<Launch, "shader" | "entry" | "constants" | "uniforms"> {
  const constants = { QUADS: quadsPerSlice, HAS_TARGET: t !== undefined };
  return {
    shader: "loss/l1",
    entry,
    constants,
    uniforms: { scale: Uint32Array.of(floatWord(scale)) },
  };
}

const schema = z.strictObject({ scale: numberSchema.optional() });

/**
 * ℓ1 loss: scale · sum of |prediction - target|, a scalar [1]. Its derivative is 0 where both are equal.
 *
 * @param target of the prediction's shape; it may need a gradient too.
 * @param options `scale`: 1 / number of elements by default (the mean).
 * @throws ShapeError if the shapes differ or the scale is not finite.
 */
export function l1Loss(
  prediction: Value,
  target: Value,
  options: { readonly scale?: number } = {},
): Value {
  requireValue("l1Loss", "prediction", prediction);
  const { scale = 1 / prediction.size } = settingsOf(schema, options, "l1Loss");
  requireFinite("l1Loss", "scale", scale);
  return applyOperation(operation, [prediction, target], { scale });
}

/** ℓ1 regulariser: coefficient · sum of |x|, a scalar [1]. Its derivative at 0 is 0. */
export function l1Norm(x: Value, coefficient: number): Value {
  requireFinite("l1Norm", "coefficient", coefficient);
  return applyOperation({ ...operation, name: "l1Norm" }, [x], { scale: coefficient });
}
