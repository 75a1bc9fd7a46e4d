import { test } from "uvu";
import * as assert from "uvu/assert";
import { ShapeError } from "../../src/errors.ts";
import { Graph } from "../../src/graph/graph.ts";
import { broadcastTo } from "../../src/ops/index.ts";
import { count, type Shape } from "../../src/shape.ts";
import { checkOp } from "../check-op.ts";
import { closeGpus } from "../device.ts";

/** Numbers of a tensor's elements, repeated over axes of size 1. */
function repeated(x: ArrayLike<number>, from: Shape, to: Shape): number[] {
  const wide = [...Array<number>(to.length - from.length).fill(1), ...from];
  return Array.from({ length: count(to) }, (_, i) => {
    const at = wide.reduce((index, size, axis) => {
      const place = Math.floor(i / count(to.slice(axis + 1))) % to[axis]!;
      return index * size + (size === 1 ? 0 : place);
    }, 0);
    return x[at]!;
  });
}

test("broadcastTo repeats axes of size 1, and its derivative adds them up", async () => {
  for (const [from, to] of [
    [
      [3, 1, 1, 8],
      [3, 4, 5, 8],
    ],
    [[5], [2, 3, 5]],
    [
      [2, 1],
      [2, 7],
    ],
    [
      [2, 3],
      [2, 3],
    ],
  ] as const) {
    await checkOp({
      label: `broadcastTo [${to.join(", ")}]`,
      inputs: [{ shape: from }],
      build: ([x]) => broadcastTo(x!, to),
      reference: ([x]) => repeated(x!, from, to),
      // Copies; a gradient adds up to 20 terms of size one.
      tolerance: { absolute: 20 * 2 ** -24, relative: 0 },
      seeds: 1,
    });
  }
});

test("shapes that x cannot be repeated to are refused", () => {
  const graph = new Graph("software");
  const refuses = (to: number[], message: string): void =>
    assert.throws(
      () => broadcastTo(graph.input("x", [3, 2]), to),
      (error: Error) => error instanceof ShapeError && error.message.includes(message),
    );
  refuses([3, 4], "[3, 2] and [3, 4] do not broadcast");
  refuses([1, 2], "[3, 2] cannot be repeated to [1, 2]");
  refuses([2], "[3, 2] cannot be repeated to [2]");
  refuses([3, 2.5], "[3, 2] cannot be repeated to [3, 2.5]");
});

test.after(closeGpus);
test.run();
