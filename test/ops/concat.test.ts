import { test } from "uvu";
import * as assert from "uvu/assert";
import { ShapeError } from "../../src/errors.ts";
import { Graph } from "../../src/graph/graph.ts";
import { count, type Shape } from "../../src/shape.ts";
import { concat } from "../../src/ops/concat.ts";
import { checkOp } from "../check-op.ts";
import { closeGpus } from "../device.ts";

// Numbers are copied; differences of the reference are exact to 1e-9.
const tolerance = { absolute: 1e-8, relative: 0 };

/** Row by row: the part of each input inside the axis, one after the other. */
function reference(shapes: readonly Shape[], axis: number) {
  return (inputs: readonly Float64Array[]): number[] => {
    const y: number[] = [];
    const rows = count(shapes[0]!.slice(0, axis));
    for (let row = 0; row < rows; row++) {
      inputs.forEach((x, i) => {
        const width = count(shapes[i]!.slice(axis));
        y.push(...x.subarray(row * width, (row + 1) * width));
      });
    }
    return y;
  };
}

test("values lie one after the other along any axis", async () => {
  const cases: readonly (readonly [readonly Shape[], number])[] = [
    [[[1], [1]], 0],
    [
      [
        [5, 64],
        [5, 64],
      ],
      1,
    ],
    [
      [
        [7, 3],
        [7, 5],
        [7, 1],
      ],
      1,
    ],
    [
      [
        [2, 3],
        [5, 3],
      ],
      0,
    ],
    [
      [
        [3, 4, 2, 8],
        [3, 1, 2, 8],
      ],
      1,
    ],
    [
      [
        [2, 3, 5, 7],
        [2, 3, 11, 7],
      ],
      2,
    ],
    [
      [
        [13, 8],
        [13, 6],
        [13, 4],
      ],
      1,
    ],
    [
      [
        [2, 3, 5, 4],
        [2, 3, 5, 12],
      ],
      3,
    ],
  ];
  for (const [shapes, axis] of cases) {
    for (const sign of [1, -1]) {
      await checkOp({
        label: `concat ${shapes.map((shape) => `[${shape.join(", ")}]`).join(" ")} axis ${axis}`,
        inputs: shapes.map((shape) => ({ shape })),
        build: (inputs) => concat(inputs, sign === 1 ? axis : axis - shapes[0]!.length),
        reference: reference(shapes, axis),
        tolerance,
        seeds: sign === 1 ? 5 : 1,
      });
    }
  }
});

test("a value given twice gets both gradients", async () => {
  await checkOp({
    label: "concat of x and x",
    inputs: [{ shape: [3, 5] }],
    build: ([x]) => concat([x!, x!], 0),
    reference: ([x]) => [...x!, ...x!],
    tolerance: { absolute: 1e-6, relative: 0 },
  });
});

test("shapes that do not fit and axes that do not exist are refused", () => {
  const graph = new Graph("software");
  const value = (...shape: number[]) => graph.input("v", shape);
  const refuses = (build: () => unknown, message: string): void =>
    assert.throws(
      build,
      (error: Error) => error instanceof ShapeError && error.message === message,
    );
  refuses(
    () => concat([value(8, 3), value(7, 3)], 1),
    "concat: [8, 3] and [7, 3] must have the same sizes on every axis but 1.",
  );
  refuses(
    () => concat([value(8, 3), value(8)], 1),
    "concat: [8, 3] and [8] must have the same sizes on every axis but 1.",
  );
  refuses(
    () => concat([value(8, 3), value(8, 3)], 2),
    "concat: there is no axis 2 in [8, 3] and [8, 3].",
  );
  refuses(() => concat([], 0), "concat: there is no axis 0 in an empty list of values.");
});

test.after(closeGpus);
test.run();
