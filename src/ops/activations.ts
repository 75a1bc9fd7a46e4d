/** Element-wise functions of one value. ReLU has a file of its own. */
import { ShapeError } from "../errors.ts";
import { elementwise } from "../graph/elementwise.ts";
import type { Graph, Operation } from "../graph/graph.ts";
import type { Value } from "../graph/value.ts";

/** An operation whose derivative is read off its output: dx = f(y) dy. */
function fromOutput(name: "tanh" | "exp"): Operation<null> {
  const shader = `elementwise/${name}`;
  return {
    name,
    shape: ([x]) => x!,
    forward: ({ inputs: [x], y, tuning }) => [
      elementwise(tuning, { shader, entry: "forward" }, y.size, { x: x!, y }),
    ],
    backward: ({ y, dinputs: [dx], dy, tuning }) => [
      elementwise(tuning, { shader, entry: "backward" }, y.size, { y_kept: y, dy, dx: dx! }),
    ],
  };
}

const tanhOperation = fromOutput("tanh");
const expOperation = fromOutput("exp");

/** An operation whose derivative is read off its input. */
function fromInput(name: "abs" | "silu"): Operation<null> {
  const shader = `elementwise/${name}`;
  return {
    name,
    shape: ([x]) => x!,
    forward: ({ inputs: [x], y, tuning }) => [
      elementwise(tuning, { shader, entry: "forward" }, y.size, { x: x!, y }),
    ],
    backward: ({ inputs: [x], dinputs: [dx], dy, tuning }) => [
      elementwise(tuning, { shader, entry: "backward" }, dy.size, { x: x!, dy, dx: dx! }),
    ],
  };
}

const absOperation = fromInput("abs");
const siluOperation = fromInput("silu");

const scaleOperation: Operation<{ factor: number }> = {
  name: "scale",
  shape: ([x]) => x!,
  forward: ({ inputs: [x], y, attrs, tuning }) => [
    elementwise(tuning, scaleKernel(attrs.factor), y.size, { x: x!, y }),
  ],
  backward: ({ dinputs: [dx], dy, attrs, tuning }) => [
    elementwise(tuning, scaleKernel(attrs.factor), dy.size, { x: dy, y: dx! }),
  ],
};

function scaleKernel(factor: number): { shader: string; constants: { FACTOR: number } } {
  return { shader: "elementwise/scale", constants: { FACTOR: factor } };
}

/** Hyperbolic tangent, element-wise; accurate to rounding for the smallest inputs too. */
export function tanh(graph: Graph, x: Value): Value {
  return graph.apply(tanhOperation, [x], null);
}

/** e to the power of x, element-wise; infinite above about 88.7. */
export function exp(graph: Graph, x: Value): Value {
  return graph.apply(expOperation, [x], null);
}

/** |x|, element-wise; its derivative at 0 is 0. */
export function abs(graph: Graph, x: Value): Value {
  return graph.apply(absOperation, [x], null);
}

/** SiLU: x times the logistic function of x, element-wise; finite for every finite x. */
export function silu(graph: Graph, x: Value): Value {
  return graph.apply(siluOperation, [x], null);
}

/**
 * factor · x, element-wise.
 *
 * @param factor a constant, fixed in the kernel; it must be finite.
 */
export function scale(graph: Graph, x: Value, factor: number): Value {
  if (!Number.isFinite(factor))
    throw new ShapeError(`scale: the factor must be finite, got ${factor}.`);
  return graph.apply(scaleOperation, [x], { factor });
}
