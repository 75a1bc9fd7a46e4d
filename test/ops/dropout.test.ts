import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Tuning } from "../../src/gpu/device.ts";
import { ShapeError } from "../../src/errors.ts";
import { Graph } from "../../src/graph/graph.ts";
import { compile } from "../../src/graph/program.ts";
import { dropout, type DropoutAttrs } from "../../src/ops/dropout.ts";
import { checkOp, type InputSpec } from "../check-op.ts";
import { closeGpus, testGpu, tunings } from "../device.ts";
import { dropoutFactors, hash } from "../float64.ts";

const step: InputSpec = {
  shape: [8],
  dtype: "u32",
  make: (random) => Array.from({ length: 8 }, () => random.int(2 ** 31)),
};

const shapes = [[1], [7], [3, 5], [2, 3, 5, 7], [13, 4], [64, 33], [1037]];

test("dropout matches, and its derivative has the mask of the forward pass", async () => {
  for (const shape of shapes) {
    for (const attrs of [
      { rate: 0.5, salt: 0 },
      { rate: 0.1, salt: 3_000_000_000 },
      { rate: 0.9, salt: 7, rows: true },
      { rate: 0.3, salt: 8, rows: true },
      { rate: 0, salt: 1 },
    ]) {
      await checkOp({
        label: `dropout ${JSON.stringify(attrs)} [${shape.join(", ")}]`,
        inputs: [{ shape }, step],
        build: ([x, seed]) => dropout(x!, seed!, attrs),
        reference: ([x, words]) => {
          const factors = dropoutFactors(shape, words![2]!, attrs);
          return x!.map((v, i) => v * factors[i]!);
        },
        // Two roundings, of the scale and of the product; differences are exact to 1e-9.
        tolerance: { absolute: 1e-9, relative: 3e-7 },
        seeds: 3,
      });
    }
  }
});

/** Dropout of ones, once for each seed, and the gradient of their sum. */
async function masks(
  tuning: Tuning,
  shape: readonly number[],
  attrs: DropoutAttrs,
  seeds: readonly number[],
): Promise<{ y: Float32Array; dx: Float32Array }[]> {
  const gpu = await testGpu({ tuning });
  const graph = new Graph(tuning);
  const x = graph.input("x", shape);
  const record = graph.input("step", [8], "u32");
  const dx = graph.input("dx", shape);
  const y = dropout(x, record, attrs);
  const { launches } = graph.backward(y, [x], { cotangent: x, targets: new Map([[x, dx]]) });
  const buffers = await gpu.allocate({ x: x.bytes, step: 32, dx: dx.bytes });
  gpu.write(buffers.x, new Float32Array(x.size).fill(1));
  const view = (buffer: GPUBuffer, size: number) => ({ buffer, offset: 0, size });
  const program = await compile(gpu, [...graph.forward(), ...launches], {
    label: "dropout",
    bindings: new Map([
      [x, view(buffers.x, x.bytes)],
      [record, view(buffers.step, 32)],
      [dx, view(buffers.dx, dx.bytes)],
    ]),
    keep: [y],
  });
  const results: { y: Float32Array; dx: Float32Array }[] = [];
  for (const seed of seeds) {
    gpu.write(buffers.step, Uint32Array.of(0, 0, seed, 0, 0, 0, 0, 0));
    program.run();
    results.push({
      y: await gpu.readFloats(program.view(y)),
      dx: await gpu.readFloats(view(buffers.dx, dx.bytes)),
    });
  }
  program.destroy();
  gpu.free(...Object.values<GPUBuffer>(buffers));
  return results;
}

const bits = (data: Float32Array): Uint32Array => new Uint32Array(data.buffer);

test("equal seeds give equal bits, in both passes and both tunings; other seeds other masks", async () => {
  const attrs = { rate: 0.25, salt: 5 };
  const [first, second, again] = await masks("software", [37, 29], attrs, [12, 13, 12]);
  assert.equal(bits(again!.y), bits(first!.y));
  assert.equal(bits(first!.dx), bits(first!.y), "the mask of the derivative is the forward one");
  assert.not.equal(bits(second!.y), bits(first!.y));
  const [other] = await masks("gpu", [37, 29], attrs, [12]);
  assert.equal(bits(other!.y), bits(first!.y));
  const [salted] = await masks("gpu", [37, 29], { ...attrs, salt: 6 }, [12]);
  assert.not.equal(bits(salted!.y), bits(first!.y));
});

/** Correlation of two 0/1 masks with their expected mean. */
function correlation(a: ArrayLike<number>, b: ArrayLike<number>, mean: number): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) {
    sum += (Number(a[i]! > 0) - mean) * (Number(b[i]! > 0) - mean);
  }
  return sum / a.length / (mean * (1 - mean));
}

test("the share that is kept is 1 - rate; seeds, salts, rows and neighbours are uncorrelated", async () => {
  const [rows, columns] = [256, 256];
  const n = rows * columns;
  // 5 standard errors of a mean of n independent draws: one false alarm in two million.
  const bound = 5 / Math.sqrt(n);
  for (const rate of [0.1, 0.5, 0.9]) {
    const seeds = [1, 2, 3, 2 ** 31 - 1];
    const drawn = await masks("gpu", [rows, columns], { rate, salt: 0 }, seeds);
    const salted = await masks("gpu", [rows, columns], { rate, salt: 1 }, [1, 2, 3]);
    const all = [...drawn, ...salted].map(({ y }) => y);
    const spread = Math.sqrt(rate * (1 - rate));
    for (const y of all) {
      const kept = y.reduce((sum, v) => sum + Number(v > 0), 0) / n;
      assert.ok(Math.abs(kept - (1 - rate)) < spread * bound, `rate ${rate}: kept ${kept}`);
      for (const lag of [1, 2, 4, 64, columns]) {
        const c = correlation(y.subarray(lag), y.subarray(0, n - lag), 1 - rate);
        assert.ok(Math.abs(c) < 1.2 * bound, `rate ${rate}, lag ${lag}: ${c}`);
      }
    }
    all.forEach((y, i) =>
      all.slice(i + 1).forEach((other, j) => {
        const c = correlation(y, other, 1 - rate);
        assert.ok(Math.abs(c) < bound, `rate ${rate}, masks ${i} and ${i + 1 + j}: ${c}`);
      }),
    );
  }
});

test("with rows, an example is dropped or kept as a whole, and each on its own", async () => {
  const [rows, width] = [4096, 3];
  const attrs = { rate: 0.2, salt: 2, rows: true };
  for (const tuning of tunings) {
    const [drawn] = await masks(tuning, [rows, width], attrs, [9]);
    const { y } = drawn!;
    let kept = 0;
    for (let r = 0; r < rows; r++) {
      assert.ok(
        y[r * width] === y[r * width + 1] && y[r * width] === y[r * width + 2],
        `row ${r} is cut`,
      );
      kept += Number(y[r * width]! > 0);
    }
    assert.ok(Math.abs(kept / rows - 0.8) < (5 * 0.4) / Math.sqrt(rows), `${tuning}: ${kept}`);
  }
});

test("what is dropped is 0 whatever it was", async () => {
  const gpu = await testGpu();
  const graph = new Graph(gpu);
  const x = graph.input("x", [64]);
  const record = graph.input("step", [8], "u32");
  const y = dropout(x, record, { rate: 0.5, salt: 0 });
  const buffers = await gpu.allocate({ x: 256, step: 32 });
  gpu.write(buffers.x, new Float32Array(64).fill(3e38));
  const program = await compile(gpu, graph.forward(), {
    label: "dropout",
    bindings: new Map([
      [x, { buffer: buffers.x, offset: 0, size: 256 }],
      [record, { buffer: buffers.step, offset: 0, size: 32 }],
    ]),
    keep: [y],
  });
  program.run();
  const got = await gpu.readFloats(program.view(y));
  const want = dropoutFactors([64], 0, { rate: 0.5, salt: 0 });
  want.forEach((factor, i) => assert.is(got[i] === 0, factor === 0));
  program.destroy();
  gpu.free(...Object.values<GPUBuffer>(buffers));
});

test("rates, salts and seeds that do not fit are refused", () => {
  const graph = new Graph("software");
  const x = graph.input("x", [3]);
  const record = graph.input("step", [8], "u32");
  const refuses = (build: () => unknown, message: string): void =>
    assert.throws(build, (e: Error) => e instanceof ShapeError && e.message === message);
  for (const rate of [1, -0.1, Number.NaN]) {
    refuses(
      () => dropout(x, record, { rate, salt: 0 }),
      `dropout: the rate must be at least 0 and below 1, got ${rate}.`,
    );
  }
  refuses(
    () => dropout(x, record, { rate: 0.5, salt: -1 }),
    "dropout: the salt must be an integer from 0 to 2^32 - 1, got -1.",
  );
  refuses(
    () => dropout(x, x, { rate: 0.5, salt: 0 }),
    'dropout: the seed comes from a step record, u32 [8]; "x" is f32 [3].',
  );
});

test("masks stay what they are, so that old runs can be repeated", async () => {
  const [drawn] = await masks("gpu", [24], { rate: 0.5, salt: 0 }, [1]);
  assert.is(Array.from(drawn!.y, (v) => (v > 0 ? "1" : "0")).join(""), "111011101100110111110010");
  assert.is(hash(0), 129_708_002, "PCG-RXS-M-XS of 0, worked out apart");
});

test.after(closeGpus);
test.run();
