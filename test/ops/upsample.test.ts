import { test } from "uvu";
import * as assert from "uvu/assert";
import { ShapeError } from "../../src/errors.ts";
import { Graph } from "../../src/graph/graph.ts";
import { upsample } from "../../src/ops/index.ts";
import { checkOp } from "../check-op.ts";
import { closeGpus } from "../device.ts";

/** The value of an image at a point in pixels: linear between pixel centres, and the border's outside. */
function sample(
  pixel: (row: number, column: number) => number,
  [height, width]: readonly [number, number],
  row: number,
  column: number,
): number {
  const [y, x] = [
    Math.min(Math.max(row - 0.5, 0), height - 1),
    Math.min(Math.max(column - 0.5, 0), width - 1),
  ];
  const [i, j] = [Math.floor(y), Math.floor(x)];
  const [below, right] = [Math.min(i + 1, height - 1), Math.min(j + 1, width - 1)];
  const [v, u] = [y - i, x - j];
  return (
    (1 - v) * ((1 - u) * pixel(i, j) + u * pixel(i, right)) +
    v * ((1 - u) * pixel(below, j) + u * pixel(below, right))
  );
}

test("images of twice the size, sampled at the centres of their pixels", async () => {
  for (const [n, h, w, c] of [
    [1, 1, 1, 1],
    [2, 3, 5, 3],
    [3, 4, 2, 8],
    [1, 1, 7, 4],
    [2, 5, 1, 5],
  ] as const) {
    await checkOp({
      label: `upsample ${[n, h, w, c].join("×")}`,
      inputs: [{ shape: [n, h, w, c] }],
      build: ([x]) => upsample(x!),
      reference: ([x]) =>
        Float64Array.from({ length: 4 * n * h * w * c }, (_, i) => {
          const [channel, column] = [i % c, Math.floor(i / c) % (2 * w)];
          const row = Math.floor(i / c / 2 / w) % (2 * h);
          const image = Math.floor(i / c / 4 / w / h);
          const pixel = (a: number, b: number): number =>
            x![((image * h + a) * w + b) * c + channel]!;
          return sample(pixel, [h, w], (row + 0.5) / 2, (column + 0.5) / 2);
        }),
      // Weights are exact; sums of 4 products of size one forward, of 16 backward, which add up to 4 in all.
      tolerance: { absolute: 20 * 2 ** -24, relative: 0 },
      seeds: 2,
    });
  }
});

test("what is no image is refused", () => {
  const graph = new Graph("software");
  assert.throws(
    () => upsample(graph.input("x", [1, 2, 3])),
    (error: Error) =>
      error instanceof ShapeError &&
      error.message === "upsample: the input must be [N, H, W, C], got [1, 2, 3].",
  );
});

test.after(closeGpus);
test.run();
