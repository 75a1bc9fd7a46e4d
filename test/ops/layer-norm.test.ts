import { test } from "uvu";
import * as assert from "uvu/assert";
import { ShapeError } from "../../src/errors.ts";
import { Graph } from "../../src/graph/graph.ts";
import { compile } from "../../src/graph/program.ts";
import { count } from "../../src/shape.ts";
import { layerNorm, type LayerNormAttrs } from "../../src/ops/layer-norm.ts";
import type { Random } from "../../src/random.ts";
import { checkOp, close } from "../check-op.ts";
import { closeGpus, testGpu, tunings } from "../device.ts";

/** y = gamma (x - mean) / sqrt(variance + epsilon) + beta, row by row. */
function reference(
  [x, gamma, beta]: readonly Float64Array[],
  { epsilon = 1e-6 }: LayerNormAttrs = {},
): Float64Array {
  const channels = gamma!.length;
  const y = new Float64Array(x!.length);
  for (let start = 0; start < x!.length; start += channels) {
    const row = x!.subarray(start, start + channels);
    const mean = row.reduce((sum, v) => sum + v, 0) / channels;
    const variance = row.reduce((sum, v) => sum + (v - mean) ** 2, 0) / channels;
    row.forEach((v, c) => {
      y[start + c] = (gamma![c]! * (v - mean)) / Math.sqrt(variance + epsilon) + beta![c]!;
    });
  }
  return y;
}

/** Values around ±1, so that no row of two or more has a deviation below a third. */
function spread(random: Random, size: number): number[] {
  return Array.from(
    { length: size },
    (_, i) => (i % 2 === 0 ? 1 : -1) * (0.5 + random.float()) + 0.2,
  );
}

/**
 * Normalised values are below sqrt(C) and pass about ten roundings; the mean they are relative to has
 * one a summand, up to C / 4 of them in one accumulator, divided by a deviation of 1/3 or more. A
 * gradient of gamma or beta adds up to `rows` terms of size one to three.
 */
function tolerance(rows: number, channels: number): { absolute: number; relative: number } {
  const terms = 32 + Math.min(channels, 256) + Math.min(rows, 256);
  return { absolute: 3 * terms * 2 ** -24, relative: 3e-6 };
}

async function check(
  shape: readonly number[],
  attrs: LayerNormAttrs = {},
  seeds?: number,
): Promise<void> {
  const channels = shape.at(-1)!;
  await checkOp({
    label: `layerNorm [${shape.join(", ")}]`,
    inputs: [
      { shape, make: spread },
      { shape: [channels], range: [0.5, 1.5] },
      { shape: [channels] },
    ],
    build: ([x, gamma, beta]) => layerNorm(x!, gamma!, beta!, attrs),
    reference: (inputs) => reference(inputs, attrs),
    tolerance: tolerance(count(shape) / channels, channels),
    ...(seeds === undefined ? {} : { seeds }),
  });
}

test("layerNorm normalises each row by its own mean and variance", async () => {
  for (const shape of [
    [2],
    [5, 3],
    [1, 4],
    [31, 7],
    [2, 5, 7, 12],
    [65, 64],
    [3, 13, 5, 20],
    [7, 97],
    [17, 252],
  ]) {
    await check(shape);
  }
  // A constant of the kernels: once in scalars, once in vectors.
  for (const shape of [
    [31, 7],
    [17, 252],
  ]) {
    await check(shape, { epsilon: 1e-3 }, 1);
  }
});

test("rows as long as ConvNeXt-T's widest, and more rows than one slice holds", async () => {
  await check([3, 768], {}, 1);
  await check([2, 1031], {}, 1);
  // More lanes than a workgroup of the kernel for all gradients has threads.
  await check([3, 1028], {}, 1);
  // 8,210 rows of 4: over 300 slices in the gpu tuning, joined in stages.
  await check([8210, 4], {}, 1);
  await check([4099, 3], {}, 1);
});

test("one gradient alone", async () => {
  for (const [rows, channels] of [
    [70, 12],
    [5, 3],
  ] as const) {
    for (const wanted of [0, 1, 2]) {
      const shapes = [[rows, channels], [channels], [channels]];
      await checkOp({
        label: `layerNorm [${rows}, ${channels}], gradient ${wanted}`,
        inputs: shapes.map((shape, i) => ({
          shape,
          gradient: i === wanted,
          ...(i === 0 ? { make: spread } : {}),
        })),
        build: ([x, gamma, beta]) => layerNorm(x!, gamma!, beta!),
        reference: (inputs) => reference(inputs),
        tolerance: tolerance(rows, channels),
        seeds: 1,
      });
    }
  }
});

test("one channel gives beta, and no gradient of x or gamma", async () => {
  for (const rows of [1, 5, 130]) {
    await checkOp({
      label: `layerNorm [${rows}, 1]`,
      inputs: [{ shape: [rows, 1] }, { shape: [1] }, { shape: [1] }],
      build: ([x, gamma, beta]) => layerNorm(x!, gamma!, beta!),
      reference: ([x, , beta]) => x!.map(() => beta![0]!),
      // x - mean is exactly 0; dbeta adds `rows` numbers below 1 in slices. dx is 1000 (the inverse deviation)
      // times dy gamma - mean(dy gamma), which is 0 unless a driver fuses the product (NVIDIA's does): then
      // it is the product's rounding.
      tolerance: { absolute: (1000 + rows) * 2 ** -24, relative: 1e-6 },
      seeds: 1,
    });
  }
});

test("a mean that is large beside the deviation costs only its own rounding", async () => {
  for (const channels of [33, 64]) {
    await checkOp({
      label: `layerNorm around 100, ${channels} channels`,
      inputs: [
        { shape: [9, channels], range: [99, 101], gradient: false },
        { shape: [channels], range: [0.5, 1.5], gradient: false },
        { shape: [channels], gradient: false },
      ],
      build: ([x, gamma, beta]) => layerNorm(x!, gamma!, beta!),
      reference: (inputs) => reference(inputs),
      // The mean of 100 errs by up to 64 half units of 2^-17 in its sum, divided by 64 and by 0.58, and
      // by half a unit when rounded; the one-pass formula would err by 100² · 2^-24 / 0.3 = 2e-3.
      tolerance: { absolute: 5e-5, relative: 1e-5 },
      seeds: 2,
    });
  }
});

test("equal numbers in a row give beta, however large", async () => {
  for (const tuning of tunings) {
    for (const channels of [5, 8]) {
      const gpu = await testGpu({ tuning });
      const graph = new Graph(tuning);
      const x = graph.input("x", [3, channels]);
      const [gamma, beta] = ["gamma", "beta"].map((name) => graph.input(name, [channels]));
      const y = layerNorm(x, gamma!, beta!);
      const values = [x, gamma!, beta!];
      const buffers = await gpu.allocate(Object.fromEntries(values.map((v) => [v.label, v.bytes])));
      const program = await compile(gpu, graph.forward(), {
        label: "equal numbers",
        bindings: new Map(
          values.map((v) => [v, { buffer: buffers[v.label]!, offset: 0, size: v.bytes }]),
        ),
        keep: [y],
      });
      // Sums of up to eight of these are exact, and so is their mean.
      const rows = [0, 2 ** 20, -(2 ** 60)];
      gpu.write(buffers["x"]!, Float32Array.from(rows.flatMap((v) => Array(channels).fill(v))));
      gpu.write(buffers["gamma"]!, new Float32Array(channels).fill(2));
      gpu.write(buffers["beta"]!, new Float32Array(channels).fill(0.25));
      program.run();
      const got = await gpu.readFloats(program.view(y));
      // A quotient may be off by a unit or two in the last place (2.5 units are allowed), which the
      // mean of 2^60 and the inverse deviation of 1,000 make large: that row is only checked where
      // division is exact, by powers of two.
      const exact = channels === 8 ? 3 * channels : 1 * channels;
      close("beta", got.subarray(0, exact), Array(exact).fill(0.25), { absolute: 0, relative: 0 });
      program.destroy();
      gpu.free(...Object.values<GPUBuffer>(buffers));
    }
  }
});

test("gradients only where asked", () => {
  for (const tuning of tunings) {
    const graph = new Graph(tuning);
    const x = graph.input("x", [4, 8]);
    const [gamma, beta] = [graph.input("gamma", [8]), graph.input("beta", [8])];
    const y = layerNorm(x, gamma, beta);
    const cotangent = graph.input("c", [4, 8]);
    const launches = (wrt: typeof x): string[] =>
      graph
        .backward(y, [wrt], { cotangent })
        .launches.map(({ entry, shader, parts = [] }) => entry ?? [shader, ...parts].join(" "));
    assert.equal(launches(x), ["input_gradient"]);
    for (const parameter of [beta, gamma]) {
      const [first, second, ...others] = launches(parameter);
      assert.equal([first, others], ["sums", []]);
      assert.match(second!, /^reduce\/axis-sum /);
    }
  }
});

test("parameters of another size are refused with both shapes", () => {
  const graph = new Graph("software");
  const x = graph.input("x", [8, 4, 4, 3]);
  const three = graph.input("three", [3]);
  const four = graph.input("four", [4]);
  assert.throws(
    () => layerNorm(x, four, three),
    (error: Error) =>
      error instanceof ShapeError &&
      error.message ===
        "layerNorm: input [8, 4, 4, 3] has 3 channels, so gamma must be [3], got [4].",
  );
  assert.throws(
    () => layerNorm(x, three, four, {}, "stage1.norm"),
    (error: Error) =>
      error.message.includes('"stage1.norm"') && error.message.includes("beta must be [3]"),
  );
});

test.after(closeGpus);
test.run();
