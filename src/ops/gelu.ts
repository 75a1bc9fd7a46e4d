import { elementwise } from "../graph/elementwise.ts";
import type { Graph, Operation } from "../graph/graph.ts";
import type { Value } from "../graph/value.ts";

/** Settings of {@link gelu}. */
export interface GeluAttrs {
  /** `none`: by the error function; `tanh`: the approximation many checkpoints were trained with. */
  readonly approximate?: "none" | "tanh";
}

const operation: Operation<Required<GeluAttrs>> = {
  name: "gelu",
  shape: ([x]) => x!,
  forward: ({ inputs: [x], y, attrs, tuning }) => [
    elementwise(tuning, kernel("forward", attrs), y.size, { x: x!, y }),
  ],
  backward: ({ inputs: [x], dinputs: [dx], dy, attrs, tuning }) => [
    elementwise(tuning, kernel("backward", attrs), dy.size, { x: x!, dy, dx: dx! }),
  ],
};

function kernel(
  entry: string,
  { approximate }: Required<GeluAttrs>,
): { shader: string; entry: string; constants: { TANH: boolean } } {
  return { shader: "elementwise/gelu", entry, constants: { TANH: approximate === "tanh" } };
}

/**
 * Gaussian error linear unit, element-wise (Hendrycks and Gimpel 2016): x times the standard normal
 * distribution function, to 1e-7 · |x| and rounding, or with `tanh` the paper's approximation of it.
 *
 * Finite for every finite x.
 */
export function gelu(graph: Graph, x: Value, attrs: GeluAttrs = {}): Value {
  return graph.apply(operation, [x], { approximate: "none", ...attrs });
}
