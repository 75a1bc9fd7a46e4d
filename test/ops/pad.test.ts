import { test } from "uvu";
import * as assert from "uvu/assert";
import { ShapeError } from "../../src/errors.ts";
import { Graph } from "../../src/graph/graph.ts";
import { pad } from "../../src/ops/index.ts";
import { checkOp } from "../check-op.ts";
import { closeGpus } from "../device.ts";

// Elements are copied: nothing is rounded forward; finite differences in float64 err by 1e-10.
const tolerance = { absolute: 1e-9, relative: 0 };

test("zeros around images, and gradients without them", async () => {
  for (const [shape, [top, bottom, left, right]] of [
    [
      [1, 1, 1, 1],
      [1, 1, 1, 1],
    ],
    [
      [2, 3, 5, 3],
      [1, 0, 2, 4],
    ],
    [
      [3, 4, 2, 8],
      [0, 0, 0, 0],
    ],
    [
      [2, 7, 3, 5],
      [0, 3, 1, 0],
    ],
  ] as const) {
    const [n, h, w, c] = shape;
    const [height, width] = [top + h + bottom, left + w + right];
    await checkOp({
      label: `pad ${shape.join("×")} by ${[top, bottom, left, right].join(" ")}`,
      inputs: [{ shape }],
      build: ([x]) => pad(x!, { top, bottom, left, right }),
      reference: ([x]) => {
        const y = new Float64Array(n * height * width * c);
        for (let a = 0; a < n; a++)
          for (let i = 0; i < h; i++)
            for (let j = 0; j < w; j++)
              for (let k = 0; k < c; k++) {
                y[((a * height + i + top) * width + j + left) * c + k] =
                  x![((a * h + i) * w + j) * c + k]!;
              }
        return y;
      },
      tolerance,
      seeds: 2,
    });
  }
});

test("pad refuses negative sides and what is no image", () => {
  const graph = new Graph("software");
  assert.throws(
    () => pad(graph.input("x", [1, 2, 3]), 1),
    (error: Error) => error instanceof ShapeError && error.message.includes("[1, 2, 3]"),
  );
  assert.throws(() => pad(graph.input("x", [1, 2, 3, 1]), { left: -1 }), /\[0, 0, -1, 0\]/);
});

test.after(closeGpus);
test.run();
