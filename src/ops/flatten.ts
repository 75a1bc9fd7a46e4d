import { ShapeError } from "../errors.ts";
import { applyOperation, type Operation } from "../graph/graph.ts";
import type { Value } from "../graph/value.ts";
import { count, format, type Shape } from "../shape.ts";
import { elementwiseOperation } from "./elementwise.ts";
import { requireArray, requireValue } from "./settings.ts";

const operation: Operation<{ name: string; shape: Shape }> = {
  ...elementwiseOperation({ name: "reshape", shader: "elementwise/copy", gradient: "linear" }),
  neurons: undefined,
  shape: ([x], { name, shape }) => {
    if (count(shape) !== count(x!)) {
      throw new ShapeError(
        `${name}: ${format(x!)} has ${count(x!)} elements, ${format(shape)} has ${count(shape)}.`,
      );
    }
    return shape;
  },
};

/**
 * The same elements in the same order under another shape.
 *
 * @throws ShapeError if the numbers of elements differ.
 */
export function reshape(x: Value, shape: Shape): Value {
  requireArray("reshape", "shape", shape);
  return applyOperation({ ...operation, name: "reshape" }, [x], { name: "reshape", shape });
}

/** All axes but the first as one: [N, …] → [N, product of the rest]. */
export function flatten(x: Value): Value {
  requireValue("flatten", "x", x);
  const [rows = 1, ...rest] = x.shape;
  return applyOperation({ ...operation, name: "flatten", neurons: "repeated" }, [x], {
    name: "flatten",
    shape: [rows, count(rest)],
  });
}
