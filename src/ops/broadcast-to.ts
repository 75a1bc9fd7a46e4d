import { ShapeError } from "../errors.ts";
import { applyOperation, type Operation } from "../graph/graph.ts";
import type { Value } from "../graph/value.ts";
import { format, sameShape, type Shape } from "../shape.ts";
import { broadcastShape, spread, undoBroadcast } from "./launch/broadcast.ts";
import { requireArray } from "./settings.ts";

const operation: Operation<{ shape: Shape }> = {
  name: "broadcastTo",
  takes: { x: "f32" },
  neurons: "same",
  shape: ([x], { shape }) => {
    const fits = shape.every((size) => Number.isInteger(size) && size > 0);
    if (!fits || !sameShape(broadcastShape("broadcastTo", x!, shape), shape)) {
      throw new ShapeError(`broadcastTo: ${format(x!)} cannot be repeated to ${format(shape)}.`);
    }
    return shape;
  },
  forward: ({ inputs: [x], y, tuning }) => [spread(tuning, x!, y)],
  backward: ({ dy, dinputs: [dx], tuning, scratch }) => undoBroadcast(tuning, dy, dx!, scratch),
};

/**
 * x repeated to a shape, with NumPy's broadcasting: shapes are aligned at the last axis and axes of size 1 are repeated.
 *
 * @throws ShapeError where sizes differ and x's is not 1.
 */
export function broadcastTo(x: Value, shape: Shape): Value {
  requireArray("broadcastTo", "shape", shape);
  return applyOperation(operation, [x], { shape: [...shape] });
}
