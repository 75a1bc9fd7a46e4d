import { test } from "uvu";
import * as assert from "uvu/assert";
import { ShapeError } from "../../src/errors.ts";
import { Graph } from "../../src/graph/graph.ts";
import { format, type Shape } from "../../src/shape.ts";
import type { Conv2dAttrs } from "../../src/ops/conv2d.ts";
import { depthwiseConv2d } from "../../src/ops/depthwise-conv2d.ts";
import { checkOp } from "../check-op.ts";
import { closeGpus } from "../device.ts";

/** One depthwise convolution: x [n, h, w, c], window [kh, kw]. */
interface Case {
  readonly x: readonly [number, number, number, number];
  readonly window: readonly [number, number];
  readonly stride?: readonly [number, number];
  /** top, bottom, left, right. */
  readonly padding?: readonly [number, number, number, number];
  readonly bias?: boolean;
}

/** Rows and columns of the output. */
function outputSize({
  x,
  window,
  stride = [1, 1],
  padding = [0, 0, 0, 0],
}: Case): [number, number] {
  const rows = Math.floor((x[1] + padding[0] + padding[1] - window[0]) / stride[0]) + 1;
  const columns = Math.floor((x[2] + padding[2] + padding[3] - window[1]) / stride[1]) + 1;
  return [rows, columns];
}

/** The convolution by its definition, in float64. */
function reference(c: Case) {
  const [n, height, width, channels] = c.x;
  const [kh, kw] = c.window;
  const [strideH, strideW] = c.stride ?? [1, 1];
  const [top, , left] = c.padding ?? [0, 0, 0, 0];
  const [oh, ow] = outputSize(c);
  return ([x, w, b]: readonly Float64Array[]): Float64Array => {
    const y = new Float64Array(n * oh * ow * channels);
    for (let at = 0; at < y.length; at++) {
      const channel = at % channels;
      const j = Math.floor(at / channels) % ow;
      const i = Math.floor(at / channels / ow) % oh;
      const image = Math.floor(at / channels / ow / oh);
      let sum = b?.[channel] ?? 0;
      for (let p = 0; p < kh; p++) {
        for (let q = 0; q < kw; q++) {
          const row = i * strideH + p - top;
          const column = j * strideW + q - left;
          if (row < 0 || row >= height || column < 0 || column >= width) continue;
          const pixel = x![((image * height + row) * width + column) * channels + channel]!;
          sum += pixel * w![(p * kw + q) * channels + channel]!;
        }
      }
      y[at] = sum;
    }
    return y;
  };
}

async function check(
  c: Case,
  options: { seeds?: number; attrs?: Conv2dAttrs } = {},
): Promise<void> {
  const { bias = true } = c;
  const [n, , , channels] = c.x;
  const [kh, kw] = c.window;
  const shapes: Shape[] = [c.x, [kh, kw, channels], ...(bias ? [[channels]] : [])];
  const attrs: Conv2dAttrs = options.attrs ?? { stride: c.stride ?? 1, padding: c.padding ?? 0 };
  // Longest sum: over the window forward and for the input, over the batch's pixels for the weights.
  // K terms of at most 1 and K roundings, each at most 2^-24 of a partial sum that stays near
  // sqrt(K) / 3 for random signs: K · 2^-24 is some three standard deviations of their total.
  const [oh, ow] = outputSize(c);
  const terms = Math.max(kh * kw, n * oh * ow);
  await checkOp({
    label: `depthwiseConv2d ${shapes.map(format).join(" ")} stride ${c.stride ?? 1} padding ${c.padding ?? 0}`,
    inputs: shapes.map((shape) => ({ shape })),
    build: ([x, w, b]) => depthwiseConv2d(x!, w!, b ?? null, attrs),
    reference: reference(c),
    tolerance: { absolute: (terms + 8) * 2 ** -24, relative: 1e-6 },
    ...(options.seeds === undefined ? {} : { seeds: options.seeds }),
  });
}

// Every shape compiles its own kernels in both tunings, which takes longer than running them: few shapes,
// each with several odd things at once.

test("1×1 windows, a single number, and pixels that no window reads", async () => {
  await check({ x: [1, 1, 1, 1], window: [1, 1] });
  // Stride 3 down and 2 right skips pixels: their gradient is zero and must be written.
  await check({ x: [2, 5, 7, 3], window: [1, 1], stride: [3, 2], bias: false });
});

test("3×3 windows with padding, channels in fours and not", async () => {
  const padding = [1, 1, 1, 1] as const;
  await check({ x: [2, 5, 11, 8], window: [3, 3], padding });
  await check({ x: [1, 4, 3, 13], window: [3, 3], padding });
  await check({ x: [3, 17, 13, 1], window: [3, 3], padding, bias: false });
});

test("stride 2 with odd and even sizes", async () => {
  await check({ x: [2, 7, 5, 5], window: [3, 3], stride: [2, 2], padding: [1, 1, 1, 1] });
  // The last row and column are out of every window's reach.
  await check({ x: [1, 6, 22, 8], window: [3, 3], stride: [2, 2] });
});

test("5×4 windows with asymmetric padding and stride, and a stride wider than the window", async () => {
  await check({ x: [1, 8, 7, 12], window: [5, 4], stride: [2, 3], padding: [0, 1, 2, 0] });
  await check({ x: [2, 9, 11, 3], window: [2, 2], stride: [3, 4], padding: [1, 0, 0, 1] });
});

test("7×7 windows, on images smaller than the window too", async () => {
  const padding = [3, 3, 3, 3] as const;
  await check({ x: [1, 9, 11, 8], window: [7, 7], padding });
  await check({ x: [2, 2, 3, 7], window: [7, 7], padding });
  await check({ x: [1, 13, 5, 4], window: [7, 7], stride: [2, 2], padding });
});

test("windows wider than a tile of taps", async () => {
  await check({ x: [1, 3, 19, 4], window: [1, 17], padding: [0, 0, 8, 8] }, { seeds: 1 });
  await check({ x: [1, 12, 3, 3], window: [11, 9], padding: [5, 5, 4, 4] }, { seeds: 1 });
});

test("more padding than the window reaches: whole windows see only zeros", async () => {
  await check({ x: [1, 2, 3, 4], window: [3, 2], padding: [4, 3, 3, 5] });
});

test("same padding puts the odd row and column at the bottom and right", async () => {
  // The padding written out is what the reference uses: ceil(6 / 2) = 3 outputs span 7 rows.
  await check(
    { x: [1, 6, 5, 8], window: [3, 3], stride: [2, 2], padding: [0, 1, 1, 1] },
    { seeds: 1, attrs: { stride: 2, padding: "same" } },
  );
  await check(
    { x: [1, 5, 4, 5], window: [2, 4], padding: [0, 1, 1, 2] },
    { seeds: 1, attrs: { padding: "same" } },
  );
});

test("gradients of many pixels, summed in slices", async () => {
  await check({ x: [3, 19, 23, 16], window: [3, 3], padding: [1, 1, 1, 1] }, { seeds: 1 });
});

test("only the gradients asked for are computed", () => {
  for (const tuning of ["software", "gpu"] as const) {
    const graph = new Graph(tuning);
    const x = graph.input("x", [1, 4, 4, 3]);
    const w = graph.input("w", [3, 3, 3]);
    const b = graph.input("b", [3]);
    const y = depthwiseConv2d(x, w, b);
    const cotangent = graph.input("c", y.shape);
    const written = (wanted: typeof x): string[] => {
      const { launches, of } = graph.backward(y, [wanted], { cotangent });
      assert.ok(of.has(wanted));
      return launches.map((launch) => `${launch.shader}:${launch.entry ?? "main"}`);
    };
    assert.equal(written(x), ["depthwise/correlate:input_gradient"]);
    assert.is(written(w)[0], "depthwise/weight-grad:main");
    assert.ok(written(b)[0]!.startsWith("reduce/column-"));
  }
});

test("a launch counts its floating-point operations", () => {
  const graph = new Graph("software");
  const [x, w] = [graph.input("x", [2, 5, 5, 6]), graph.input("w", [3, 3, 6])];
  const y = depthwiseConv2d(x, w, null, { padding: 1 });
  assert.equal(y.shape, [2, 5, 5, 6]);
  const { launches } = graph.backward(y, [x, w], { cotangent: graph.input("c", y.shape) });
  const count = 2 * (2 * 5 * 5 * 6) * (3 * 3);
  assert.is(graph.forward()[0]!.flop, count);
  for (const launch of launches.filter(({ shader }) => shader.startsWith("depthwise/"))) {
    assert.is(launch.flop, count);
  }
});

test("sizes that do not fit are refused with both shapes", () => {
  const graph = new Graph("software");
  const value = (...shape: number[]) => graph.input("v", shape);
  const refuses = (build: () => unknown, message: string): void =>
    assert.throws(build, (error: Error) => {
      assert.ok(error instanceof ShapeError);
      assert.is(error.message, message);
      return true;
    });
  refuses(
    () => depthwiseConv2d(value(8, 32, 32, 3), value(3, 3, 64), null, {}, "stage2.dw"),
    '"stage2.dw": depthwiseConv2d: input [8, 32, 32, 3] has 3 channels, weight [3, 3, 64] expects 64.',
  );
  refuses(
    () => depthwiseConv2d(value(8, 32, 32, 3), value(3, 3, 1, 3), null),
    "depthwiseConv2d: the input must be [N, H, W, C] and the weight [KH, KW, C], " +
      "got input [8, 32, 32, 3], weight [3, 3, 1, 3].",
  );
  refuses(
    () => depthwiseConv2d(value(1, 8, 8, 3), value(3, 3, 3), value(4)),
    "depthwiseConv2d: weight [3, 3, 3] has 3 channels, so the bias must be [3], got [4].",
  );
  refuses(
    () => depthwiseConv2d(value(1, 4, 8, 3), value(7, 7, 3), null, { padding: 1 }),
    "depthwiseConv2d: input [1, 4, 8, 3] with padding [1, 1, 1, 1] is smaller than the 7×7 window of weight [7, 7, 3].",
  );
  refuses(
    () => depthwiseConv2d(value(1, 8, 8, 3), value(3, 3, 3), null, { stride: [1, 0] }),
    "depthwiseConv2d: a stride is an integer of at least 1, got [1, 0]; input [1, 8, 8, 3], weight [3, 3, 3].",
  );
  refuses(
    () => depthwiseConv2d(value(1, 8, 8, 3), value(3, 3, 3), null, { padding: -1 }),
    "depthwiseConv2d: padding is an integer of at least 0, got [-1, -1, -1, -1]; input [1, 8, 8, 3], weight [3, 3, 3].",
  );
});

test.after(closeGpus);
test.run();
