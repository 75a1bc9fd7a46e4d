import { applyOperation, type Operation } from "../graph/graph.ts";
import type { Value } from "../graph/value.ts";
import { broadcast, broadcastShape, undoBroadcast } from "./launch/broadcast.ts";

const operation: Operation<null> = {
  name: "add",
  takes: { a: "f32", b: "f32" },
  neurons: "met",
  shape: ([a, b]) => broadcastShape("add", a!, b!),
  forward: ({ inputs: [a, b], y, tuning }) => [broadcast(tuning, "elementwise/sum", a!, b!, y)],
  backward: ({ dy, dinputs, tuning, scratch }) =>
    dinputs.flatMap((d) => (d === null ? [] : undoBroadcast(tuning, dy, d, scratch))),
};

/**
 * a + b, element-wise, with NumPy's broadcasting: shapes are aligned at the last axis and axes of size 1
 * are repeated. The derivative sums over repeated axes in a fixed order.
 *
 * @throws ShapeError where sizes differ and neither is 1.
 */
export function add(a: Value, b: Value): Value {
  return applyOperation(operation, [a, b], null);
}
