/** Operations that are a function of each element: two WGSL functions and where the gradient is taken. */
import type { Constants } from "../gpu/kernel.ts";
import { elementwise } from "../graph/elementwise.ts";
import { type Operation } from "../graph/graph.ts";
import type { Launch, Value } from "../graph/value.ts";
import type { Tuning } from "../gpu/device.ts";

/** A function of one value, element-wise. */
export interface ElementwiseFunction<A> {
  readonly name: string;
  /**
   * Path under `shaders/` of a part that declares `value(x)` and, unless the function is linear,
   * `gradient(at, dy)`.
   */
  readonly shader: string;
  /**
   * Where the gradient is taken: at the input x or, which frees x, at the output y. A linear function
   * serves as its own: dx = value(dy).
   */
  readonly gradient: "at input" | "at output" | "linear";
  /** Constants of the part, from the operation's settings. */
  readonly constants?: (attrs: A) => Constants;
}

/** Launch of y = value(x) by a part that declares `value`. */
export function applyFunction(
  tuning: Tuning,
  kernel: { readonly shader: string; readonly constants?: Constants | undefined },
  x: Value,
  y: Value,
): Launch {
  return elementwise(tuning, { ...kernel, parts: ["walk/forward"], entry: "forward" }, y.size, {
    x,
    y,
  });
}

/** The operation that a function of one value defines; its output has the shape of the input. */
export function elementwiseOperation<A = null>({
  name,
  shader,
  gradient,
  constants,
}: ElementwiseFunction<A>): Operation<A> {
  return {
    name,
    takes: { x: "f32" },
    neurons: "same",
    shape: ([x]) => x!,
    forward: ({ inputs: [x], y, attrs, tuning }) => [
      applyFunction(tuning, { shader, constants: constants?.(attrs) }, x!, y),
    ],
    backward: ({ inputs: [x], y, dy, dinputs: [dx], attrs, tuning }) => {
      const kernel = { shader, constants: constants?.(attrs) };
      if (gradient === "linear") return [applyFunction(tuning, kernel, dy, dx!)];
      const at = gradient === "at input" ? x! : y;
      const walk = { parts: ["walk/backward"], entry: "backward" };
      return [elementwise(tuning, { ...kernel, ...walk }, dy.size, { at, dy, dx: dx! })];
    },
  };
}
