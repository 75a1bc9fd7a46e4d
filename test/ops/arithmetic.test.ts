import { test } from "uvu";
import * as assert from "uvu/assert";
import { ShapeError } from "../../src/errors.ts";
import { Graph } from "../../src/graph/graph.ts";
import { count, type Shape } from "../../src/shape.ts";
import { add } from "../../src/ops/add.ts";
import { mul } from "../../src/ops/mul.ts";
import { checkOp } from "../check-op.ts";
import { closeGpus } from "../device.ts";

/** NumPy's broadcast, written out: walks the coordinates of the result. */
function combine(a: Shape, b: Shape, f: (p: number, q: number) => number) {
  const rank = Math.max(a.length, b.length);
  const size = (shape: Shape, axis: number): number => shape[axis - rank + shape.length] ?? 1;
  const shape = Array.from({ length: rank }, (_, axis) => Math.max(size(a, axis), size(b, axis)));
  const at = (operand: Shape, index: number): number => {
    let [offset, stride, rest] = [0, 1, index];
    for (let axis = rank - 1; axis >= 0; axis--) {
      const coordinate = rest % shape[axis]!;
      rest = Math.floor(rest / shape[axis]!);
      if (size(operand, axis) > 1) offset += coordinate * stride;
      stride *= size(operand, axis);
    }
    return offset;
  };
  const places = Array.from({ length: count(shape) }, (_, i) => [at(a, i), at(b, i)] as const);
  return ([x, y]: readonly Float64Array[]): number[] => places.map(([i, j]) => f(x![i]!, y![j]!));
}

async function check(a: Shape, b: Shape, seeds = 5): Promise<void> {
  for (const [name, operation, f] of [
    ["add", add, (p: number, q: number) => p + q],
    ["mul", mul, (p: number, q: number) => p * q],
  ] as const) {
    const reference = combine(a, b, f);
    const terms = count(a) * count(b);
    await checkOp({
      label: `${name} [${a.join(", ")}] and [${b.join(", ")}]`,
      inputs: [{ shape: a }, { shape: b }],
      build: ([x, y]) => operation(x!, y!),
      reference,
      // A gradient sums up to `terms` numbers below 1, at most 256 of them one after the other in each
      // stage: partial sums of random signs stay below 4 sqrt(terms), and roundings add up like a walk.
      // The differences of the reference add 1e-10 a term.
      tolerance: { absolute: 1e-7 + 2 ** -24 * Math.sqrt(terms) * 8, relative: 3e-7 },
      seeds,
    });
  }
}

test("operands of one shape, and scalars", async () => {
  await check([1], [1]);
  await check([7, 3], [7, 3]);
  await check([5, 13, 3, 2, 1], [5, 13, 3, 2, 1]);
  await check([1], [67]);
  await check([3, 5, 4], [1]);
  await check([2, 1, 1], [1]);
});

test("one value a channel, with and without whole quads of channels", async () => {
  await check([5, 7], [7]);
  await check([31, 8], [8]);
  await check([2, 5, 3, 13], [13]);
  await check([3, 5, 7, 16], [16]);
  await check([4], [3, 5, 4]);
});

test("one value a row", async () => {
  await check([13, 7], [13, 1]);
  await check([11, 8], [11, 1]);
  await check([3, 1, 1, 4], [3, 5, 2, 4]);
  await check([2, 3, 5, 1], [2, 3, 5, 7]);
});

test("both operands repeated, and four alternating axes", async () => {
  await check([7, 1], [1, 5]);
  await check([8, 1], [12]);
  await check([3, 1, 5, 1], [1, 4, 1, 8]);
  await check([2, 3, 5, 7], [3, 1, 7]);
});

test("long sums run in stages", async () => {
  await check([4001, 3], [3], 1);
  await check([2, 4096], [2, 1], 1);
  await check([9001], [1], 1);
  await check([3000, 4], [4], 1);
});

test("shapes that do not broadcast are refused with both", () => {
  const graph = new Graph("software");
  const value = (...shape: number[]) => graph.input("v", shape);
  const refuses = (build: () => unknown, message: string): void =>
    assert.throws(
      build,
      (error: Error) => error instanceof ShapeError && error.message === message,
    );
  refuses(
    () => add(value(8, 3), value(4)),
    "add: [8, 3] and [4] do not broadcast: sizes 3 and 4 of axis -1 differ and neither is 1.",
  );
  refuses(
    () => mul(value(2, 5, 3), value(4, 1)),
    "mul: [2, 5, 3] and [4, 1] do not broadcast: sizes 5 and 4 of axis -2 differ and neither is 1.",
  );
  refuses(
    () => mul(value(2, 3, 2, 3, 2), value(1, 3, 1, 3, 1)),
    "mul: [2, 3, 2, 3, 2] and [1, 3, 1, 3, 1] broadcast over more than 4 groups of axes; reshape them first.",
  );
});

test.after(closeGpus);
test.run();
