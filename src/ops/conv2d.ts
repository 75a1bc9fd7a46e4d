import { ShapeError } from "../errors.ts";
import { applyOperation, type Operation } from "../graph/graph.ts";
import type { Launch, Value } from "../graph/value.ts";
import { format, sameShape, type Shape } from "../shape.ts";
import {
  conv2dForward,
  conv2dInputGrad,
  type Conv2dShape,
  conv2dWeightGrad,
} from "./launch/conv2d.ts";
import { type Conv2dAttrs, windowShape } from "./launch/conv2d-window.ts";
import { biasGradient, productGradients } from "./launch/sliced.ts";
import {
  winogradForward,
  winogradInputGrad,
  winogradTile,
  winogradWeightGrad,
} from "./launch/winograd.ts";

export type { Conv2dAttrs } from "./launch/conv2d-window.ts";

/** All sizes of a convolution; throws {@link ShapeError} where they do not fit. */
function conv2dShape([x, w, b]: readonly Shape[], attrs: Conv2dAttrs): Conv2dShape {
  if (x!.length !== 4 || w!.length !== 4) {
    throw new ShapeError(
      `conv2d: the input must be [N, H, W, Cin] and the weight [KH, KW, Cin, Cout], ` +
        `got input ${format(x!)}, weight ${format(w!)}.`,
    );
  }
  const [n, height, width, cin] = x as readonly number[] as [number, number, number, number];
  const [kh, kw, expected, cout] = w as readonly number[] as [number, number, number, number];
  if (cin !== expected) {
    throw new ShapeError(
      `conv2d: input ${format(x!)} has ${cin} channels, weight ${format(w!)} expects ${expected}.`,
    );
  }
  if (b !== undefined && !sameShape(b, [cout])) {
    throw new ShapeError(
      `conv2d: weight ${format(w!)} has ${cout} filters, so the bias must be [${cout}], got ${format(b)}.`,
    );
  }
  const window = windowShape("conv2d", x!, w!, attrs);
  const hasBias = b !== undefined;
  return { n, h: height, w: width, cin, cout, kh, kw, ...window, hasBias };
}

const operation: Operation<Conv2dAttrs> = {
  name: "conv2d",
  takes: { x: "f32", w: "f32", b: "f32" },
  neurons: "dense",
  shape: (shapes, attrs) => {
    const { n, oh, ow, cout } = conv2dShape(shapes, attrs);
    return [n, oh, ow, cout];
  },
  forward: (context) => {
    const { inputs, y, attrs, tuning } = context;
    const [x, w, b = null] = inputs as [Value, Value, Value?];
    const shape = conv2dShape(
      inputs.map((value) => value.shape),
      attrs,
    );
    const tile = winogradTile(context, shape, "forward");
    if (tile !== undefined) return winogradForward(context, shape, tile, { x, w, bias: b, y });
    const bind = { a: x, b: w, bias: b, c: y };
    return [{ ...conv2dForward(tuning, shape), bind, flop: flop(shape) }];
  },
  backward: (context) => {
    const { inputs, dy, dinputs, attrs, tuning, scratch } = context;
    const [x, w] = inputs as [Value, Value];
    const [dx, dw, db] = dinputs;
    const shape = conv2dShape(
      inputs.map((value) => value.shape),
      attrs,
    );
    const launches: Launch[] = [];
    if (dx != null) {
      const tile = winogradTile(context, shape, "inputGrad");
      const bind = { a: dy, b: w, bias: null, c: dx };
      launches.push(
        ...(tile === undefined
          ? [{ ...conv2dInputGrad(tuning, shape), bind, flop: flop(shape) }]
          : winogradInputGrad(context, shape, tile, { dy, w, dx })),
      );
    }
    const tile = dw == null ? undefined : winogradTile(context, shape, "weightGrad");
    if (dw != null && tile === undefined) {
      const weights = { launch: conv2dWeightGrad(tuning, shape), a: x, flop: flop(shape) };
      launches.push(...productGradients(tuning, weights, dy, [dw, db ?? null], scratch));
    } else {
      if (dw != null) launches.push(...winogradWeightGrad(context, shape, tile!, { x, dy, dw }));
      if (db != null) launches.push(...biasGradient(tuning, dy, db, scratch));
    }
    return launches;
  },
};

/** Floating-point operations of each of the three products; padding counts as if it were data. */
function flop({ n, oh, ow, cout, kh, kw, cin }: Conv2dShape): number {
  return 2 * n * oh * ow * cout * kh * kw * cin;
}

/**
 * Convolution of images (cross-correlation, as everywhere in deep learning):
 * y[n, i, j, o] = b[o] + sum over (p, q, c) of x[n, i · stride + p - top, j · stride + q - left, c] w[p, q, c, o].
 *
 * @param x [N, H, W, Cin].
 * @param w [KH, KW, Cin, Cout].
 * @param b [Cout], or null for none.
 * @returns [N, OH, OW, Cout] with OH = floor((H + top + bottom - KH) / stride) + 1.
 * @throws ShapeError if the sizes do not fit or the window is larger than the padded input.
 */
export function conv2d(
  x: Value,
  w: Value,
  b: Value | null,
  attrs: Conv2dAttrs = {},
  label?: string,
): Value {
  return applyOperation(operation, b === null ? [x, w] : [x, w, b], attrs, label);
}
