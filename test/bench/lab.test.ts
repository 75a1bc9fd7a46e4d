// The kernels of the lab make what they are timed with.
import { readdirSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Operands, stepOf } from "../../bench/lab.bench.ts";
import { roads } from "../../bench/lab/roads.ts";
import { Random } from "../../src/random.ts";
import { closeGpus, testGpu } from "../device.ts";

for (const road of roads) {
  test(`${road.name}: every kernel on the way gives the same result`, async () => {
    const gpu = await testGpu();
    const random = new Random(5);
    const problem = road.problems.test;
    const [a, b] = problem.operands.map((shape) =>
      Float32Array.from({ length: shape.reduce((x, y) => x * y) }, () => random.normal()),
    ) as unknown as [Float32Array, Float32Array];
    const [rows, columns] = problem.result;
    const [value, size, count] = [0, 1, 2].map(() => new Float64Array(rows * columns));
    problem.terms((i, j, k) => {
      const term = a[j]! * b[k]!;
      value![i]! += term;
      size![i]! += Math.abs(term);
      count![i]! += 1;
    });
    const values: Operands = [a, b];
    for (const step of road.steps) {
      const made = await stepOf(gpu, road, step, problem, values);
      made.run();
      const results = await made.read();
      made.free();
      // A float32 sum of n products, in any order, is off by n 2⁻²⁴ Σ|term| to first order; a third more for the rest.
      const wrong = results.findIndex((one, i) => {
        const bound = 1.34 * count![i]! * 2 ** -24 * size![i]!;
        return !(Math.abs(one - value![i]!) <= bound);
      });
      assert.is(wrong, -1, `${step.file}: ${wrong} is ${results[wrong]}, not ${value![wrong]}`);
    }
  });

  test(`${road.name}: each file is a step`, () => {
    const folder = new URL(`../../bench/lab/${road.name}`, import.meta.url);
    assert.equal(
      readdirSync(folder).sort(),
      road.steps.map(({ file }) => `${file}.wgsl`),
    );
  });
}

test.after(closeGpus);
test.run();
