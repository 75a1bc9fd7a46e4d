import { test } from "uvu";
import * as assert from "uvu/assert";
import { applyOperation, Graph } from "../../src/graph/graph.ts";
import type { Value } from "../../src/graph/value.ts";
import { conv2d } from "../../src/ops/conv2d.ts";
import type { Conv2dShape } from "../../src/ops/launch/conv2d.ts";
import { type WinogradTile, winogradParts, winogradTile } from "../../src/ops/launch/winograd.ts";
import { checkOp, recordOp } from "../check-op.ts";
import { closeGpus, testGpu } from "../device.ts";
import { type Case, reference } from "./conv2d-reference.ts";
import { winograd } from "./winograd-operation.ts";

/** Errors of each tile in those of direct sums: the largest that were measured in any direction (docs/performance.md). */
const errors = { 2: 1.6, 3: 4, 4: 4 } as const;

async function check(c: Case, m: WinogradTile, mostBytes?: number): Promise<void> {
  const operation = winograd(c, m, mostBytes);
  const { x, cout, bias = true } = c;
  // What conv2d.test.ts allows direct sums of K terms of at most 1, times that.
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

/** A square convolution with a window of 3×3 that moves by one. */
function square(n: number, side: number, cin: number, cout: number): Conv2dShape {
  return {
    ...{ n, h: side, w: side, cin, oh: side, ow: side, cout, kh: 3, kw: 3 },
    ...{ strideH: 1, strideW: 1, padH: 1, padW: 1, hasBias: true },
  };
}

test("the tile follows from the shape: none where it gains too little, other windows, strides and images too large", () => {
  const directions = ["forward", "inputGrad", "weightGrad"] as const;
  const tile = (
    kernels: Parameters<typeof winogradTile>[0],
    shape: Conv2dShape,
  ): WinogradTile | undefined => {
    const [first, ...others] = directions.map((one) => winogradTile(kernels, shape, one));
    assert.equal(others, [first, first]);
    return first;
  };
  const gpu = { tuning: "gpu", precision: "exact" } as const;
  const fast = { tuning: "gpu", precision: "fast" } as const;
  // ResNet-18's at batch 128.
  const layers = [square(128, 34, 64, 64), square(128, 34, 128, 128), square(128, 9, 512, 512)];
  assert.equal(
    layers.map((shape) => tile(gpu, shape)),
    [undefined, undefined, undefined],
  );
  assert.equal(
    layers.map((shape) => tile(fast, shape)),
    [4, 4, 3],
  );
  const wide = square(128, 34, 128, 128);
  for (const other of [{ kh: 1 }, { kw: 5 }, { strideH: 2 }, { strideW: 2 }]) {
    assert.is(tile(fast, { ...wide, ...other }), undefined);
  }
  assert.is(tile(fast, square(1, 512, 128, 128)), undefined);
  const slow = { tuning: "software", precision: "fast" } as const;
  assert.is(tile(slow, square(1, 14, 16, 32)), undefined);
  assert.is(tile(slow, square(64, 14, 16, 32)), 3);
});

test("a convolution has the launches of its tile", async () => {
  const c = { x: [1, 20, 20, 96], window: [3, 3], cout: 96, padding: [1, 1, 1, 1] } as const;
  const inputs = [{ shape: c.x }, { shape: [3, 3, 96, 96] }, { shape: [96], gradient: false }];
  const kernels = { tuning: "software", precision: "fast" } as const;
  const gpu = await testGpu(kernels);
  const operation = winograd(c, winogradTile(kernels, square(1, 20, 96, 96), "forward")!);
  const values = [...inputs.map(({ shape }) => shape), [1, 20, 20, 96]].map((shape, i) =>
    Float32Array.from({ length: shape.reduce((a, b) => a * b) }, (_, at) => Math.sin(at * at + i)),
  );
  const results: Float32Array[][] = [];
  for (const build of [
    ([x, w, b]: readonly Value[]) => conv2d(x!, w!, b!, { padding: 1 }),
    (given: readonly Value[]) => applyOperation(operation, given, null),
  ]) {
    const { run, destroy } = await recordOp(gpu, { inputs, build }, "convolution");
    results.push(await run(values));
    destroy();
  }
  const bits = (all: Float32Array[]): Uint32Array[] =>
    all.map(({ buffer }) => new Uint32Array(buffer));
  assert.equal(bits(results[0]!), bits(results[1]!));
  const graph = new Graph({ tuning: "gpu", precision: "fast" });
  const y = conv2d(graph.input("x", [128, 9, 9, 512]), graph.input("w", [3, 3, 512, 512]), null, {
    padding: 1,
  });
  assert.is(y.shape[3], 512);
  assert.equal(
    graph.forward().map(({ shader, parts }) => [shader, parts![0]]),
    [
      ["winograd/from-image", "winograd/f3"],
      ["winograd/from-image", "winograd/f3"],
      ["winograd/product", "product/gpu"],
      ["winograd/to-image", "winograd/f3"],
    ],
  );
});

test("batches are cut so that no temporary is larger than 64 MiB", () => {
  const parts = winogradParts(square(128, 34, 128, 128), 2);
  // An image has 17² tiles of 16 positions and 128 channels, which are 2.4 MB.
  assert.equal(parts, [
    { first: 0, images: 25 },
    { first: 25, images: 26 },
    { first: 51, images: 25 },
    { first: 76, images: 26 },
    { first: 102, images: 26 },
  ]);
  assert.ok(26 * 17 ** 2 * 16 * 128 * 4 <= 64 * 2 ** 20);
  assert.equal(winogradParts(square(2, 34, 128, 128), 2), [{ first: 0, images: 2 }]);
});

test.after(closeGpus);
test.run();
