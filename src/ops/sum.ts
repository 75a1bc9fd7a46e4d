import { applyOperation, type Operation } from "../graph/graph.ts";
import type { Value } from "../graph/value.ts";
import { axisSum } from "./launch/axis-sum.ts";
import { spread } from "./launch/broadcast.ts";
import { mul } from "./mul.ts";

const operation: Operation<null> = {
  name: "sum",
  takes: { x: "f32" },
  shape: () => [1],
  forward: ({ inputs: [x], y, tuning, scratch }) =>
    axisSum(tuning, x!, y, { outer: 1, axis: x!.size, inner: 1 }, scratch),
  backward: ({ dy, dinputs: [dx], tuning }) => [spread(tuning, dy, dx!)],
};

/** Sum of all elements: a scalar [1]. Added in stages of a fixed order. */
export function sum(x: Value): Value {
  return applyOperation(operation, [x], null);
}

/** Sum of weights · x over all elements: a scalar [1]. The shapes may broadcast. */
export function weightedSum(x: Value, weights: Value): Value {
  return sum(mul(x, weights));
}
