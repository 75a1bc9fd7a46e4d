import { test } from "uvu";
import * as assert from "uvu/assert";
import { ShapeError } from "../../src/errors.ts";
import { Graph } from "../../src/graph/graph.ts";
import { sinusoidalEmbedding, type SinusoidalEmbeddingAttrs } from "../../src/ops/index.ts";
import { checkOp } from "../check-op.ts";
import { closeGpus } from "../device.ts";

/** Sines, then cosines; frequencies by their logarithms. */
function reference(x: Float64Array, attrs: SinusoidalEmbeddingAttrs): Float64Array {
  const { size, lowest = 1, highest = 1000 } = attrs;
  const half = size / 2;
  return Float64Array.from({ length: x.length * size }, (_, i) => {
    const k = i % half;
    const share = half === 1 ? 0 : k / (half - 1);
    const frequency = Math.exp(Math.log(lowest) * (1 - share) + Math.log(highest) * share);
    const angle = 2 * Math.PI * frequency * x[Math.floor(i / size)]!;
    return i % size < half ? Math.sin(angle) : Math.cos(angle);
  });
}

async function check(
  numbers: number,
  attrs: SinusoidalEmbeddingAttrs,
  gradient: boolean,
): Promise<void> {
  const { size, highest = 1000 } = attrs;
  // WGSL lets sines be off by 2^-11; a turn more of the highest frequency is one of 2^-23 in the product.
  const angle = 2 ** -11 + 2 * Math.PI * highest * 2 ** -23;
  // The gradient adds `size` terms of up to 2 pi times the highest frequency; differences of step 1e-5 in float64
  // are off by (2 pi f 1e-5)² / 6 of a term.
  const terms = gradient ? size * 2 * Math.PI * highest : 1;
  await checkOp({
    label: `sinusoidalEmbedding of ${numbers} in ${size}`,
    inputs: [{ shape: [numbers], range: [0, 1], gradient }],
    build: ([x]) => sinusoidalEmbedding(x!, attrs),
    reference: ([x]) => reference(x!, attrs),
    tolerance: { absolute: angle * terms, relative: 1e-6 },
    seeds: 2,
  });
}

test("sines and cosines of a number at frequencies from 1 to 1000 turns", async () => {
  await check(7, { size: 32 }, false);
  await check(65, { size: 6, lowest: 0.5, highest: 30 }, false);
});

test("its derivative", async () => {
  await check(5, { size: 6, lowest: 0.5, highest: 3 }, true);
  await check(1, { size: 2, highest: 1 }, true);
});

test("odd sizes, other shapes and frequencies that fall are refused", () => {
  const graph = new Graph("software");
  const refuses = (shape: number[], attrs: SinusoidalEmbeddingAttrs, message: RegExp): void =>
    assert.throws(
      () => sinusoidalEmbedding(graph.input("x", shape), attrs),
      (error: Error) => error instanceof ShapeError && message.test(error.message),
    );
  refuses([3, 2], { size: 4 }, /must be \[N\], got \[3, 2\]/);
  for (const size of [0, 3, 2.5, 514, NaN]) refuses([3], { size }, /must be even, from 2 to 512/);
  refuses([3], { size: 4, lowest: 2, highest: 1 }, /from 2 to 1 are not possible/);
  refuses([3], { size: 4, lowest: 0 }, /from 0 to 1000 are not possible/);
});

test.after(closeGpus);
test.run();
