import { test } from "uvu";
import * as assert from "uvu/assert";
import { ShapeError } from "../../src/errors.ts";
import { Graph } from "../../src/graph/graph.ts";
import { format, type Shape } from "../../src/shape.ts";
import { conv2d, type Conv2dAttrs } from "../../src/ops/conv2d.ts";
import { checkOp } from "../check-op.ts";
import { closeGpus } from "../device.ts";
import { type Case, outputSize, reference } from "./conv2d-reference.ts";

async function check(
  c: Case,
  options: { seeds?: number; gradient?: boolean; attrs?: Conv2dAttrs } = {},
): Promise<void> {
  const { gradient = true, seeds } = options;
  const { bias = true } = c;
  const [n, , , cin] = c.x;
  const [kh, kw] = c.window;
  const shapes: Shape[] = [c.x, [kh, kw, cin, c.cout], ...(bias ? [[c.cout]] : [])];
  const attrs: Conv2dAttrs = options.attrs ?? { stride: c.stride ?? 1, padding: c.padding ?? 0 };
  // Longest dot product: over window and channels forward, over the batch's pixels for the weights. K
  // terms of at most 1, K roundings of partial sums that stay near sqrt(K) / 3 for random signs;
  // K · 2^-24 is some three standard deviations of that.
  const [oh, ow] = outputSize(c);
  const terms = Math.max(kh * kw * cin, ...(gradient ? [n * oh * ow, kh * kw * c.cout] : []));
  await checkOp({
    label: `conv2d ${shapes.map(format).join(" ")} stride ${c.stride ?? 1} padding ${c.padding ?? 0}`,
    inputs: shapes.map((shape) => ({ shape, gradient })),
    build: ([x, w, b]) => conv2d(x!, w!, b ?? null, attrs),
    reference: reference(c),
    tolerance: { absolute: (terms + 8) * 2 ** -24, relative: 1e-6 },
    ...(seeds === undefined ? {} : { seeds }),
  });
}

// Every shape compiles its own kernels in both tunings, which takes longer than running them: few shapes,
// each with several odd things at once.

test("1×1 windows, a single number, and pixels that no window reads", async () => {
  await check({ x: [1, 1, 1, 1], window: [1, 1], cout: 1 });
  // Stride 3 down and 2 right skips pixels: their gradient is zero and must be written.
  await check({ x: [2, 5, 7, 3], window: [1, 1], cout: 10, stride: [3, 2], bias: false });
});

test("3×3 windows with padding", async () => {
  const padding = [1, 1, 1, 1] as const;
  await check({ x: [2, 5, 5, 1], window: [3, 3], cout: 16, padding });
  await check({ x: [1, 3, 4, 16], window: [3, 3], cout: 32, padding });
  await check({ x: [1, 4, 3, 17], window: [3, 3], cout: 33, padding });
});

test("stride 2 with odd and even sizes", async () => {
  await check({ x: [2, 7, 5, 3], window: [3, 3], cout: 5, stride: [2, 2], padding: [1, 1, 1, 1] });
  // The last row and column are out of every window's reach.
  await check({ x: [1, 6, 6, 8], window: [3, 3], cout: 8, stride: [2, 2] });
});

test("5×5 and 7×7 windows, asymmetric padding and stride", async () => {
  await check({ x: [1, 8, 7, 5], window: [5, 5], cout: 3, stride: [2, 1], padding: [0, 1, 2, 0] });
  await check(
    { x: [1, 9, 8, 3], window: [7, 7], cout: 4, stride: [2, 2], padding: [3, 3, 3, 3] },
    { seeds: 1 },
  );
  // More padding than the window reaches: whole windows see only zeros.
  await check({ x: [1, 2, 3, 4], window: [3, 2], cout: 4, padding: [4, 3, 3, 5] }, { seeds: 1 });
});

test("gradients of many pixels, summed in slices", async () => {
  await check({ x: [3, 11, 9, 16], window: [3, 3], cout: 8, padding: [1, 1, 1, 1] }, { seeds: 1 });
});

test("same padding puts the odd row and column at the bottom and right", async () => {
  // The padding written out is what the reference uses.
  const forward = { seeds: 1, gradient: false };
  const halved = { ...forward, attrs: { stride: 2, padding: "same" } } as const;
  // ceil(6 / 2) = 3 outputs span (3 - 1) · 2 + 3 = 7 rows: one row of padding, below.
  await check(
    { x: [1, 6, 6, 3], window: [3, 3], cout: 4, stride: [2, 2], padding: [0, 1, 0, 1] },
    halved,
  );
  await check(
    { x: [1, 7, 5, 3], window: [3, 3], cout: 4, stride: [2, 2], padding: [1, 1, 1, 1] },
    halved,
  );
  // A window smaller than the stride needs no padding.
  await check({ x: [1, 5, 5, 2], window: [1, 1], cout: 3, stride: [2, 2] }, halved);
  const whole = { ...forward, attrs: { padding: "same" } } as const;
  await check({ x: [1, 5, 4, 2], window: [2, 4], cout: 3, padding: [0, 1, 1, 2] }, whole);
});

test("shapes larger than the tiles", async () => {
  const padding = [1, 1, 1, 1] as const;
  for (const c of [
    { x: [3, 14, 14, 16], window: [3, 3], cout: 32, padding },
    { x: [2, 13, 11, 64], window: [3, 3], cout: 65, padding },
    { x: [1, 32, 32, 3], window: [7, 7], cout: 64, stride: [2, 2], padding: [3, 3, 3, 3] },
    { x: [2, 9, 9, 130], window: [1, 1], cout: 67 },
  ] as const) {
    await check(c, { seeds: 1, gradient: false });
  }
});

test("only the gradients asked for are computed", () => {
  for (const tuning of ["software", "gpu"] as const) {
    const graph = new Graph(tuning);
    const x = graph.input("x", [1, 4, 4, 3]);
    const w = graph.input("w", [3, 3, 3, 2]);
    const b = graph.input("b", [2]);
    const y = conv2d(x, w, b);
    const cotangent = graph.input("c", y.shape);
    const written = (wanted: typeof x): string[] => {
      const { launches, of } = graph.backward(y, [wanted], { cotangent });
      assert.ok(of.has(wanted));
      return launches.map((launch) => launch.shader.split("/")[1]!);
    };
    assert.ok(written(x).every((shader) => shader.startsWith("input-grad")));
    assert.ok(written(w)[0]!.startsWith("weight-grad"));
    assert.ok(written(b)[0]!.startsWith("column-"));
  }
});

test("a bound launch counts its floating-point operations", () => {
  const graph = new Graph("software");
  const y = conv2d(graph.input("x", [2, 5, 5, 3]), graph.input("w", [3, 3, 3, 7]), null, {
    padding: 1,
  });
  assert.equal(y.shape, [2, 5, 5, 7]);
  assert.is(graph.forward()[0]!.flop, 2 * 2 * 5 * 5 * 7 * 3 * 3 * 3);
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
    () => conv2d(value(8, 32, 32, 3), value(3, 3, 64, 10), null, {}, "stage2.conv1"),
    '"stage2.conv1": conv2d: input [8, 32, 32, 3] has 3 channels, weight [3, 3, 64, 10] expects 64.',
  );
  refuses(
    () => conv2d(value(8, 32, 3), value(3, 3, 3, 10), null),
    "conv2d: the input must be [N, H, W, Cin] and the weight [KH, KW, Cin, Cout], " +
      "got input [8, 32, 3], weight [3, 3, 3, 10].",
  );
  refuses(
    () => conv2d(value(1, 8, 8, 3), value(3, 3, 3, 10), value(3)),
    "conv2d: weight [3, 3, 3, 10] has 10 filters, so the bias must be [10], got [3].",
  );
  refuses(
    () => conv2d(value(1, 4, 8, 3), value(7, 7, 3, 10), null, { padding: 1 }),
    "conv2d: input [1, 4, 8, 3] with padding [1, 1, 1, 1] is smaller than the 7×7 window of weight [7, 7, 3, 10].",
  );
  refuses(
    () => conv2d(value(1, 8, 8, 3), value(3, 3, 3, 10), null, { stride: 0 }),
    "conv2d: a stride is an integer of at least 1, got [0, 0]; input [1, 8, 8, 3], weight [3, 3, 3, 10].",
  );
  refuses(
    () => conv2d(value(1, 8, 8, 3), value(3, 3, 3, 10), null, { padding: -1 }),
    "conv2d: padding is an integer of at least 0, got [-1, -1, -1, -1]; input [1, 8, 8, 3], weight [3, 3, 3, 10].",
  );
});

test.after(closeGpus);
test.run();
