import { test } from "uvu";
import * as assert from "uvu/assert";
import { ShapeError, UsageError } from "../../src/errors.ts";
import { kernelInceptionDistance } from "../../src/metrics/kernel-distance.ts";
import { Random } from "../../src/random.ts";

const factorial = [1, 1, 2, 6] as const;

/**
 * The distance by the kernel's own features: (u·v / 2 + 1)³ is the inner product of all monomials u₁^a u₂^b of degree
 * a + b ≤ 3, weighted by 3! / (a! b! (3 - a - b)! 2^(a + b)), so that sums over pairs are products of sums over rows.
 */
function byMonomials(real: readonly number[], drawn: readonly number[]): number {
  const sums = (set: readonly number[], a: number, b: number): [sum: number, squares: number] => {
    let [sum, squares] = [0, 0];
    for (let i = 0; i < set.length; i += 2) {
      const value = set[i]! ** a * set[i + 1]! ** b;
      sum += value;
      squares += value * value;
    }
    return [sum, squares];
  };
  const [m, n] = [real.length / 2, drawn.length / 2];
  let distance = 0;
  for (let a = 0; a <= 3; a++) {
    for (let b = 0; a + b <= 3; b++) {
      const weight = 6 / (factorial[a]! * factorial[b]! * factorial[3 - a - b]! * 2 ** (a + b));
      const [x, xx] = sums(real, a, b);
      const [y, yy] = sums(drawn, a, b);
      const within = (x * x - xx) / (m * (m - 1)) + (y * y - yy) / (n * (n - 1));
      distance += weight * (within - (2 * x * y) / (m * n));
    }
  }
  return distance;
}

const random = new Random(5);
const rows = (count: number, width: number, shift: number): number[] =>
  Array.from({ length: count * width }, () => random.normal() + shift);

test("the distance is that of the kernel's own features", () => {
  for (const [m, n, shift] of [
    [2, 2, 0],
    [7, 30, 0.5],
    [64, 40, -1],
  ] as const) {
    const [real, drawn] = [rows(m, 2, 0), rows(n, 2, shift)];
    const want = byMonomials(real, drawn);
    const got = kernelInceptionDistance(real, drawn, 2);
    // Float64 on both sides, of kernels up to some hundreds.
    assert.ok(Math.abs(got - want) < 1e-10 * Math.max(1, Math.abs(want)) * 100, `${got}, ${want}`);
  }
});

test("it is unbiased: sets of one distribution are 0 apart on average, and below it at times", () => {
  const values = Array.from({ length: 200 }, () =>
    kernelInceptionDistance(rows(12, 4, 0), rows(9, 4, 0), 4),
  );
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const deviation = Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / 199);
  assert.ok(Math.abs(mean) < (4 * deviation) / Math.sqrt(200), `${mean} ± ${deviation}`);
  assert.ok(values.some((value) => value < 0));
  assert.ok(kernelInceptionDistance(rows(50, 4, 0), rows(50, 4, 1), 4) > 5 * deviation);
});

test("a set stands for itself: the distance to the very same rows leaves out no pair", () => {
  const set = rows(6, 2, 0);
  assert.is(kernelInceptionDistance(set, set, 2), kernelInceptionDistance(set, [...set], 2));
});

test("rows that are not whole, and too few, are refused", () => {
  assert.throws(
    () => kernelInceptionDistance([1, 2, 3], [1, 2, 3, 4], 2),
    (error: Error) =>
      error instanceof ShapeError && /3 features are not whole rows of 2/.test(error.message),
  );
  assert.throws(
    () => kernelInceptionDistance([1, 2], [1, 2, 3, 4], 2),
    (error: Error) => error instanceof UsageError && error.message.endsWith("got 1."),
  );
});

test.run();
