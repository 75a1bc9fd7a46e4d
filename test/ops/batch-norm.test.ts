import { test } from "uvu";
import * as assert from "uvu/assert";
import { ShapeError } from "../../src/errors.ts";
import { Graph } from "../../src/graph/graph.ts";
import { compile } from "../../src/graph/program.ts";
import { count } from "../../src/shape.ts";
import { batchNorm, type BatchNormAttrs } from "../../src/ops/batch-norm.ts";
import { checkOp, close } from "../check-op.ts";
import { closeGpus, testGpu, tunings } from "../device.ts";

/** Per-channel mean and biased variance of x [rows, channels], in float64. */
function batchStatistics(
  x: ArrayLike<number>,
  channels: number,
): { mean: number[]; variance: number[]; rows: number } {
  const rows = x.length / channels;
  const mean: number[] = [];
  const variance: number[] = [];
  for (let c = 0; c < channels; c++) {
    let sum = 0;
    for (let r = 0; r < rows; r++) sum += x[r * channels + c]!;
    let squares = 0;
    for (let r = 0; r < rows; r++) squares += (x[r * channels + c]! - sum / rows) ** 2;
    mean.push(sum / rows);
    variance.push(squares / rows);
  }
  return { mean, variance, rows };
}

/** y = gamma (x - mean) / sqrt(variance + epsilon) + beta. */
function reference(attrs: BatchNormAttrs, inputs: readonly Float64Array[]): Float64Array {
  const [x, gamma, beta, runningMean, runningVariance] = inputs as Float64Array[];
  const channels = gamma!.length;
  const batch =
    attrs.mode === "train"
      ? batchStatistics(x!, channels)
      : { mean: runningMean!, variance: runningVariance! };
  return x!.map((v, i) => {
    const c = i % channels;
    const deviation = Math.sqrt(batch.variance[c]! + (attrs.epsilon ?? 1e-5));
    return (gamma![c]! * (v - batch.mean[c]!)) / deviation + beta![c]!;
  });
}

/**
 * Normalised values are below sqrt(rows); each passes about five roundings of 2^-24. A gradient sums
 * up to `rows` terms of size one, in slices of 64: about 64 + stages roundings in the worst case. `gain`
 * is how much 1 / deviation can enlarge the terms.
 */
function tolerance(rows: number, gain: number): { absolute: number; relative: number } {
  return { absolute: gain * (16 + Math.min(rows, 128)) * 2 ** -24, relative: 2e-6 };
}

async function check(
  shape: readonly number[],
  attrs: BatchNormAttrs,
  options: {
    seeds?: number;
    range?: readonly [number, number];
    runningRange?: readonly [number, number];
    gain?: number;
    gradient?: boolean;
  } = {},
): Promise<void> {
  const channels = [shape.at(-1)!];
  const rows = count(shape) / channels[0]!;
  const { gradient = true } = options;
  await checkOp({
    label: `batchNorm ${attrs.mode} [${shape.join(", ")}]`,
    inputs: [
      { shape, range: options.range ?? [-1, 2], gradient },
      { shape: channels, range: [0.5, 1.5], gradient },
      { shape: channels, gradient },
      { shape: channels, range: options.runningRange ?? [-1, 1], gradient: false },
      { shape: channels, range: [0.5, 2], gradient: false },
    ],
    build: ([x, gamma, beta, mean, variance]) =>
      batchNorm(x!, gamma!, beta!, mean!, variance!, attrs),
    reference: (inputs) => reference(attrs, inputs),
    tolerance: tolerance(rows, options.gain ?? 8),
    ...(options.seeds === undefined ? {} : { seeds: options.seeds }),
  });
}

test("train mode normalises by the batch's mean and variance", async () => {
  // Rows from 5, so that no channel's random variance is tiny and enlarges every rounding.
  for (const shape of [
    [5, 1],
    [7, 17],
    [31, 3],
    [2, 5, 7, 3],
    [65, 1],
    [33, 64],
    [3, 13, 5, 4],
  ]) {
    await check(shape, { mode: "train" });
  }
  // A constant of the kernels.
  for (const shape of [
    [2, 5, 7, 3],
    [3, 13, 5, 4],
  ]) {
    await check(shape, { mode: "train", epsilon: 1e-3 }, { seeds: 1 });
  }
});

test("without gamma and beta they are 1 and 0", async () => {
  for (const mode of ["train", "frozen"] as const) {
    for (const [rows, channels] of [
      [31, 3],
      [33, 8],
    ] as const) {
      await checkOp({
        label: `batchNorm ${mode} [${rows}, ${channels}], plain`,
        inputs: [
          { shape: [rows, channels], range: [-1, 2] },
          { shape: [channels], gradient: false },
          { shape: [channels], range: [0.5, 2], gradient: false },
        ],
        build: ([x, mean, variance]) => batchNorm(x!, null, null, mean!, variance!, { mode }),
        reference: ([x, mean, variance]) => {
          const [gamma, beta] = [1, 0].map((v) => new Float64Array(channels).fill(v));
          return reference({ mode }, [x!, gamma!, beta!, mean!, variance!]);
        },
        tolerance: tolerance(rows, 8),
        seeds: 1,
      });
    }
  }
});

test("frozen mode normalises by the running statistics", async () => {
  for (const shape of [
    [1, 1],
    [1, 17],
    [7, 3],
    [2, 5, 7, 3],
    [65, 64],
    [3, 13, 5, 4],
  ]) {
    await check(shape, { mode: "frozen" });
  }
  for (const shape of [
    [2, 5, 7, 3],
    [3, 13, 5, 4],
  ]) {
    await check(shape, { mode: "frozen", epsilon: 1e-3 }, { seeds: 1 });
  }
});

test("one row in train mode gives beta", async () => {
  // x - mean is exactly 0, and so is every gradient of x; dgamma too.
  for (const channels of [1, 3, 17]) await check([1, channels], { mode: "train" });
});

test("more rows than one merge stage holds", async () => {
  // 2,049 rows: 33 slices, so one stage merges 32 of them and the last stage the rest.
  for (const mode of ["train", "frozen"] as const) {
    await check([2049, 3], { mode }, { seeds: 1 });
  }
  await check([66_000, 2], { mode: "train" }, { seeds: 1, gradient: false });
});

test("large means keep their precision", async () => {
  // x - mean is exact near the mean, so a frozen mean costs nothing. The batch's mean itself is rounded
  // to 3e-5, which is 1e-4 deviations of 0.3: hence the gain.
  const range = [999.5, 1000.5] as const;
  await check([129, 3], { mode: "train" }, { seeds: 1, range, gain: 40, gradient: false });
  await check(
    [129, 3],
    { mode: "frozen" },
    { seeds: 1, range, runningRange: range, gradient: false },
  );
});

test("train mode updates the running statistics with the unbiased variance", async () => {
  for (const tuning of tunings) {
    for (const [rows, channels] of [
      [1, 3],
      [2, 1],
      [77, 5],
      [2100, 2],
    ] as const) {
      const gpu = await testGpu({ tuning });
      const graph = new Graph(tuning);
      const x = graph.input("x", [rows, channels]);
      const [gamma, beta, mean, variance] = ["gamma", "beta", "mean", "variance"].map((name) =>
        graph.input(name, [channels]),
      ) as [typeof x, typeof x, typeof x, typeof x];
      const y = batchNorm(x, gamma, beta, mean, variance, { mode: "train", momentum: 0.25 });
      const values = [x, gamma, beta, mean, variance];
      const buffers = await gpu.allocate(Object.fromEntries(values.map((v) => [v.label, v.bytes])));
      const bindings = new Map(
        values.map((v) => [v, { buffer: buffers[v.label]!, offset: 0, size: v.bytes }]),
      );
      const program = await compile(gpu, graph.forward(), {
        label: "batch norm",
        bindings,
        keep: [y],
      });
      const data = Float32Array.from(
        { length: rows * channels },
        (_, i) => Math.sin(7 * i) + (i % 3),
      );
      gpu.write(buffers["x"]!, data);
      gpu.write(buffers["mean"]!, new Float32Array(channels).fill(3));
      gpu.write(buffers["variance"]!, new Float32Array(channels).fill(2));
      program.run(2);
      const batch = batchStatistics(data, channels);
      const unbiased = batch.variance.map((v) => (v * rows) / Math.max(rows - 1, 1));
      // Two updates: what was there counts 0.75², the batch 1 - 0.75².
      const expected = (start: number, value: number): number => 0.5625 * start + 0.4375 * value;
      const label = `${rows} rows (${tuning})`;
      const accuracy = { absolute: 1e-6, relative: 1e-6 };
      const meanNow = await gpu.readFloats(bindings.get(mean)!);
      close(
        `running mean, ${label}`,
        meanNow,
        batch.mean.map((v) => expected(3, v)),
        accuracy,
      );
      const varianceNow = await gpu.readFloats(bindings.get(variance)!);
      close(
        `running variance, ${label}`,
        varianceNow,
        unbiased.map((v) => expected(2, v)),
        accuracy,
      );
      program.destroy();
      gpu.free(...Object.values(buffers));
    }
  }
});

test("gradients only where asked", async () => {
  const graph = new Graph("software");
  const x = graph.input("x", [4, 3]);
  const [gamma, beta, mean, variance] = [0, 1, 2, 3].map((i) => graph.input(`v${i}`, [3]));
  const y = batchNorm(x, gamma!, beta!, mean!, variance!, { mode: "frozen" });
  const cotangent = graph.input("c", [4, 3]);
  const entries = (wrt: typeof x): (string | undefined)[] =>
    graph.backward(y, [wrt], { cotangent }).launches.map((launch) => launch.entry);
  assert.equal(entries(x), ["input_gradient"], "frozen statistics need no sums for dx");
  assert.equal(entries(gamma!), ["sums", "totals"]);
  assert.throws(
    () => graph.backward(y, [mean!], { cotangent }),
    (error: Error) => error instanceof ShapeError && error.message.includes("tracked, not trained"),
  );
});

test("per-channel values of another size are refused with both shapes", () => {
  const graph = new Graph("software");
  const x = graph.input("x", [8, 4, 4, 3]);
  const three = graph.input("three", [3]);
  const four = graph.input("four", [4]);
  assert.throws(
    () => batchNorm(x, four, three, three, three, { mode: "train" }),
    (error: Error) =>
      error instanceof ShapeError &&
      error.message ===
        "batchNorm: input [8, 4, 4, 3] has 3 channels, so gamma must be [3], got [4].",
  );
  assert.throws(
    () => batchNorm(x, three, three, three, four, { mode: "train" }, "stage1.norm"),
    (error: Error) =>
      error.message.includes('"stage1.norm"') && error.message.includes("the running variance"),
  );
});

test.after(closeGpus);
test.run();
