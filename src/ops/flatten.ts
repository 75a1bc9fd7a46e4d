import { elementwise } from "../graph/elementwise.ts";
import type { Graph, Operation } from "../graph/graph.ts";
import { count, type Value } from "../graph/value.ts";

const operation: Operation<null> = {
  name: "flatten",
  shape: ([x]) => [x![0]!, count(x!.slice(1))],
  forward: ({ inputs: [x], y, tuning }) => [elementwise(tuning, { shader: "elementwise/copy" }, y.size, { x: x!, y })],
  backward: ({ dy, dinputs: [dx], tuning }) => [elementwise(tuning, { shader: "elementwise/copy" }, dy.size, { x: dy, y: dx! })],
};

/** [N, …] → [N, product of the rest]. */
export function flatten(graph: Graph, x: Value): Value {
  return graph.apply(operation, [x], null);
}
