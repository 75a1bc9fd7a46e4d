/** Element-wise functions of one value. */
import { z } from "zod";
import { ShapeError } from "../errors.ts";
import { applyOperation } from "../graph/graph.ts";
import type { Value } from "../graph/value.ts";
import { elementwiseOperation } from "./elementwise.ts";
import { requireFinite, settingsOf } from "./settings.ts";

const tanhOperation = elementwiseOperation({
  name: "tanh",
  shader: "elementwise/tanh",
  gradient: "at output",
});

const expOperation = elementwiseOperation({
  name: "exp",
  shader: "elementwise/exp",
  gradient: "at output",
});

const absOperation = elementwiseOperation({
  name: "abs",
  shader: "elementwise/abs",
  gradient: "at input",
});

const siluOperation = elementwiseOperation({
  name: "silu",
  shader: "elementwise/silu",
  gradient: "at input",
});

const scaleOperation = elementwiseOperation<{ factor: number }>({
  name: "scale",
  shader: "elementwise/scale",
  gradient: "linear",
  constants: ({ factor }) => ({ FACTOR: factor }),
});

const reluOperation = elementwiseOperation<{ slope: number }>({
  name: "relu",
  shader: "elementwise/relu",
  gradient: "at output",
  constants: ({ slope }) => ({ SLOPE: slope }),
});

const leakyReluOperation = { ...reluOperation, name: "leakyRelu" };

const geluOperation = elementwiseOperation<Required<GeluAttrs>>({
  name: "gelu",
  shader: "elementwise/gelu",
  gradient: "at input",
  constants: ({ approximate }) => ({ TANH: approximate === "tanh" }),
});

/** Settings of {@link gelu}. */
export interface GeluAttrs {
  /** `none`: by the error function; `tanh`: the approximation many checkpoints were trained with. */
  readonly approximate?: "none" | "tanh";
}

const geluSchema = z.strictObject({ approximate: z.enum(["none", "tanh"]).optional() });

/** Hyperbolic tangent, element-wise; accurate to rounding for the smallest inputs too. */
export function tanh(x: Value): Value {
  return applyOperation(tanhOperation, [x], null);
}

/** e to the power of x, element-wise; infinite above about 88.7. */
export function exp(x: Value): Value {
  return applyOperation(expOperation, [x], null);
}

/** |x|, element-wise; its derivative at 0 is 0. */
export function abs(x: Value): Value {
  return applyOperation(absOperation, [x], null);
}

/** SiLU: x times the logistic function of x, element-wise; finite for every finite x. */
export function silu(x: Value): Value {
  return applyOperation(siluOperation, [x], null);
}

/**
 * factor · x, element-wise.
 *
 * @param factor a constant, fixed in the kernel; it must be finite.
 */
export function scale(x: Value, factor: number): Value {
  requireFinite("scale", "factor", factor);
  return applyOperation(scaleOperation, [x], { factor });
}

/** Rectified linear unit, element-wise: max(x, 0). */
export function relu(x: Value): Value {
  return applyOperation(reluOperation, [x], { slope: 0 });
}

/**
 * Leaky rectified linear unit, element-wise: x for x > 0, slope·x otherwise (Keras' default 0.3).
 *
 * @param slope 0 or more: the derivative is read off the sign of the output.
 */
export function leakyRelu(x: Value, slope = 0.3): Value {
  if (!(Number.isFinite(slope) && slope >= 0)) {
    throw new ShapeError(
      `leakyRelu: the slope must be finite and 0 or more, got ${String(slope)}.`,
    );
  }
  return applyOperation(leakyReluOperation, [x], { slope });
}

/**
 * Gaussian error linear unit, element-wise (Hendrycks and Gimpel 2016): x times the standard normal
 * distribution function, to 1e-7 · |x| and rounding, or with `tanh` the paper's approximation of it.
 *
 * Finite for every finite x.
 */
export function gelu(x: Value, attrs: GeluAttrs = {}): Value {
  const { approximate = "none" } = settingsOf(geluSchema, attrs, "gelu");
  return applyOperation(geluOperation, [x], { approximate });
}
