import { test } from "uvu";
import * as assert from "uvu/assert";
import { ShapeError } from "../../src/errors.ts";
import { Graph } from "../../src/graph/graph.ts";
import { compile } from "../../src/graph/program.ts";
import { Value } from "../../src/graph/value.ts";
import { count, type Shape } from "../../src/shape.ts";
import { axisSum } from "../../src/ops/launch/axis-sum.ts";
import { sum, weightedSum } from "../../src/ops/sum.ts";
import { Random } from "../../src/random.ts";
import { checkOp, close } from "../check-op.ts";
import { closeGpus, testGpu, tunings } from "../device.ts";

/** Stages add at most 256 terms below 1 one after the other; partial sums of n random terms stay below 4 sqrt(n). */
const tolerance = (n: number) => ({
  absolute: 1e-6 + 2 ** -24 * 32 * Math.sqrt(n),
  relative: 1e-6,
});

test("sum adds all elements", async () => {
  for (const shape of [[1], [5], [3, 7, 2], [257], [2048], [2051]]) {
    await checkOp({
      label: `sum [${shape.join(", ")}]`,
      inputs: [{ shape }],
      build: ([x]) => sum(x!),
      reference: ([x]) => [x!.reduce((total, v) => total + v, 0)],
      tolerance: tolerance(count(shape)),
    });
  }
});

test("weightedSum adds products, also with one weight a row", async () => {
  for (const [shape, weights] of [
    [
      [7, 5],
      [7, 5],
    ],
    [
      [13, 8],
      [13, 1],
    ],
    [[4, 3], [1]],
  ] as const) {
    const repeat = count(shape) / count(weights);
    await checkOp({
      label: `weightedSum [${shape.join(", ")}] by [${weights.join(", ")}]`,
      inputs: [{ shape }, { shape: weights }],
      build: ([x, w]) => weightedSum(x!, w!),
      reference: ([x, w]) => [
        x!.reduce((total, v, i) => total + v * w![Math.floor(i / repeat)]!, 0),
      ],
      tolerance: tolerance(count(shape)),
    });
  }
});

/** Runs axisSum on random numbers and compares with float64. */
async function checkAxis(outer: number, axis: number, inner: number): Promise<void> {
  const random = new Random(outer + axis + inner);
  const data = Float32Array.from({ length: outer * axis * inner }, () => 2 * random.float() - 1);
  const want = new Float64Array(outer * inner);
  data.forEach((v, i) => (want[Math.floor(i / (axis * inner)) * inner + (i % inner)]! += v / 3));
  for (const tuning of tunings) {
    const gpu = await testGpu({ tuning });
    const x = new Value("x", [data.length], "f32", "bound");
    const y = new Value("y", [outer, inner], "f32", "planned");
    const scratch = (label: string, shape: Shape) => new Value(label, shape, "f32", "planned");
    const launches = axisSum(tuning, x, y, { outer, axis, inner, scale: 1 / 3 }, scratch);
    const { buffer } = await gpu.allocate({ buffer: x.bytes });
    gpu.write(buffer, data);
    const program = await compile(gpu, launches, {
      label: "axis sum",
      bindings: new Map([[x, { buffer, offset: 0, size: x.bytes }]]),
      keep: [y],
    });
    program.run();
    const got = await gpu.readFloats(program.view(y));
    close(`[${outer}, ${axis}, ${inner}] (${tuning})`, got, want, tolerance(axis));
    program.destroy();
    gpu.free(buffer);
  }
}

test("sums over an axis of any length and place, in stages", async () => {
  const cases = [
    [1, 1_000_000, 1],
    [1, 65_537, 3],
    [3, 5000, 4],
    [7, 4096, 1],
    [5, 257, 7],
    [1, 300, 1],
    [2, 1, 5],
    [1, 260, 1],
  ] as const;
  for (const [outer, axis, inner] of cases) await checkAxis(outer, axis, inner);
});

test("no thread adds more than 1,024 terms of a million", () => {
  for (const tuning of tunings) {
    const x = new Value("x", [1_000_000], "f32", "bound");
    const y = new Value("y", [1], "f32", "planned");
    const scratch = (label: string, shape: Shape) => new Value(label, shape, "f32", "planned");
    for (const { uniforms } of axisSum(
      tuning,
      x,
      y,
      { outer: 1, axis: 1_000_000, inner: 1 },
      scratch,
    )) {
      const [, axis, , slices] = uniforms!["sizes"]!;
      assert.ok(axis! / slices! <= 1024, `${axis} terms in ${slices} slices`);
    }
  }
});

test("weights that do not broadcast are refused", () => {
  const graph = new Graph("software");
  assert.throws(
    () => weightedSum(graph.input("x", [4, 3]), graph.input("w", [4])),
    (error: Error) =>
      error instanceof ShapeError &&
      error.message ===
        "mul: [4, 3] and [4] do not broadcast: sizes 3 and 4 of axis -1 differ and neither is 1.",
  );
});

test.after(closeGpus);
test.run();
