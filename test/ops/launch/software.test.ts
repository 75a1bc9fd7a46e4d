import { test } from "uvu";
import * as assert from "uvu/assert";
import { foldGroups } from "../../../src/graph/grid.ts";
import type { UnboundLaunch } from "../../../src/graph/value.ts";
import {
  conv2dForward,
  conv2dInputGrad,
  type Conv2dShape,
  conv2dWeightGrad,
} from "../../../src/ops/launch/conv2d.ts";
import { gemm } from "../../../src/ops/launch/gemm.ts";
import { columnSum, sumSlices } from "../../../src/ops/launch/reduce.ts";

const product = { m: 64, n: 12, k: 30, transA: false, transB: false, hasBias: true };
const conv: Conv2dShape = {
  ...{ n: 64, h: 28, w: 28, cin: 1, oh: 28, ow: 28, cout: 16, kh: 3, kw: 3 },
  ...{ strideH: 1, strideW: 1, padH: 1, padW: 1, hasBias: true },
};

test("grids fold below 65,536 workgroups a dimension and cover the count", () => {
  for (const count of [1, 65_535, 65_536, 200_000, 4_000_000_000]) {
    const [x, y, z] = foldGroups(count);
    assert.ok(x <= 65_535 && y <= 65_535 && z === 1 && x * y >= count, `${count}: ${x} x ${y}`);
  }
});

/** The lanes of a, b and c that a launch picked. */
function lanes({ parts }: UnboundLaunch): string {
  return parts!
    .filter((part) => /^product\/[abc]-/.test(part))
    .map((part) => part.replace("product/", ""))
    .join(" ");
}

test("a factor is read as vec4 only where its elements lie together in whole quads", () => {
  assert.is(lanes(gemm("software", product)), "a-scalar b-vec4 c-vec4");
  assert.is(lanes(gemm("software", { ...product, n: 10 })), "a-scalar b-scalar c-scalar");
  assert.is(lanes(gemm("software", { ...product, transB: true })), "a-scalar b-scalar c-vec4");
  assert.is(lanes(conv2dForward("software", conv)), "a-scalar b-vec4 c-vec4");
  assert.is(lanes(conv2dInputGrad("software", conv)), "a-scalar b-scalar c-scalar");
  assert.is(lanes(conv2dWeightGrad("software", conv)), "a-scalar b-vec4 c-vec4");
});

test("lanes cover every tile", () => {
  const { constants, groups } = conv2dForward("software", conv);
  const lanes = groups[0] * groups[1] * (constants["WG"] as number);
  const tiles = Math.ceil((64 * 28 * 28) / 8) * Math.ceil(4 / (constants["VT"] as number));
  assert.ok(lanes >= tiles && lanes < tiles + 64);
});

test("a sliced product has no bias", () => {
  const { constants, slices } = gemm("software", { ...product, slices: 5 });
  assert.is(slices, 5);
  assert.is(constants["HAS_BIAS"], false);
});

test("weight gradients and column sums never have more slices than rows", () => {
  assert.is(conv2dWeightGrad("software", { ...conv, n: 1, h: 3, oh: 3 }).slices, 3);
  assert.is(columnSum("software", 5, 3).slices, 1);
  assert.is(sumSlices("software", 100, 7).groups[0], 2);
});

test.run();
