import { applyOperation, type Operation } from "../graph/graph.ts";
import type { Launch, Value } from "../graph/value.ts";
import { sameShape } from "../shape.ts";
import { broadcast, broadcastShape, undoBroadcast } from "./launch/broadcast.ts";

const operation: Operation<null> = {
  name: "mul",
  takes: { a: "f32", b: "f32" },
  neurons: "met",
  shape: ([a, b]) => broadcastShape("mul", a!, b!),
  forward: ({ inputs: [a, b], y, tuning }) => [broadcast(tuning, "elementwise/product", a!, b!, y)],
  backward: ({ inputs: [a, b], dy, dinputs: [da, db], tuning, scratch }) => {
    const gradient = (other: Value, d: Value | null | undefined): Launch[] => {
      if (d == null) return [];
      if (sameShape(d.shape, dy.shape))
        return [broadcast(tuning, "elementwise/product", dy, other, d)];
      const product = scratch("product", dy.shape);
      const launch = broadcast(tuning, "elementwise/product", dy, other, product);
      return [launch, ...undoBroadcast(tuning, product, d, scratch)];
    };
    return [...gradient(b!, da), ...gradient(a!, db)];
  },
};

/**
 * a · b, element-wise, with NumPy's broadcasting: shapes are aligned at the last axis and axes of size 1
 * are repeated. The derivative sums over repeated axes in a fixed order.
 *
 * @throws ShapeError where sizes differ and neither is 1.
 */
export function mul(a: Value, b: Value): Value {
  return applyOperation(operation, [a, b], null);
}
