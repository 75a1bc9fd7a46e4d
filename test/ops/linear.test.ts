import { test } from "uvu";
import * as assert from "uvu/assert";
import { ShapeError } from "../../src/errors.ts";
import { Graph } from "../../src/graph/graph.ts";
import { linear, slicesOfK } from "../../src/ops/linear.ts";
import { checkOp } from "../check-op.ts";
import { closeGpus, tunings } from "../device.ts";

/** y[r, o] = b[o] + sum over i of x[r, i] w[i, o], in float64. */
function reference(rows: number, inputs: number, units: number) {
  return ([x, w, b]: readonly Float64Array[]): Float64Array => {
    const y = new Float64Array(rows * units);
    for (let r = 0; r < rows; r++) {
      for (let o = 0; o < units; o++) {
        let sum = b?.[o] ?? 0;
        for (let i = 0; i < inputs; i++) sum += x![r * inputs + i]! * w![i * units + o]!;
        y[r * units + o] = sum;
      }
    }
    return y;
  };
}

async function check(
  [rows, inputs, units]: readonly [number, number, number],
  options: { bias: boolean; seeds?: number; gradient?: boolean; lead?: readonly number[] },
): Promise<void> {
  const { bias, seeds, gradient = true, lead = [rows] } = options;
  const shapes = [[...lead, inputs], [inputs, units], ...(bias ? [[units]] : [])];
  // Longest dot product of the three: K terms of at most 1, K roundings of partial sums that stay
  // near sqrt(K) / 3 for random signs; K · 2^-24 is some three standard deviations of that.
  const terms = gradient ? Math.max(rows, inputs, units) : inputs;
  await checkOp({
    label: `linear [${rows}, ${inputs}] × [${inputs}, ${units}]${bias ? " + bias" : ""}`,
    inputs: shapes.map((shape) => ({ shape, gradient })),
    build: ([x, w, b]) => linear(x!, w!, b ?? null),
    reference: reference(rows, inputs, units),
    tolerance: { absolute: (terms + 8) * 2 ** -24, relative: 1e-6 },
    ...(seeds === undefined ? {} : { seeds }),
  });
}

test("linear matches x w + b and its gradients", async () => {
  // One number; all sizes multiples of 4; none; the units' alone; one unit and long rows.
  const shapes = [
    [1, 1, 1],
    [3, 16, 32],
    [13, 17, 33],
    [30, 5, 16],
    [2, 100, 1],
  ] as const;
  for (const shape of shapes) await check(shape, { bias: true });
});

test("every position of the leading axes is a row", async () => {
  await check([30, 5, 16], { bias: true, lead: [2, 3, 5], seeds: 1 });
  await check([3, 16, 32], { bias: false, lead: [1, 3], seeds: 1 });
});

test("linear works without a bias", async () => {
  // The same gradient kernels as with one.
  for (const shape of [
    [1, 1, 1],
    [13, 17, 33],
    [3, 16, 32],
  ] as const)
    await check(shape, { bias: false });
});

test("products sliced over k, in every direction", async () => {
  // dx over 700 units, dw over 685 rows; the tile limits are not divisors of either.
  for (const shape of [
    [3, 17, 700],
    [685, 5, 7],
  ] as const) {
    const longest = Math.max(...shape);
    assert.ok(tunings.every((tuning) => slicesOfK(tuning, 5, 7, longest) > 1));
    await check(shape, { bias: true, seeds: 1 });
  }
});

test("bias gradients of more rows and columns than a workgroup takes at once", async () => {
  // One column in bands and in lanes of one float; several workgroups side by side, the last of them in part.
  for (const shape of [
    [700, 1, 1],
    [2500, 1, 68],
    [300, 1, 1101],
  ] as const) {
    await check(shape, { bias: true, seeds: 1 });
  }
});

test("shapes larger than the tiles", async () => {
  for (const shape of [
    [64, 1568, 10],
    [129, 67, 131],
    [65, 300, 130],
  ] as const) {
    await check(shape, { bias: true, seeds: 1, gradient: false });
  }
});

test("only the gradients asked for are computed", () => {
  const graph = new Graph("software");
  const x = graph.input("x", [4, 3]);
  const w = graph.input("w", [3, 2]);
  const b = graph.input("b", [2]);
  const y = linear(x, w, b);
  const cotangent = graph.input("c", [4, 2]);
  for (const wanted of [x, w, b]) {
    assert.is(
      graph.backward(y, [wanted], { cotangent }).launches.length,
      1,
      `gradient of ${wanted.label}`,
    );
  }
});

test("sizes that do not fit are refused with both shapes", () => {
  const graph = new Graph("software");
  const value = (...shape: number[]) => graph.input("v", shape);
  const refuses = (build: () => unknown, message: string): void =>
    assert.throws(
      build,
      (error: Error) => error instanceof ShapeError && error.message === message,
    );
  refuses(
    () => linear(value(8, 100), value(64, 10), null, "head"),
    '"head": linear: input [8, 100] has 100 features, weight [64, 10] expects 64.',
  );
  refuses(
    () => linear(value(8, 2, 2, 16), value(64, 10), null),
    "linear: input [8, 2, 2, 16] has 16 features, weight [64, 10] expects 64.",
  );
  refuses(
    () => linear(value(8, 64), value(64, 10), value(64)),
    "linear: weight [64, 10] has 10 units, so the bias must be [10], got [64].",
  );
});

test.after(closeGpus);
test.run();
