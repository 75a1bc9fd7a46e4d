import { test } from "uvu";
import * as assert from "uvu/assert";
import { UsageError } from "../src/errors.ts";
import { Random } from "../src/random.ts";

const draws = (random: Random, n: number) => Array.from({ length: n }, () => random.float());

test("a seed fixes the stream, bit by bit", () => {
  assert.equal(draws(new Random(7), 100), draws(new Random(7), 100));
  assert.is.not(new Random(7).float(), new Random(8).float());
  // Pinned: Node, Deno and later versions must all give these.
  const random = new Random(42);
  assert.is(random.float(), 0.6136955833590334);
  assert.is(random.normal(), -0.3217906847671196);
  assert.equal(Array.from(random.permutation(8)), [3, 4, 0, 2, 7, 5, 6, 1]);
});

test("neighbouring seeds give unrelated first numbers", () => {
  const first = Array.from({ length: 2000 }, (_, seed) => new Random(seed).float());
  let sum = 0;
  for (let i = 1; i < first.length; i++) sum += (first[i]! - 0.5) * (first[i - 1]! - 0.5);
  // The correlation of independent numbers is below 4 / sqrt(n) but once in 15,000.
  assert.ok(Math.abs((12 * sum) / first.length) < 4 / Math.sqrt(first.length));
});

test("float is uniform on [0, 1)", () => {
  const values = draws(new Random(1), 20000);
  assert.ok(values.every((v) => v >= 0 && v < 1));
  for (let bin = 0; bin < 10; bin++) {
    const share = values.filter((v) => Math.floor(10 * v) === bin).length / values.length;
    assert.ok(Math.abs(share - 0.1) < 0.01, `bin ${bin}: ${share}`);
  }
});

test("int covers [0, n) evenly and refuses other bounds", () => {
  const random = new Random(2);
  const counts = [0, 0, 0, 0, 0, 0, 0];
  for (let i = 0; i < 14000; i++) counts[random.int(7)]!++;
  assert.ok(
    counts.every((n) => Math.abs(n - 2000) < 200),
    counts.join(" "),
  );
  assert.is(random.int(1), 0);
  for (const bad of [0, -1, 1.5, NaN]) {
    assert.throws(
      () => random.int(bad),
      (error: Error) =>
        error instanceof UsageError && /must be a positive integer/.test(error.message),
    );
  }
});

test("normal has mean 0, variance 1, and the normal's tails", () => {
  const random = new Random(3);
  const values = Array.from({ length: 50000 }, () => random.normal());
  const mean = values.reduce((a, b) => a + b) / values.length;
  const variance = values.reduce((a, b) => a + b * b, 0) / values.length;
  const beyondTwo = values.filter((v) => Math.abs(v) > 2).length / values.length;
  assert.ok(Math.abs(mean) < 0.02, `mean ${mean}`);
  assert.ok(Math.abs(variance - 1) < 0.03, `variance ${variance}`);
  assert.ok(Math.abs(beyondTwo - 0.0455) < 0.004, `beyond two deviations ${beyondTwo}`);
});

test("normal agrees with the polar method on the engine's own logarithm", () => {
  const random = new Random(4);
  const uniform = new Random(4);
  for (let i = 0; i < 1000; i++) {
    let [u, v, s] = [0, 0, 0];
    do {
      u = 2 * uniform.float() - 1;
      v = 2 * uniform.float() - 1;
      s = u * u + v * v;
    } while (s >= 1 || s === 0);
    const factor = Math.sqrt((-2 * Math.log(s)) / s);
    assert.ok(Math.abs(random.normal() - u * factor) < 1e-14 * (1 + Math.abs(u * factor)));
    assert.ok(Math.abs(random.normal() - v * factor) < 1e-14 * (1 + Math.abs(v * factor)));
  }
});

test("permutation and shuffle keep every element", () => {
  const random = new Random(5);
  const order = random.permutation(101);
  assert.equal(
    Array.from(order).sort((a, b) => a - b),
    Array.from({ length: 101 }, (_, i) => i),
  );
  const array = ["a", "b", "c", "d"];
  assert.is(random.shuffle(array), array);
  assert.equal([...array].sort(), ["a", "b", "c", "d"]);
});

test("all orders of three are equally likely", () => {
  const random = new Random(6);
  const counts = new Map<string, number>();
  for (let i = 0; i < 6000; i++) {
    const key = random.permutation(3).join("");
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  assert.is(counts.size, 6);
  assert.ok(
    [...counts.values()].every((n) => Math.abs(n - 1000) < 130),
    [...counts].join(" "),
  );
});

test("a fork depends on the seed and the label, not on what was drawn", () => {
  const used = new Random(9);
  used.normal();
  assert.equal(draws(used.fork("a"), 5), draws(new Random(9).fork("a"), 5));
  const firsts = ["a", "b", "ab", "ba", ""].map((label) => new Random(9).fork(label).float());
  firsts.push(new Random(9).float(), new Random(10).fork("a").float());
  assert.is(new Set(firsts).size, firsts.length);
});

test("seeds are safe integers, negative ones included", () => {
  assert.is.not(new Random(-1).float(), new Random(1).float());
  assert.is.not(new Random(2 ** 40).float(), new Random(0).float());
  for (const bad of [0.5, NaN, 2 ** 60]) {
    assert.throws(
      () => new Random(bad),
      (error: Error) => error instanceof UsageError && /integer/.test(error.message),
    );
  }
});

test.run();
