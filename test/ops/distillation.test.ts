import { test } from "uvu";
import * as assert from "uvu/assert";
import { ShapeError } from "../../src/errors.ts";
import { Graph } from "../../src/graph/graph.ts";
import { distillation } from "../../src/ops/distillation.ts";
import { checkOp } from "../check-op.ts";
import { closeGpus } from "../device.ts";

/** log softmax of z / T, the largest logit taken out. */
function logSoftmax(z: Float64Array, temperature: number): Float64Array {
  const top = Math.max(...z);
  const sum = z.reduce((s, v) => s + Math.exp((v - top) / temperature), 0);
  return z.map((v) => (v - top) / temperature - Math.log(sum));
}

function reference(rows: number, classes: number, temperature: number) {
  return ([z, t, weights]: readonly Float64Array[]): number[] => {
    let total = 0;
    for (let b = 0; b < rows; b++) {
      const at = [b * classes, (b + 1) * classes] as const;
      const q = logSoftmax(z!.subarray(...at), temperature);
      const p = logSoftmax(t!.subarray(...at), temperature);
      const kl = p.reduce((sum, lp, c) => sum + Math.exp(lp) * (lp - q[c]!), 0);
      total += weights![b]! * temperature ** 2 * kl;
    }
    return [total];
  };
}

test("distillation matches T² KL(teacher ‖ student) and its gradient", async () => {
  for (const [rows, classes] of [
    [1, 1],
    [1, 10],
    [7, 3],
    [67, 11],
    [64, 10],
    [130, 5],
  ] as const) {
    for (const temperature of [1, 2, 4.5]) {
      await checkOp({
        label: `distillation [${rows}, ${classes}] T ${temperature}`,
        inputs: [
          { shape: [rows, classes], range: [-5, 5] },
          { shape: [rows, classes], range: [-5, 5], gradient: false },
          { shape: [rows], range: [0.5 / rows, 1 / rows], gradient: false },
        ],
        build: ([z, t, weights]) => distillation(z!, t!, weights!, temperature),
        reference: reference(rows, classes, temperature),
        // A row's term is below T² · 12 with some ten roundings of logarithms near 10 / T (1e-6 each);
        // the weights add up to 1 at most.
        tolerance: { absolute: 4e-6 * temperature ** 2, relative: 4e-6 },
        seeds: 5,
      });
    }
  }
});

test("equal student and teacher: zero loss, and a gradient of zero", async () => {
  await checkOp({
    label: "distillation of equals",
    inputs: [
      { shape: [3, 4], make: () => [1, 2, 3, 4, 0, 0, 0, 0, -8, 8, 1, 2] },
      { shape: [3, 4], make: () => [1, 2, 3, 4, 0, 0, 0, 0, -8, 8, 1, 2], gradient: false },
      { shape: [3], range: [0.1, 0.3], gradient: false },
    ],
    build: ([z, t, weights]) => distillation(z!, t!, weights!, 2),
    reference: () => [0],
    // Student and teacher go through the same roundings, so they cancel exactly.
    tolerance: { absolute: 0, relative: 0 },
  });
});

test("shapes and temperatures that do not fit are refused", () => {
  const graph = new Graph("software");
  const value = (...shape: number[]) => graph.input("v", shape);
  const refuses = (build: () => unknown, message: RegExp): void =>
    assert.throws(
      build,
      (error: Error) => error instanceof ShapeError && message.test(error.message),
    );
  refuses(
    () => distillation(value(8, 10), value(8, 9), value(8), 2),
    /distillation: student and teacher must both be \[rows, classes\]: student \[8, 10\], teacher \[8, 9\]/,
  );
  refuses(
    () => distillation(value(8, 10), value(8, 10), value(7), 2),
    /one weight a row is needed/,
  );
  refuses(
    () => distillation(value(8, 10), value(8, 10), value(8), 0),
    /temperature must be above 0, got 0/,
  );
  const teacher = value(8, 10);
  const loss = distillation(value(8, 10), teacher, value(8), 2);
  refuses(() => graph.backward(loss, [teacher]), /teacher and weights have no gradient/);
});

test.after(closeGpus);
test.run();
