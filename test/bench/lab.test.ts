// The kernels of the lab make what they are timed with.
import { readdirSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { drawn, makersOf } from "../../bench/lab.bench.ts";
import { type Problem, valuesOf } from "../../bench/lab/problems.ts";
import { roads } from "../../bench/lab/roads.ts";
import { closeGpus, testGpu } from "../device.ts";

/** What a kernel should make in float64, and how far it may be off. */
interface Wanted {
  readonly value: Float64Array;
  readonly bound: Float64Array;
}

type Reference = (problem: Problem, operands: readonly Float32Array[]) => Wanted;

/** Half a unit in the last place of 1: a float32 operation is off by this share of its result at most. */
const u = 2 ** -24;

/** Sums of products. `terms` calls `add(result, a, b)` for each, by the places of the two factors. */
function sums(
  terms: (problem: Problem, add: (result: number, a: number, b: number) => void) => void,
): Reference {
  return (problem, [a, b]) => {
    const [value, size, count] = [0, 1, 2].map(() => new Float64Array(problem.size));
    terms(problem, (i, j, k) => {
      const term = a![j]! * b![k]!;
      value![i]! += term;
      size![i]! += Math.abs(term);
      count![i]! += 1;
    });
    // A float32 sum of n products, in any order, is off by n u Σ|term| to first order; a third more for the rest.
    return { value: value!, bound: size!.map((of, i) => 1.34 * count![i]! * u * of) };
  };
}

const product = sums(({ grid: [n] }, add) => {
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < n; k++) {
      for (let j = 0; j < n; j++) add(n * i + j, n * i + k, n * k + j);
    }
  }
});

const convolution = sums(({ operands, grid: [pixels, k] }, add) => {
  const [, side, , c] = operands[0] as [number, number, number, number];
  const inside = (place: number): boolean => place >= 0 && place < side;
  for (let pixel = 0; pixel < pixels; pixel++) {
    for (let tap = 0; tap < 9; tap++) {
      const [down, right] = [Math.floor(tap / 3) - 1, (tap % 3) - 1];
      if (!inside((Math.floor(pixel / side) % side) + down)) continue;
      if (!inside((pixel % side) + right)) continue;
      const near = pixel + down * side + right;
      for (let i = 0; i < c; i++) {
        for (let o = 0; o < k; o++) add(k * pixel + o, c * near + i, k * (c * tap + i) + o);
      }
    }
  }
});

/** All scores of a query, their softmax, and the weighted values. */
const attention: Reference = ({ operands, constants: { HEADS, LQ, LK } }, [q, k, v]) => {
  const [heads, lq, lk] = [HEADS!, LQ!, LK!];
  const value = new Float64Array(q!.length);
  const bound = new Float64Array(q!.length);
  for (let i = 0; i < operands[0]![0]! * lq * heads; i++) {
    const [sequence, head] = [Math.floor(i / heads / lq), i % heads];
    const row = (j: number): number => 32 * ((sequence * lk + j) * heads + head);
    const scores = Array.from({ length: lk }, (_, j) => {
      const terms = Array.from({ length: 32 }, (_, c) => q![32 * i + c]! * k![row(j) + c]!);
      const sum = (of: readonly number[]): number => of.reduce((a, b) => a + b) / Math.sqrt(32);
      return { score: sum(terms), size: sum(terms.map(Math.abs)) };
    });
    const top = Math.max(...scores.map(({ score }) => score));
    const range = top - Math.min(...scores.map(({ score }) => score));
    const weights = scores.map(({ score }) => Math.exp(score - top));
    const total = weights.reduce((a, b) => a + b);
    // To first order. A score: 32 products and their sum, 1 / √32 (2 ulp in WGSL) and its product. A weight has the
    // errors of its own score and of the highest, and those of an exponential of its own and, online, of each rise of
    // the highest: exp is off by 3 + 2|x| ulp in WGSL, and a rise is a difference and a product besides; at most lk
    // rises, together as large as the range. An average of weights that are off by a share e each is off by 2 e.
    const score = 38 * u * Math.max(...scores.map(({ size }) => size));
    const share = 2 * score + (lk + 1) * (2 * 3 + 3) * u + 2 * (2 * 2 + 1) * u * range;
    for (let c = 0; c < 32; c++) {
      const terms = weights.map((weight, j) => (weight / total) * v![row(j) + c]!);
      value[32 * i + c] = terms.reduce((a, b) => a + b);
      const size = terms.reduce((a, b) => a + Math.abs(b), 0);
      // Both sums, over lk weights, and the division.
      bound[32 * i + c] = (2 * share + (2 * lk + 5) * u) * size;
    }
  }
  return { value, bound };
};

/** The network layer by layer, each coordinate by itself, from the weights as bench/lab/invwnn-weights.ts orders them. */
const invwnn: Reference = ({ size: n }, [history, weights]) => {
  let at = 0;
  const take = (count: number): Float32Array => weights!.subarray(at, (at += count));
  const layer = (inputs: number, outputs: number) => {
    const [kernel, bias] = [take(inputs * outputs), take(outputs)];
    return (x: readonly number[]): number[] =>
      Array.from(bias, (b, o) =>
        x.reduce((sum, one, i) => sum + one * kernel[i * outputs + o]!, b),
      );
  };
  const leaky = (x: number): number => (x > 0 ? x : 0.3 * x);
  const streams = [0, 1].map(() => {
    const [first, second, compress] = [layer(15, 128), layer(128, 128), layer(128, 8)];
    const [linear, amplitude, rate] = [layer(8, 128), layer(8, 128), layer(8, 128)];
    const [third, output] = [layer(128, 64), take(64)];
    return (x: readonly number[]): number => {
      const late = second(first(x).map(leaky));
      const narrow = compress(late).map((one) => Math.max(0, one));
      const [l, a, r] = [linear(narrow), amplitude(narrow), rate(narrow)];
      const gated = late.map((one, i) => l[i]! + a[i]! * Math.exp(r[i]! * one));
      return third(gated).reduce((sum, one, i) => sum + leaky(one) * output[i]!, 0);
    };
  });
  const bias = take(1)[0]!;
  const residual = Float64Array.from({ length: n }, (_, i) => {
    const newestFirst = Array.from({ length: 15 }, (_, k) => history![(14 - k) * n + i]!);
    const older = newestFirst.slice(1).map((one, k) => Math.fround(one - newestFirst[k]!));
    return Math.tanh(streams[0]!(newestFirst) + streams[1]!([...older, 0]) + bias);
  });
  const value = residual.map((one, i) => history![i]! + one);
  // What the engine's kernels are held to on such weights (2e-5 and 1e-5 of the residual: 30 roundings in a row at a
  // condition of about ten), the 1e-5 that WGSL lets tanh be off by, and the last sum.
  const bound = residual.map((one, i) => 3e-5 + 1e-5 * Math.abs(one) + u * Math.abs(value[i]!));
  return { value, bound };
};

const references: Readonly<Record<string, Reference>> = {
  ...{ matmul: product, conv2d: convolution, attention, invwnn },
};

for (const road of roads) {
  test(`${road.name}: every kernel on the way, and the engine's, give the float64 result`, async () => {
    const gpu = await testGpu();
    const problem = road.problems.test;
    const operands = valuesOf(problem, drawn(5));
    const { value, bound } = references[road.name]!(problem, operands);
    // The engine's other ways are held to their own bounds in test/ops and test/predictors.
    for (const { name, make } of makersOf(gpu, { ...road, others: [] })) {
      const made = await make(gpu, problem, operands);
      made.run();
      const results = await made.read();
      made.free();
      assert.is(results.length, value.length);
      const wrong = results.findIndex((one, at) => !(Math.abs(one - value[at]!) <= bound[at]!));
      assert.is(wrong, -1, `${name}: ${wrong} is ${results[wrong]}, not ${value[wrong]}`);
    }
  });

  test(`${road.name}: each file is a step`, () => {
    const folder = new URL(`../../bench/lab/${road.name}`, import.meta.url);
    assert.equal(
      readdirSync(folder).sort(),
      road.steps.map(({ file }) => `${file}.wgsl`),
    );
  });
}

test.after(closeGpus);
test.run();
