// The kernels of the lab make the products that they are timed with.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { readdirSync } from "node:fs";
import { labProduct } from "../../bench/lab.bench.ts";
import { matmulRoad } from "../../bench/lab/roads.ts";
import { Random } from "../../src/random.ts";
import { closeGpus, testGpu } from "../device.ts";

const n = 128;

/** Products in float64, and a bound for the error of a float32 sum of n terms in any order: n 2⁻²⁴ Σ|a||b|, and a third more. */
function expected(a: Float32Array, b: Float32Array): [value: Float64Array, bound: Float64Array] {
  const [value, bound] = [new Float64Array(n * n), new Float64Array(n * n)];
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < n; k++) {
      for (let j = 0; j < n; j++) {
        const term = a[n * i + k]! * b[n * k + j]!;
        value[n * i + j]! += term;
        bound[n * i + j]! += 1.34 * n * 2 ** -24 * Math.abs(term);
      }
    }
  }
  return [value, bound];
}

test("every kernel on the way gives the product of two matrices", async () => {
  const gpu = await testGpu();
  const random = new Random(5);
  const [a, b] = [0, 1].map(() => Float32Array.from({ length: n * n }, () => random.normal()));
  const [value, bound] = expected(a!, b!);
  for (const step of matmulRoad.steps) {
    const product = await labProduct(gpu, step, n, [a!, b!]);
    product.run();
    const made = await product.read();
    product.free();
    const wrong = made.findIndex((one, i) => !(Math.abs(one - value[i]!) <= bound[i]!));
    assert.is(wrong, -1, `${step.file}: element ${wrong} is ${made[wrong]}, not ${value[wrong]}`);
  }
});

test("each file of the road is a step of it", () => {
  const files = readdirSync(new URL("../../bench/lab/matmul", import.meta.url)).sort();
  assert.equal(
    files,
    matmulRoad.steps.map(({ file }) => `${file}.wgsl`),
  );
});

test.after(closeGpus);
test.run();
