import { test } from "uvu";
import * as assert from "uvu/assert";
import { ShapeError } from "../../src/errors.ts";
import { Graph } from "../../src/graph/graph.ts";
import { matmul } from "../../src/ops/index.ts";
import { checkOp } from "../check-op.ts";
import { closeGpus } from "../device.ts";

const orders = [
  [false, false],
  [false, true],
  [true, false],
  [true, true],
] as const;

async function check(
  batch: readonly number[],
  [m, n, k]: readonly [number, number, number],
  [transA, transB]: readonly [boolean, boolean],
): Promise<void> {
  const count = batch.reduce((product, size) => product * size, 1);
  await checkOp({
    label: `matmul ${JSON.stringify({ batch, m, n, k, transA, transB })}`,
    inputs: [
      { shape: [...batch, ...(transA ? [k, m] : [m, k])] },
      { shape: [...batch, ...(transB ? [n, k] : [k, n])] },
    ],
    build: ([a, b]) => matmul(a!, b!, { transA, transB }),
    reference: ([a, b]) => {
      const c = new Float64Array(count * m * n);
      for (let i = 0; i < c.length; i++) {
        const [item, row, column] = [Math.floor(i / m / n), Math.floor(i / n) % m, i % n];
        for (let j = 0; j < k; j++) {
          const left = item * m * k + (transA ? j * m + row : row * k + j);
          const right = item * k * n + (transB ? column * k + j : j * n + column);
          c[i]! += a![left]! * b![right]!;
        }
      }
      return c;
    },
    // Sums of at most 17 products of numbers below 1.
    tolerance: { absolute: 17 * 2 ** -24, relative: 17 * 2 ** -24 },
    seeds: 1,
  });
}

test("products of many matrices, in all four orders, and their gradients", async () => {
  for (const order of orders) await check([3], [5, 7, 11], order);
});

test("single numbers, whole tiles, no leading axis, and vectors", async () => {
  // An order each: what an order changes is where a factor is read, which the odd shape above shows.
  await check([1], [1, 1, 1], orders[0]);
  await check([2, 3], [4, 8, 4], orders[1]);
  await check([2, 3], [4, 8, 4], orders[3]);
  await check([], [13, 6, 9], orders[2]);
  await check([5], [1, 17, 3], orders[3]);
});

test("matrices that do not fit are refused", () => {
  const graph = new Graph("software");
  const value = (...shape: number[]) => graph.input("v", shape);
  const refuses = (build: () => unknown, message: RegExp): void =>
    assert.throws(build, (e: Error) => e instanceof ShapeError && message.test(e.message));
  refuses(() => matmul(value(2, 3, 4), value(2, 3, 5)), /4 columns meet 3 rows/);
  refuses(() => matmul(value(2, 3, 4), value(3, 4, 5)), /same leading axes/);
  refuses(() => matmul(value(3), value(3)), /same leading axes/);
});

test.after(closeGpus);
test.run();
