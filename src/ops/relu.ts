import type { Graph, Operation } from "../graph/graph.ts";
import type { Value } from "../graph/value.ts";

const operation: Operation<{ slope: number }> = {
  name: "relu",
  shape: ([x]) => x!,
  forward: ({ inputs: [x], y, attrs }) => [
    {
      shader: "elementwise/relu",
      entry: "forward",
      constants: { N: y.size, SLOPE: attrs.slope },
      bind: { x: x!, y },
      threads: y.size,
    },
  ],
  // The output has the sign of the input, so the input need not be kept for the derivative.
  backward: ({ y, dinputs: [dx], dy, attrs }) => [
    {
      shader: "elementwise/relu",
      entry: "backward",
      constants: { N: dy.size, SLOPE: attrs.slope },
      bind: { y_kept: y, dy, dx: dx! },
      threads: dy.size,
    },
  ],
};

/** Rectified linear unit, element-wise: max(x, 0). */
export function relu(graph: Graph, x: Value): Value {
  return graph.apply(operation, [x], { slope: 0 });
}

/** Leaky rectified linear unit, element-wise: x for x > 0, slope·x otherwise (Keras' default 0.3). */
export function leakyRelu(graph: Graph, x: Value, slope = 0.3): Value {
  return graph.apply({ ...operation, name: "leakyRelu" }, [x], { slope });
}
