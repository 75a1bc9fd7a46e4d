import { test } from "uvu";
import * as assert from "uvu/assert";
import { ShapeError } from "../../src/errors.ts";
import { Graph } from "../../src/graph/graph.ts";
import { permute } from "../../src/ops/index.ts";
import { checkOp } from "../check-op.ts";
import { closeGpus } from "../device.ts";

test("axes in any order, and back for the gradient", async () => {
  for (const [shape, axes] of [
    [[7], [0]],
    [
      [3, 5],
      [1, 0],
    ],
    [
      [2, 3, 7],
      [2, 0, 1],
    ],
    [
      [2, 3, 5, 4],
      [0, 2, 1, 3],
    ],
    [
      [2, 3, 1, 4, 5],
      [4, 0, 3, 2, 1],
    ],
  ] as const) {
    const result = axes.map((axis) => shape[axis]!);
    await checkOp({
      label: `permute [${shape.join(", ")}] by [${axes.join(", ")}]`,
      inputs: [{ shape }],
      build: ([x]) => permute(x!, axes),
      reference: ([x]) => {
        const y = new Float64Array(x!.length);
        x!.forEach((value, i) => {
          const at: number[] = [];
          for (const size of [...shape].reverse()) {
            at.unshift(i % size);
            i = Math.floor(i / size);
          }
          y[axes.reduce<number>((index, axis, j) => index * result[j]! + at[axis]!, 0)] = value;
        });
        return y;
      },
      tolerance: { absolute: 0, relative: 2 ** -23 },
      seeds: 2,
    });
  }
});

test("what is no permutation is refused", () => {
  const graph = new Graph("software");
  const x = graph.input("x", [2, 3, 4]);
  for (const axes of [
    [0, 1],
    [0, 1, 1],
    [0, 1, 3],
    [0.5, 1, 2],
  ]) {
    assert.throws(
      () => permute(x, axes),
      (e: Error) => e instanceof ShapeError,
    );
  }
});

test.after(closeGpus);
test.run();
