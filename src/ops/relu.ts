import { ShapeError } from "../errors.ts";
import { elementwise } from "../graph/elementwise.ts";
import type { Graph, Operation } from "../graph/graph.ts";
import type { Value } from "../graph/value.ts";

const operation: Operation<{ slope: number }> = {
  name: "relu",
  shape: ([x]) => x!,
  forward: ({ inputs: [x], y, attrs, tuning }) => [
    elementwise(tuning, kernel("forward", attrs.slope), y.size, { x: x!, y }),
  ],
  // The output has the sign of the input, so the input need not be kept for the derivative.
  backward: ({ y, dinputs: [dx], dy, attrs, tuning }) => [
    elementwise(tuning, kernel("backward", attrs.slope), dy.size, { y_kept: y, dy, dx: dx! }),
  ],
};

function kernel(
  entry: string,
  slope: number,
): { shader: string; entry: string; constants: { SLOPE: number } } {
  return { shader: "elementwise/relu", entry, constants: { SLOPE: slope } };
}

/** Rectified linear unit, element-wise: max(x, 0). */
export function relu(graph: Graph, x: Value): Value {
  return graph.apply(operation, [x], { slope: 0 });
}

/**
 * Leaky rectified linear unit, element-wise: x for x > 0, slope·x otherwise (Keras' default 0.3).
 *
 * @param slope 0 or more: the derivative is read off the sign of the output.
 */
export function leakyRelu(graph: Graph, x: Value, slope = 0.3): Value {
  if (!(slope >= 0 && slope < Infinity)) {
    throw new ShapeError(`leakyRelu: the slope must be finite and 0 or more, got ${slope}.`);
  }
  return graph.apply({ ...operation, name: "leakyRelu" }, [x], { slope });
}
