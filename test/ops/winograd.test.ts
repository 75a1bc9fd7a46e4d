import { test } from "uvu";
import * as assert from "uvu/assert";
import { applyOperation } from "../../src/graph/graph.ts";
import { type WinogradTile, winogradParts } from "../../src/ops/launch/winograd.ts";
import { checkOp } from "../check-op.ts";
import { closeGpus } from "../device.ts";
import { type Case, reference } from "./conv2d-reference.ts";
import { winograd } from "./winograd-operation.ts";

/**
 * Root of the mean squared error of each tile in every direction, at most, in those of the direct sums: what was measured
 * (docs/performance.md) and half as much again. The largest of a thousand errors is four times their root mean square.
 */
const errors = { 2: 1.5, 3: 4, 4: 6 } as const;

async function check(c: Case, m: WinogradTile, mostBytes?: number): Promise<void> {
  const operation = winograd(c, m, mostBytes);
  const { x, cout, bias = true } = c;
  // As in conv2d.test.ts, where K terms of at most 1 are summed directly.
  const terms = Math.max(9 * x[3], 9 * cout, x[0] * x[1] * x[2]);
  await checkOp({
    label: `F(${m}×${m}) of [${x.join(", ")}] to ${cout}`,
    inputs: [
      { shape: x },
      { shape: [3, 3, x[3], cout] },
      ...(bias ? [{ shape: [cout], gradient: false }] : []),
    ],
    build: (inputs) => applyOperation(operation, inputs, null),
    reference: reference(c),
    tolerance: { absolute: errors[m] * (terms + 8) * 2 ** -24, relative: 1e-6 },
    seeds: 1,
  });
}

test("F(2×2, 3×3) in every direction: edge tiles, with padding and without, channels that are no quads", async () => {
  await check({ x: [2, 7, 5, 8], window: [3, 3], cout: 12, padding: [1, 1, 1, 1] }, 2);
  await check({ x: [1, 6, 9, 5], window: [3, 3], cout: 3, bias: false }, 2);
});

test("F(3×3, 3×3) in every direction: edge tiles, a batch in parts of one image and of two", async () => {
  // An image has 3 × 2 tiles of 25 positions and 8 channels.
  const two = 2 * 4 * 3 * 2 * 25 * 8;
  await check({ x: [3, 7, 5, 4], window: [3, 3], cout: 8, padding: [1, 1, 1, 1] }, 3, two);
});

test("F(4×4, 3×3) in every direction: edge tiles, another padding on each side", async () => {
  await check({ x: [1, 5, 9, 8], window: [3, 3], cout: 4, padding: [0, 2, 1, 0] }, 4);
});

test("batches are cut so that no temporary is larger than 128 MiB", () => {
  const shape = { h: 34, w: 34, cin: 128, oh: 34, ow: 34, cout: 128, hasBias: true };
  const window = { kh: 3, kw: 3, strideH: 1, strideW: 1, padH: 1, padW: 1 };
  const parts = winogradParts({ n: 128, ...shape, ...window }, 2);
  // An image has 17² tiles of 16 positions and 128 channels, which are 2.4 MB.
  assert.equal(parts, [
    { first: 0, images: 42 },
    { first: 42, images: 43 },
    { first: 85, images: 43 },
  ]);
  assert.ok(43 * 17 ** 2 * 16 * 128 * 4 <= 128 * 2 ** 20);
  assert.equal(winogradParts({ n: 2, ...shape, ...window }, 2), [{ first: 0, images: 2 }]);
});

test.after(closeGpus);
test.run();
