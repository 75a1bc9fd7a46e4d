import { test } from "uvu";
import * as assert from "uvu/assert";
import { ShapeError } from "../../src/errors.ts";
import { Graph } from "../../src/graph/graph.ts";
import { attention } from "../../src/ops/index.ts";
import { checkOp } from "../check-op.ts";
import { closeGpus } from "../device.ts";

interface Case {
  readonly b: number;
  readonly heads: number;
  readonly lq: number;
  readonly lk: number;
  readonly d: number;
  readonly scale?: number;
}

/** Attention by the book in float64: all scores of a row, their softmax, the weighted values. */
function reference({ b, heads, lq, lk, d, scale = 1 / Math.sqrt(d) }: Case) {
  return ([q, k, v]: readonly Float64Array[]): Float64Array => {
    const y = new Float64Array(b * lq * heads * d);
    const at = (n: number, length: number, position: number, h: number): number =>
      ((n * length + position) * heads + h) * d;
    for (let n = 0; n < b; n++) {
      for (let h = 0; h < heads; h++) {
        for (let i = 0; i < lq; i++) {
          const scores = Array.from({ length: lk }, (_, j) => {
            let sum = 0;
            for (let c = 0; c < d; c++) sum += q![at(n, lq, i, h) + c]! * k![at(n, lk, j, h) + c]!;
            return scale * sum;
          });
          const top = Math.max(...scores);
          const weights = scores.map((score) => Math.exp(score - top));
          const total = weights.reduce((sum, weight) => sum + weight, 0);
          for (let c = 0; c < d; c++) {
            let sum = 0;
            weights.forEach((weight, j) => (sum += weight * v![at(n, lk, j, h) + c]!));
            y[at(n, lq, i, h) + c] = sum / total;
          }
        }
      }
    }
    return y;
  };
}

async function check(
  sizes: Case,
  options: { range?: readonly [number, number]; seeds?: number; absolute?: number } = {},
): Promise<void> {
  const { b, heads, lq, lk, d, scale } = sizes;
  const { range = [-1, 1], seeds = 2 } = options;
  const width = heads * d;
  const shapes = [
    [b, lq, width],
    [b, lk, width],
    [b, lk, width],
  ];
  // A score is a sum of D products and is exponentiated: a relative error of (D + 8) 2^-24 of a weight; the
  // longest sum behind it has max(Lq, Lk, D) terms, with errors growing as its root (taken whole).
  const absolute = options.absolute ?? 2 * (d + Math.max(lq, lk) + 8) * 2 ** -24;
  await checkOp({
    label: `attention ${JSON.stringify(sizes)}`,
    inputs: shapes.map((shape) => ({ shape, range })),
    build: ([q, k, v]) =>
      attention(q!, k!, v!, { heads, ...(scale === undefined ? {} : { scale }) }),
    reference: reference(sizes),
    tolerance: { absolute, relative: 2e-6 },
    seeds,
  });
}

test("attention and its gradients, heads of four channels and of odd numbers", async () => {
  for (const sizes of [
    { b: 1, heads: 1, lq: 1, lk: 1, d: 1 },
    { b: 1, heads: 1, lq: 1, lk: 5, d: 4 },
    { b: 2, heads: 3, lq: 7, lk: 5, d: 3 },
    { b: 1, heads: 2, lq: 13, lk: 17, d: 7 },
    { b: 2, heads: 2, lq: 5, lk: 1, d: 8 },
    { b: 3, heads: 1, lq: 11, lk: 6, d: 12 },
    { b: 1, heads: 5, lq: 9, lk: 9, d: 32 },
    { b: 1, heads: 1, lq: 3, lk: 4, d: 17 },
  ]) {
    await check(sizes);
  }
});

test("many queries of few keys: their gradients are summed over slices", async () => {
  await check({ b: 1, heads: 1, lq: 197, lk: 3, d: 4 }, { seeds: 1 });
  await check({ b: 1, heads: 2, lq: 101, lk: 2, d: 3 }, { seeds: 1 });
});

test("a scale of one's own, and scores up to a hundred without overflow", async () => {
  await check({ b: 1, heads: 2, lq: 4, lk: 6, d: 4, scale: 1 });
  // |score| <= 100 with weights near 0 and 1; float32 holds a score of 100 to 4e-6, and the gradient of a
  // query is 5 times that of its score.
  await check({ b: 1, heads: 1, lq: 6, lk: 9, d: 4, scale: 1 }, { range: [-5, 5], absolute: 4e-4 });
});

test("no value has the size of the scores", () => {
  const graph = new Graph("gpu");
  const [b, lq, lk, channels, heads] = [2, 3136, 784, 64, 2];
  const q = graph.input("q", [b, lq, channels]);
  const k = graph.input("k", [b, lk, channels]);
  const v = graph.input("v", [b, lk, channels]);
  const y = attention(q, k, v, { heads });
  const cotangent = graph.input("cotangent", y.shape);
  const { launches } = graph.backward(y, [q, k, v], { cotangent });
  const sizes = [...graph.forward(), ...launches].flatMap(({ bind }) =>
    Object.values(bind).map((value) => value?.size ?? 0),
  );
  assert.ok(Math.max(...sizes) < (b * heads * lq * lk) / 10);
});

test("shapes that do not fit are refused", () => {
  const graph = new Graph("software");
  const value = (...shape: number[]) => graph.input("v", shape);
  const refuses = (build: () => unknown, message: RegExp): void =>
    assert.throws(
      build,
      (error: Error) => error instanceof ShapeError && message.test(error.message),
    );
  const three = (...shape: number[]) =>
    [value(...shape), value(...shape), value(...shape)] as const;
  refuses(
    () => attention(value(1, 4, 8), value(2, 4, 8), value(2, 4, 8), { heads: 2 }),
    /queries \[1, 4, 8\], keys \[2, 4, 8\]/,
  );
  refuses(
    () => attention(value(1, 4, 8), value(1, 3, 8), value(1, 4, 8), { heads: 2 }),
    /values must have the shape of the keys/,
  );
  refuses(() => attention(...three(1, 4, 8), { heads: 3 }), /8 channels .* into 3 heads/);
  refuses(() => attention(...three(1, 4, 512), { heads: 1 }), /at most 256/);
});

test.after(closeGpus);
test.run();
