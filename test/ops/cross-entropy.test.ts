import { test } from "uvu";
import * as assert from "uvu/assert";
import { ShapeError } from "../../src/errors.ts";
import { Graph } from "../../src/graph/graph.ts";
import { compile } from "../../src/graph/program.ts";
import { softmaxCrossEntropy } from "../../src/ops/cross-entropy.ts";
import { checkOp, type InputSpec } from "../check-op.ts";
import { closeGpus, testGpu, tunings } from "../device.ts";

/** Sum over rows of weight · (log sum exp - mean logit under the targets), the largest logit taken out. */
function reference(rows: number, classes: number, smoothing = 0) {
  return ([logits, labels, weights]: readonly Float64Array[]): number[] => {
    let total = 0;
    for (let b = 0; b < rows; b++) {
      if (weights![b] === 0) continue;
      const z = logits!.subarray(b * classes, (b + 1) * classes);
      const top = Math.max(...z);
      const sum = z.reduce((s, v) => s + Math.exp(v - top), 0);
      const target = (c: number): number =>
        (1 - smoothing) * Number(c === labels![b]) + smoothing / classes;
      const mean = z.reduce((m, v, c) => m + target(c) * (v - top), 0);
      total += weights![b]! * (Math.log(sum) - mean);
    }
    return [total];
  };
}

function inputs(
  rows: number,
  classes: number,
  logits: Partial<InputSpec>,
  weights: Partial<InputSpec>,
): InputSpec[] {
  return [
    { shape: [rows, classes], ...logits },
    {
      shape: [rows],
      dtype: "u32",
      make: (random) => Array.from({ length: rows }, () => Math.floor(random.float() * classes)),
    },
    { shape: [rows], gradient: false, ...weights },
  ];
}

const sizes = [
  [1, 1],
  [1, 10],
  [7, 3],
  [64, 10],
  [67, 11],
  [300, 5],
  [3, 1000],
] as const;

test("softmaxCrossEntropy matches, for means and for any weights", async () => {
  for (const [rows, classes] of sizes) {
    for (const range of [
      [-1, 1],
      [0.5 / rows, 1 / rows],
    ] as const) {
      await checkOp({
        label: `softmaxCrossEntropy [${rows}, ${classes}]`,
        inputs: inputs(rows, classes, { range: [-5, 5] }, { range }),
        build: ([z, labels, weights]) => softmaxCrossEntropy(z!, labels!, weights!),
        reference: reference(rows, classes),
        // A row's loss is below 17 with an error of about ten roundings and of `classes` in its sum;
        // rows add at most 256 such terms one after the other. Differences err by 1e-8.
        tolerance: {
          absolute: range[1] * (2e-5 + 2 ** -24 * 4 * rows),
          relative: 3e-6 + 2 ** -24 * Math.sqrt(classes),
        },
      });
    }
  }
});

test("smoothed targets match", async () => {
  for (const [rows, classes] of sizes) {
    for (const smoothing of [0.1, 0.75]) {
      await checkOp({
        label: `softmaxCrossEntropy [${rows}, ${classes}] smoothed by ${smoothing}`,
        inputs: inputs(rows, classes, { range: [-5, 5] }, { range: [-1, 1] }),
        build: ([z, labels, weights]) => softmaxCrossEntropy(z!, labels!, weights!, { smoothing }),
        reference: reference(rows, classes, smoothing),
        // As without smoothing, and the mean of `classes` distances up to 10 added one by one.
        tolerance: {
          absolute: 4e-5 + 2 ** -24 * 4 * rows,
          relative: 3e-6 + 2 ** -24 * Math.sqrt(classes),
        },
        seeds: 2,
      });
    }
  }
});

test("a smoothed loss of known numbers", async () => {
  // Logits 0 and log 3: probabilities 1/4 and 3/4; label 0, smoothing 0.2: targets 0.9 and 0.1.
  const gpu = await testGpu();
  const graph = new Graph(gpu);
  const [z, labels, weights] = [
    graph.input("z", [1, 2]),
    graph.input("l", [1], "u32"),
    graph.input("w", [1]),
  ];
  const loss = softmaxCrossEntropy(z, labels, weights, { smoothing: 0.2 });
  const buffers = await gpu.allocate({ z: 8, l: 4, w: 4 });
  const whole = (buffer: GPUBuffer) => ({ buffer, offset: 0, size: buffer.size });
  const program = await compile(gpu, graph.forward(), {
    label: "smoothed",
    bindings: new Map([
      [z, whole(buffers.z)],
      [labels, whole(buffers.l)],
      [weights, whole(buffers.w)],
    ]),
    keep: [loss],
  });
  gpu.write(buffers.z, Float32Array.of(0, Math.log(3)));
  gpu.write(buffers.w, Float32Array.of(1));
  program.run();
  const [got] = await gpu.readFloats(program.view(loss));
  const want = -0.9 * Math.log(1 / 4) - 0.1 * Math.log(3 / 4);
  assert.ok(Math.abs(got! - want) < 4e-7, `got ${got}, want ${want}`);
  program.destroy();
  gpu.free(...Object.values<GPUBuffer>(buffers));
});

test("large logits neither overflow nor lose the loss", async () => {
  for (const [rows, classes] of [
    [5, 10],
    [13, 3],
  ] as const) {
    await checkOp({
      label: `softmaxCrossEntropy [${rows}, ${classes}] with logits of 300`,
      inputs: inputs(rows, classes, { range: [-300, 300] }, { range: [0, 1] }),
      build: ([z, labels, weights]) => softmaxCrossEntropy(z!, labels!, weights!),
      reference: reference(rows, classes),
      // The difference of two logits of 300 is exact to 2^-15; exponentials of it inherit that.
      tolerance: { absolute: 2 ** -14 + 1e-5, relative: 1e-5 },
    });
  }
});

test("rows of weight 0 add exactly 0, whatever their logits and labels", async () => {
  for (const tuning of tunings) {
    const gpu = await testGpu({ tuning });
    const graph = new Graph(tuning);
    const [z, labels, weights] = [
      graph.input("z", [4, 3]),
      graph.input("l", [4], "u32"),
      graph.input("w", [4]),
    ];
    const dz = graph.input("dz", z.shape);
    const loss = softmaxCrossEntropy(z, labels, weights);
    const { launches } = graph.backward(loss, [z], { targets: new Map([[z, dz]]) });
    const buffers = await gpu.allocate({
      z: z.bytes,
      l: labels.bytes,
      w: weights.bytes,
      dz: dz.bytes,
    });
    const whole = (buffer: GPUBuffer) => ({ buffer, offset: 0, size: buffer.size });
    const program = await compile(gpu, [...graph.forward(), ...launches], {
      label: "weights",
      bindings: new Map([
        [z, whole(buffers.z)],
        [labels, whole(buffers.l)],
        [weights, whole(buffers.w)],
        [dz, whole(buffers.dz)],
      ]),
      keep: [loss],
    });
    gpu.write(
      buffers.z,
      Float32Array.of(0, 0, 0, 3e38, -3e38, 3e38, 1e30, -1e30, 0, -3e38, -3e38, -3e38),
    );
    gpu.write(buffers.l, Uint32Array.of(1, 1, 4_000_000_000, 2));
    gpu.write(buffers.w, Float32Array.of(0.5, 0, 0, 0));
    program.run();
    const [value] = await gpu.readFloats(program.view(loss));
    assert.ok(Math.abs(value! - 0.5 * Math.log(3)) < 1e-6, `${tuning}: loss ${value}`);
    const gradient = await gpu.readFloats(buffers.dz);
    assert.ok(
      gradient.slice(3).every((v) => v === 0),
      `${tuning}: ${[...gradient].join(", ")}`,
    );
    program.destroy();
    gpu.free(...Object.values<GPUBuffer>(buffers));
  }
});

test("shapes, types and gradients that do not fit are refused", () => {
  const graph = new Graph("software");
  const value = (...shape: number[]) => graph.input("v", shape);
  const labels = (...shape: number[]) => graph.input("labels", shape, "u32");
  const refuses = (build: () => unknown, message: string): void =>
    assert.throws(
      build,
      (error: Error) => error instanceof ShapeError && error.message === message,
    );
  refuses(
    () => softmaxCrossEntropy(value(8, 10), labels(7), value(8)),
    "softmaxCrossEntropy: logits [8, 10] have 8 rows, so the labels must be [8], got [7].",
  );
  refuses(
    () => softmaxCrossEntropy(value(8, 10), labels(8), value(8, 1), {}, "head"),
    '"head": softmaxCrossEntropy: logits [8, 10] have 8 rows, so the weights must be [8], got [8, 1].',
  );
  refuses(
    () => softmaxCrossEntropy(value(10), labels(1), value(1)),
    "softmaxCrossEntropy: the logits must be [rows, classes], got [10] (labels [1]).",
  );
  refuses(
    () => softmaxCrossEntropy(value(8, 10), value(8), value(8)),
    'softmaxCrossEntropy: `labels` must be u32, and "v" is f32.',
  );
  for (const smoothing of [1, -0.1, Number.NaN]) {
    refuses(
      () => softmaxCrossEntropy(value(8, 10), labels(8), value(8), { smoothing }),
      `softmaxCrossEntropy: the smoothing must be at least 0 and below 1, got ${smoothing}.`,
    );
  }
  const weights = value(8);
  const loss = softmaxCrossEntropy(value(8, 10), labels(8), weights);
  refuses(
    () => graph.backward(loss, [weights]),
    "softmaxCrossEntropy: labels and weights have no gradient; ask for that of the logits only.",
  );
});

test.after(closeGpus);
test.run();
