// How launches fill a GPU that this machine may not have: counted, not timed.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { conv2dWeightGrad } from "../../../src/ops/launch/conv2d.ts";
import { planProduct, tileCount } from "../../../src/ops/launch/product.ts";
import { columnSum } from "../../../src/ops/launch/reduce.ts";
import { slicesOfK } from "../../../src/ops/linear.ts";

/** Processors of an H200. */
const processors = 132;

/** Share of the processors' turns in which each has a workgroup. */
function used(workgroups: number): number {
  return workgroups / (processors * Math.ceil(workgroups / processors));
}

/** Rows and columns whose sums are bias gradients in the networks of the benches. */
const biases = [
  [128 * 34 * 34, 64],
  [128 * 17 * 17, 256],
  [128 * 9 * 9, 512],
  [32 * 56 * 56, 96],
  [32 * 7 * 7, 3072],
] as const;

test("bias gradients have threads enough, and none adds a long row of terms", () => {
  for (const [rows, columns] of biases) {
    const { constants, groups, slices } = columnSum("gpu", rows, columns);
    const threads = groups[0] * groups[1] * 256;
    assert.ok(threads >= 32_768, `${rows} × ${columns}: ${threads} threads`);
    const down = 256 / (constants["ACROSS"] as number);
    const terms = Math.ceil(Math.ceil(rows / slices) / down);
    assert.ok(terms <= 128, `${rows} × ${columns}: ${terms} terms a thread`);
    assert.ok(slices <= 128, `${slices} terms in the second stage`);
  }
  assert.is(columnSum("gpu", 1, 1).slices, 1);
  assert.is(columnSum("gpu", 128, 10).slices, 1, "small sums take one launch");
});

test("weight gradients of convolutions fill the last turn of the processors", () => {
  const layer = (n: number, side: number, channels: number) => ({
    ...{ n, h: side, w: side, cin: channels, oh: side, ow: side, cout: channels, kh: 3, kw: 3 },
    ...{ strideH: 1, strideW: 1, padH: 1, padW: 1, hasBias: true },
  });
  for (const shape of [layer(128, 34, 64), layer(128, 34, 128), layer(128, 17, 256)]) {
    const { groups } = conv2dWeightGrad("gpu", shape);
    const share = used(groups[0] * groups[1]);
    assert.ok(share >= 0.9, `${shape.cin} channels: ${share}`);
  }
});

test("products take tile and slices that end first together", () => {
  // Of ConvNeXt-T at batch 32: 49 pixels of 768 channels and their four times as many neurons.
  for (const [m, n, k] of [
    [1568, 768, 3072],
    [1568, 3072, 768],
    [3072, 768, 1568],
  ] as const) {
    const { tile, slices } = planProduct(m, n, k, k / 128);
    const share = used(tileCount(tile, m, n) * slices);
    assert.ok(share >= 0.75, `${m} × ${n} × ${k}: ${slices} slices, ${share}`);
  }
  // A product that is large enough, or too small to pay for a second launch, is not cut.
  assert.is(slicesOfK("gpu", 8192, 8192, 4096), 1);
  assert.is(slicesOfK("gpu", 10, 10, 256), 1);
});

test.run();
