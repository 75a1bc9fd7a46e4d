/** Window arithmetic of convolutions: sizes, strides and padding. */
import { z } from "zod";
import { ShapeError } from "../../errors.ts";
import { format, type Shape } from "../../shape.ts";
import { settingsOf } from "../settings.ts";
import type { Conv2dShape } from "./conv2d.ts";

/** Settings of a convolution. */
export interface Conv2dAttrs {
  /** Step of the window, the same both ways or [down, right]; default 1. */
  readonly stride?: number | readonly [number, number];
  /**
   * Zeros around the input: on every side, or [top, bottom, left, right]; default 0. `"same"` pads so
   * that the output has ceil(size / stride) rows and columns; an odd row or column of padding goes to the
   * bottom or right (TensorFlow's rule).
   */
  readonly padding?: number | "same" | readonly [number, number, number, number];
}

const two = z.tuple([z.number(), z.number()]);
const four = z.tuple([z.number(), z.number(), z.number(), z.number()]);

const schema = z.strictObject({
  stride: z.union([z.number(), two], { error: "expected a number, or [down, right]" }).optional(),
  padding: z
    .union([z.number(), z.literal("same"), four], {
      error: 'expected a number, "same", or [top, bottom, left, right]',
    })
    .optional(),
});

/** Output size and padding before the first row (or column) of one axis. */
function axis(
  size: number,
  taps: number,
  stride: number,
  padding: "same" | readonly [number, number],
): [number, number] {
  if (padding === "same") {
    const out = Math.ceil(size / stride);
    const total = Math.max(0, (out - 1) * stride + taps - size);
    return [out, Math.floor(total / 2)];
  }
  return [Math.floor((size + padding[0] + padding[1] - taps) / stride) + 1, padding[0]];
}

/** What strides and padding make of an image and a window; see {@link Conv2dShape}. */
type Window = Pick<Conv2dShape, "oh" | "ow" | "strideH" | "strideW" | "padH" | "padW">;

/**
 * Output size, strides and leading padding of a convolution.
 *
 * @param name the operation, for errors.
 * @param x shape of the input, [N, H, W, …].
 * @param w shape of the weight, [KH, KW, …].
 * @throws ShapeError if a setting is impossible or the window is larger than the padded input.
 */
export function windowShape(name: string, x: Shape, w: Shape, attrs: Conv2dAttrs): Window {
  const [height, width] = x.slice(1, 3) as [number, number];
  const [kh, kw] = w as readonly number[] as [number, number];
  const shapes = `input ${format(x)}, weight ${format(w)}`;
  const { stride = 1, padding = 0 } = settingsOf(schema, attrs, name);
  const [strideH, strideW] = typeof stride === "number" ? [stride, stride] : stride;
  if (![strideH, strideW].every((s) => Number.isInteger(s) && s >= 1)) {
    throw new ShapeError(
      `${name}: a stride is an integer of at least 1, got ${format([strideH, strideW])}; ${shapes}.`,
    );
  }
  const sides =
    typeof padding === "number" ? ([padding, padding, padding, padding] as const) : padding;
  if (sides !== "same" && !sides.every((p) => Number.isInteger(p) && p >= 0)) {
    throw new ShapeError(
      `${name}: padding is an integer of at least 0, got ${format(sides)}; ${shapes}.`,
    );
  }
  const [oh, padH] = axis(height, kh, strideH, sides === "same" ? sides : [sides[0], sides[1]]);
  const [ow, padW] = axis(width, kw, strideW, sides === "same" ? sides : [sides[2], sides[3]]);
  if (oh < 1 || ow < 1) {
    throw new ShapeError(
      `${name}: input ${format(x)} with padding ${sides === "same" ? sides : format(sides)} is smaller than ` +
        `the ${kh}×${kw} window of weight ${format(w)}.`,
    );
  }
  return { oh, ow, strideH, strideW, padH, padW };
}
