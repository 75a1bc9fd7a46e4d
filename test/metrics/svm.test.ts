import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Svm, trainSvm } from "../../src/metrics/svm.ts";
import { Random } from "../../src/random.ts";

/** Value of the dual that training maximises: sum of alpha - half of the quadratic form. */
function dual(alphas: readonly { x: number; y: number; alpha: number }[]): number {
  let value = 0;
  for (const a of alphas) {
    value += a.alpha;
    for (const b of alphas)
      value -= 0.5 * a.alpha * b.alpha * a.y * b.y * Math.exp(-((a.x - b.x) ** 2));
  }
  return value;
}

/** The conditions every solution fulfils (Karush, Kuhn, Tucker), to a tolerance. */
function checkOptimal({ alphas, decide }: Svm): void {
  const balance = alphas.reduce((sum, { y, alpha }) => sum + y * alpha, 0);
  assert.ok(Math.abs(balance) < 1e-6, `sum of y alpha is ${balance}`);
  for (const { x, y, alpha, box } of alphas) {
    assert.ok(alpha >= 0 && alpha <= box);
    const margin = y * decide(x);
    if (alpha < box) assert.ok(margin > 1 - 2e-3, `x ${x}: free to grow, margin ${margin}`);
    if (alpha > 0) assert.ok(margin < 1 + 2e-3, `x ${x}: free to shrink, margin ${margin}`);
  }
}

test("two points: the boundary lies in the middle, and alpha is known in closed form", () => {
  const svm = trainSvm([1], [0], { c: 100 });
  // Both alphas are equal; the derivative of 2a - a²(1 - k) vanishes at 1 / (1 - k), k = exp(-1).
  const want = 1 / (1 - Math.exp(-1));
  for (const { alpha } of svm.alphas) assert.ok(Math.abs(alpha - want) < 2e-3, `${alpha}`);
  assert.ok(Math.abs(svm.decide(0.5)) < 1e-3);
  assert.ok(svm.decide(1) > 0 && svm.decide(0) < 0);
});

test("solutions are optimal for overlapping classes, many ties, and unequal sizes", () => {
  const random = new Random(4);
  const draw = (n: number, f: (u: number) => number): number[] =>
    Array.from({ length: n }, () => f(random.float()));
  for (const [positive, negative] of [
    [draw(300, (u) => u ** 0.1), draw(300, (u) => u)],
    [draw(50, (u) => Math.round(4 * u) / 4), draw(200, (u) => Math.round(3 * u) / 4)],
    [draw(7, (u) => 1 - 0.01 * u), draw(400, (u) => u)],
  ] as const) {
    checkOptimal(trainSvm(positive, negative));
  }
});

test("equal samples are one variable: the same decision as keeping them apart", () => {
  // 3 equal samples with C = 3 are one with a box of 9.
  const many = trainSvm([0.75, 0.75, 0.75, 0.25], [0.5, 0.25], { c: 3, tolerance: 1e-8 });
  assert.equal(
    many.alphas.map(({ box }) => box),
    [3, 9, 3, 3],
  );
  // Any other feasible point has a lower dual value: try moving pairs along the constraint.
  const best = dual(many.alphas);
  for (let i = 0; i < many.alphas.length; i++) {
    for (let j = 0; j < many.alphas.length; j++) {
      for (const step of [0.01, 0.1]) {
        const moved = many.alphas.map((one, k) => ({
          ...one,
          alpha: one.alpha + (k === i ? one.y * step : 0) - (k === j ? one.y * step : 0),
        }));
        if (moved.every(({ alpha, box }) => alpha >= 0 && alpha <= box)) {
          assert.ok(dual(moved) <= best + 1e-7);
        }
      }
    }
  }
});

test("empty classes and values that are not finite are refused", () => {
  assert.throws(() => trainSvm([], [1]), /samples of both classes, got 0 and 1/);
  assert.throws(() => trainSvm([1, Number.NaN], [1]), /sample 1 is NaN/);
});

test.run();
