import { ShapeError } from "../errors.ts";
import { applyOperation, type Operation } from "../graph/graph.ts";
import type { Launch, Value } from "../graph/value.ts";
import { format, sameShape, type Shape } from "../shape.ts";
import { type Conv2dAttrs, windowShape } from "./launch/conv2d-window.ts";
import {
  depthwiseForward,
  depthwiseInputGrad,
  type DepthwiseShape,
  depthwiseWeightGrad,
} from "./launch/depthwise.ts";
import { biasGradient, layerGradients, type WeightGradient } from "./launch/sliced.ts";

/** All sizes of a depthwise convolution; throws {@link ShapeError} where they do not fit. */
function depthwiseShape([x, w, b]: readonly Shape[], attrs: Conv2dAttrs): DepthwiseShape {
  const name = "depthwiseConv2d";
  if (x!.length !== 4 || w!.length !== 3) {
    throw new ShapeError(
      `${name}: the input must be [N, H, W, C] and the weight [KH, KW, C], ` +
        `got input ${format(x!)}, weight ${format(w!)}.`,
    );
  }
  const [n, height, width, c] = x as readonly number[] as [number, number, number, number];
  const [kh, kw, expected] = w as readonly number[] as [number, number, number];
  if (c !== expected) {
    throw new ShapeError(
      `${name}: input ${format(x!)} has ${c} channels, weight ${format(w!)} expects ${expected}.`,
    );
  }
  if (b !== undefined && !sameShape(b, [c])) {
    throw new ShapeError(
      `${name}: weight ${format(w!)} has ${c} channels, so the bias must be [${c}], got ${format(b)}.`,
    );
  }
  const window = windowShape(name, x!, w!, attrs);
  return { n, h: height, w: width, c, kh, kw, ...window, hasBias: b !== undefined };
}

const operation: Operation<Conv2dAttrs> = {
  name: "depthwiseConv2d",
  takes: { x: "f32", w: "f32", b: "f32" },
  neurons: "depthwise",
  shape: (shapes, attrs) => {
    const { n, oh, ow, c } = depthwiseShape(shapes, attrs);
    return [n, oh, ow, c];
  },
  forward: ({ inputs, y, attrs, tuning }) => {
    const [x, w, b] = inputs;
    const shape = depthwiseShape(
      inputs.map((value) => value.shape),
      attrs,
    );
    const bind = { source: x!, w: w!, b: b ?? null, result: y };
    return [{ ...depthwiseForward(shape, tuning), bind, flop: flop(shape) }];
  },
  backward: ({ inputs, dy, dinputs: [dx, dw, db], attrs, tuning, scratch }) => {
    const [x, w] = inputs;
    const shape = depthwiseShape(
      inputs.map((value) => value.shape),
      attrs,
    );
    const launches: Launch[] = [];
    if (dx != null) {
      const bind = { source: dy, w: w!, result: dx };
      launches.push({ ...depthwiseInputGrad(shape, tuning), bind, flop: flop(shape) });
    }
    if (dw != null) {
      // On GPUs, where reading costs more than adding.
      const sums = db != null && tuning === "gpu" ? "partial_bias" : undefined;
      const weights: WeightGradient = {
        launch: depthwiseWeightGrad(shape, tuning, sums !== undefined),
        bind: { x: x!, dy, partial_bias: null },
        output: { name: "partial", value: dw },
        ...{ flop: flop(shape), sums },
      };
      launches.push(...layerGradients(tuning, weights, dy, db ?? null, scratch));
    } else if (db != null) {
      launches.push(...biasGradient(tuning, dy, db, scratch));
    }
    return launches;
  },
};

/** Floating-point operations of each of the three kernels; padding counts as if it were data. */
function flop({ n, oh, ow, c, kh, kw }: DepthwiseShape): number {
  return 2 * n * oh * ow * c * kh * kw;
}

/**
 * Depthwise convolution of images: each channel has one window of its own,
 * y[n, i, j, c] = b[c] + sum over (p, q) of x[n, i · stride + p - top, j · stride + q - left, c] w[p, q, c].
 *
 * @param x [N, H, W, C].
 * @param w [KH, KW, C].
 * @param b [C], or null for none.
 * @returns [N, OH, OW, C] with OH = floor((H + top + bottom - KH) / stride) + 1.
 * @throws ShapeError if the sizes do not fit or the window is larger than the padded input.
 */
export function depthwiseConv2d(
  x: Value,
  w: Value,
  b: Value | null,
  attrs: Conv2dAttrs = {},
  label?: string,
): Value {
  return applyOperation(operation, b === null ? [x, w] : [x, w, b], attrs, label);
}
