import { test } from "uvu";
import * as assert from "uvu/assert";
import { ShapeError } from "../../src/errors.ts";
import { Graph } from "../../src/graph/graph.ts";
import { compile } from "../../src/graph/program.ts";
import type { Value } from "../../src/graph/value.ts";
import { abs, exp, scale, silu, tanh } from "../../src/ops/activations.ts";
import { checkOp } from "../check-op.ts";
import { closeGpus, testGpu, tunings } from "../device.ts";

// Odd sizes, one quad, and more than a workgroup's 1,024 elements with a ragged end.
const shapes = [[1], [4], [7, 3], [1031], [2, 5, 13, 3]];
const name = (shape: readonly number[]): string => `[${shape.join(", ")}]`;

test("tanh matches over its whole range", async () => {
  for (const shape of shapes) {
    for (const range of [
      [-0.6, 0.6],
      [-4, 4],
      [-30, 30],
    ] as const) {
      await checkOp({
        label: `tanh ${name(shape)} in ±${range[1]}`,
        inputs: [{ shape, range }],
        build: ([x]) => tanh(x!),
        reference: ([x]) => x!.map(Math.tanh),
        // Values: an exponential within a few units of the last place, one quotient. Derivatives are at
        // most 1 and the output they are made of has an error of 2^-23.
        tolerance: { absolute: 4e-7, relative: 1e-6 },
      });
    }
  }
});

test("tanh keeps its relative accuracy for the smallest inputs", async () => {
  for (const size of [1e-6, 1e-4, 1e-20, 0.02]) {
    await checkOp({
      label: `tanh around ${size}`,
      inputs: [{ shape: [37], range: [-size, size], gradient: false }],
      build: ([x]) => tanh(x!),
      reference: ([x]) => x!.map(Math.tanh),
      // A quotient of two polynomials: at most 7 roundings, no absolute error.
      tolerance: { absolute: 0, relative: 7 * 2 ** -24 },
    });
  }
});

test("SiLU matches over its whole range and never overflows", async () => {
  for (const shape of shapes) {
    for (const size of [0.5, 6, 90]) {
      await checkOp({
        label: `silu ${name(shape)} in ±${size}`,
        inputs: [{ shape, range: [-size, size] }],
        build: ([x]) => silu(x!),
        reference: ([x]) => x!.map((v) => v / (1 + Math.exp(-v))),
        // An exponential with an error of 3 + 2 |x| units in the last place, which x multiplies: the
        // product of x, that error and e^-|x| is at most 3e-7; and a quotient and a product.
        tolerance: { absolute: 1e-6, relative: 1e-6 },
      });
    }
  }
});

test("exp matches, large and small", async () => {
  for (const shape of shapes) {
    for (const [size, gradient] of [
      [20, false],
      [3, true],
    ] as const) {
      await checkOp({
        label: `exp ${name(shape)} in ±${size}`,
        // Differences lose their digits where a few outputs of 1e8 drown the others.
        inputs: [{ shape, range: [-size, size], gradient }],
        build: ([x]) => exp(x!),
        reference: ([x]) => x!.map(Math.exp),
        // WGSL allows exp an error of 3 + 2 |x| units in the last place; differences err by 1e-7 here,
        // rounding of sums of a thousand outputs of 20 divided by the step.
        tolerance: { absolute: gradient ? 1e-6 : 1e-14, relative: (4 + 2 * size) * 2 ** -23 },
      });
    }
  }
});

test("abs matches, and its derivative at 0 is 0", async () => {
  // Finite differences are exact for piecewise linear functions; inputs keep off the kink by the step.
  const values = (random: { float(): number }, size: number): number[] =>
    Array.from({ length: size }, (_, i) =>
      i % 3 === 0 ? 0 : (random.float() + 0.1) * (i % 2 === 0 ? 1 : -1),
    );
  for (const shape of shapes) {
    await checkOp({
      label: `abs ${name(shape)}`,
      inputs: [{ shape, make: values }],
      build: ([x]) => abs(x!),
      reference: ([x]) => x!.map(Math.abs),
      tolerance: { absolute: 1e-9, relative: 1e-6 },
    });
  }
});

test("scale multiplies by its constant", async () => {
  for (const shape of shapes) {
    for (const factor of [-2.5, 0, 1, 1e-7]) {
      await checkOp({
        label: `scale by ${factor} ${name(shape)}`,
        inputs: [{ shape }],
        build: ([x]) => scale(x!, factor),
        reference: ([x]) => x!.map((v) => factor * v),
        // Two roundings: of the constant and of the product; differences in float64 are exact to 1e-10.
        tolerance: { absolute: 1e-14 + 1e-10 * Math.abs(factor), relative: 3e-7 },
        seeds: 2,
      });
    }
  }
});

test("the padding behind a view of an arena stays zero", async () => {
  for (const tuning of tunings) {
    const gpu = await testGpu({ tuning });
    const graph = new Graph(tuning);
    const [x, c, dx] = ["x", "c", "dx"].map((label) => graph.input(label, [5])) as [
      Value,
      Value,
      Value,
    ];
    const y = exp(x);
    const targets = new Map([[x, dx]]);
    const { launches } = graph.backward(y, [x], { cotangent: c, targets });
    const buffers = await gpu.allocate({ x: 256, c: 256, dx: 256 });
    gpu.write(buffers.x, new Float32Array(64).fill(0.5));
    gpu.write(buffers.c, new Float32Array(64).fill(2));
    const view = (buffer: GPUBuffer) => ({ buffer, offset: 0, size: 20 });
    const program = await compile(gpu, [...graph.forward(), ...launches], {
      label: "padding",
      bindings: new Map([
        [x, view(buffers.x)],
        [c, view(buffers.c)],
        [dx, view(buffers.dx)],
      ]),
    });
    program.run();
    const got = await gpu.readFloats(buffers.dx);
    assert.ok(
      got.subarray(0, 5).every((v) => v > 3),
      `${tuning}: ${got.join(" ")}`,
    );
    assert.ok(
      got.subarray(5).every((v) => v === 0),
      `${tuning}: ${got.join(" ")}`,
    );
    program.destroy();
    gpu.free(...Object.values<GPUBuffer>(buffers));
  }
});

test("a factor that is not finite is refused", () => {
  const graph = new Graph("software");
  assert.throws(
    () => scale(graph.input("x", [3]), Number.NaN),
    (error: Error) =>
      error instanceof ShapeError && error.message === "scale: the factor must be finite, got NaN.",
  );
});

test.after(closeGpus);
test.run();
