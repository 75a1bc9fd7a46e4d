import type { Graph, Operation } from "../graph/graph.ts";
import { count, type Value } from "../graph/value.ts";

const copy = (a: Value, y: Value) => ({ shader: "elementwise/copy", constants: { N: y.size }, bind: { x: a, y }, threads: y.size });
const operation: Operation<null> = {
  name: "flatten",
  shape: ([x]) => [x![0]!, count(x!.slice(1))],
  forward: ({ inputs: [x], y }) => [copy(x!, y)],
  backward: ({ dy, dinputs: [dx] }) => [copy(dy, dx!)],
};

/** [N, …] → [N, product of the rest]. */
export function flatten(graph: Graph, x: Value): Value {
  return graph.apply(operation, [x], null);
}
