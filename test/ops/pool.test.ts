import { test } from "uvu";
import * as assert from "uvu/assert";
import { ShapeError } from "../../src/errors.ts";
import { Graph } from "../../src/graph/graph.ts";
import { compile } from "../../src/graph/program.ts";
import { count } from "../../src/shape.ts";
import { avgPool, globalAveragePool, maxPool } from "../../src/ops/pool.ts";
import { checkOp } from "../check-op.ts";
import { closeGpus, testGpu, tunings } from "../device.ts";

type Image = readonly [number, number, number, number];
type Window = { size: number; stride: number; padding: number };

/** One number for each window, from the pixels of it that exist. */
function reference(
  [n, h, w, c]: Image,
  { size, stride, padding }: Window,
  f: (pixels: number[]) => number,
) {
  const [oh, ow] = [h, w].map((side) => Math.floor((side + 2 * padding - size) / stride) + 1) as [
    number,
    number,
  ];
  return ([x]: readonly Float64Array[]): Float64Array => {
    const y = new Float64Array(n * oh * ow * c);
    let at = 0;
    for (let b = 0; b < n; b++) {
      for (let i = 0; i < oh; i++) {
        for (let j = 0; j < ow; j++) {
          for (let k = 0; k < c; k++) {
            const pixels: number[] = [];
            for (let r = i * stride - padding; r < i * stride - padding + size; r++) {
              for (let q = j * stride - padding; q < j * stride - padding + size; q++) {
                if (r >= 0 && r < h && q >= 0 && q < w)
                  pixels.push(x![((b * h + r) * w + q) * c + k]!);
              }
            }
            y[at++] = f(pixels);
          }
        }
      }
    }
    return y;
  };
}

const largest = (pixels: number[]): number => Math.max(...pixels);
const mean = (pixels: number[]): number => pixels.reduce((sum, v) => sum + v, 0) / pixels.length;

/** Distinct multiples of 1/64 in random order: no ties that a step of the finite differences could turn. */
function distinct(random: { permutation(n: number): Iterable<number> }, size: number): number[] {
  return Array.from(random.permutation(size), (v) => (v - size / 2) / 64);
}

const cases: readonly (readonly [Image, Window])[] = [
  [[1, 1, 1, 1], { size: 1, stride: 1, padding: 0 }],
  [[2, 4, 6, 3], { size: 2, stride: 2, padding: 0 }],
  [[2, 7, 5, 5], { size: 2, stride: 2, padding: 0 }],
  [[1, 11, 8, 4], { size: 3, stride: 3, padding: 0 }],
  [[3, 7, 9, 8], { size: 3, stride: 2, padding: 1 }],
  [[2, 7, 7, 3], { size: 3, stride: 2, padding: 1 }],
  [[1, 5, 6, 7], { size: 3, stride: 1, padding: 1 }],
  [[1, 7, 8, 4], { size: 2, stride: 3, padding: 1 }],
  [[2, 2, 2, 4], { size: 5, stride: 2, padding: 4 }],
  [[1, 13, 3, 12], { size: 3, stride: 2, padding: 0 }],
];

test("maxPool takes the largest element of each window", async () => {
  for (const [shape, window] of cases) {
    await checkOp({
      label: `maxPool ${shape.join("×")} ${JSON.stringify(window)}`,
      inputs: [{ shape, make: distinct }],
      build: ([x]) => maxPool(x!, window),
      reference: reference(shape, window, largest),
      // Values are copied; a gradient adds at most 9 numbers below 1. Differences are exact to 1e-9.
      tolerance: { absolute: 1e-6, relative: 0 },
    });
  }
});

test("avgPool takes the mean of the pixels, not of the padding", async () => {
  for (const [shape, window] of cases) {
    await checkOp({
      label: `avgPool ${shape.join("×")} ${JSON.stringify(window)}`,
      inputs: [{ shape }],
      build: ([x]) => avgPool(x!, window),
      reference: reference(shape, window, mean),
      // At most 25 additions of numbers below 1 and a quotient.
      tolerance: { absolute: 3e-6, relative: 0 },
    });
  }
});

test("globalAveragePool takes the mean over all pixels of a channel", async () => {
  for (const shape of [
    [1, 1, 1, 1],
    [3, 7, 5, 3],
    [2, 4, 3, 8],
    [1, 23, 29, 4],
    [2, 31, 17, 1],
  ] as const) {
    const [n, h, w, c] = shape;
    await checkOp({
      label: `globalAveragePool ${shape.join("×")}`,
      inputs: [{ shape }],
      build: ([x]) => globalAveragePool(x!),
      reference: ([x]) =>
        Array.from({ length: n * c }, (_, i) => {
          const [b, k] = [Math.floor(i / c), i % c];
          let sum = 0;
          for (let p = 0; p < h * w; p++) sum += x![(b * h * w + p) * c + k]!;
          return sum / (h * w);
        }),
      // A mean of up to 667 numbers below 1: partial sums stay below 60, divided by their number.
      tolerance: { absolute: 1e-6, relative: 0 },
      seeds: 5,
    });
  }
});

test("among equal elements the first in row-major order gets the gradient", async () => {
  for (const tuning of tunings) {
    const gpu = await testGpu({ tuning });
    for (const window of [
      { size: 2, stride: 2, padding: 0 },
      { size: 3, stride: 2, padding: 1 },
    ]) {
      for (const c of [1, 4]) {
        const graph = new Graph(tuning);
        const x = graph.input("x", [1, 4, 4, c]);
        const dx = graph.input("dx", x.shape);
        const y = maxPool(x, window);
        const cotangent = graph.input("c", y.shape);
        const { launches } = graph.backward(y, [x], { cotangent, targets: new Map([[x, dx]]) });
        const buffers = await gpu.allocate({ x: x.bytes, dx: dx.bytes, c: cotangent.bytes });
        gpu.write(buffers.x, new Float32Array(x.size).fill(-3));
        gpu.write(buffers.c, new Float32Array(y.size).fill(1));
        const view = (buffer: GPUBuffer) => ({ buffer, offset: 0, size: buffer.size });
        const program = await compile(gpu, [...graph.forward(), ...launches], {
          label: "ties",
          bindings: new Map([
            [x, view(buffers.x)],
            [dx, view(buffers.dx)],
            [cotangent, view(buffers.c)],
          ]),
        });
        program.run();
        const got = (await gpu.readFloats(buffers.dx))
          .slice(0, count(dx.shape))
          .filter((_, i) => i % c === 0);
        // Windows of 3 with padding 1 start at pixel 0 (after one row of padding) and at pixel 1.
        const want =
          window.size === 2
            ? [1, 0, 1, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0]
            : [1, 1, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        assert.equal([...got], want, `${tuning}, window ${window.size}, ${c} channels`);
        program.destroy();
        gpu.free(...Object.values<GPUBuffer>(buffers));
      }
    }
  }
});

test("windows that do not fit are refused with both sizes", () => {
  const graph = new Graph("software");
  const value = (...shape: number[]) => graph.input("v", shape);
  const refuses = (build: () => unknown, message: string): void =>
    assert.throws(
      build,
      (error: Error) => error instanceof ShapeError && error.message === message,
    );
  refuses(
    () => maxPool(value(1, 2, 2, 3), { size: 3 }),
    "maxPool: a window of 3 × 3, stride 3, padding 0 does not fit into [1, 2, 2, 3].",
  );
  refuses(
    () => avgPool(value(8, 10), { size: 2, stride: 1 }),
    "avgPool: the input must be [N, H, W, C] for a window of 2 × 2, stride 1, padding 0, got [8, 10].",
  );
  refuses(
    () => maxPool(value(1, 8, 8, 3), { size: 2, padding: 2 }),
    "maxPool: a window of 2 × 2, stride 2, padding 2 on [1, 8, 8, 3] is not possible: size and stride must be " +
      "whole and at least 1, the padding at least 0 and less than the size.",
  );
  refuses(
    () => globalAveragePool(value(8, 10)),
    "globalAveragePool: the input must be [N, H, W, C] for [N, C], got [8, 10].",
  );
});

test.after(closeGpus);
test.run();
