import { test } from "uvu";
import * as assert from "uvu/assert";
import { ShapeError } from "../../src/errors.ts";
import { Graph } from "../../src/graph/graph.ts";
import { meanSquaredError } from "../../src/ops/index.ts";
import { count } from "../../src/shape.ts";
import { checkOp, recordOp } from "../check-op.ts";
import { closeGpus, testGpu, tunings } from "../device.ts";

test("meanSquaredError is the weighted sum over rows of their mean squared differences", async () => {
  for (const shape of [[1, 1], [7, 3], [5], [3, 4, 4, 1], [2, 13, 7, 3], [9, 516]]) {
    const rows = shape[0]!;
    const elements = count(shape) / rows;
    await checkOp({
      label: `meanSquaredError [${shape.join(", ")}]`,
      inputs: [
        { shape },
        { shape },
        { shape: [rows], range: [0.1, 1 / rows + 0.1], gradient: false },
      ],
      build: ([x, t, weights]) => meanSquaredError(x!, t!, weights!),
      reference: ([x, t, weights]) => {
        const terms = x!.map((v, i) => weights![Math.floor(i / elements)]! * (v - t![i]!) ** 2);
        return [terms.reduce((sum, v) => sum + v, 0) / elements];
      },
      // Terms of one sign, up to 4, in stages of 16 and 256: at most 80 roundings of the sum; a gradient has five.
      tolerance: { absolute: 1e-7, relative: 80 * 2 ** -24 },
      seeds: 2,
    });
  }
});

test("a row of weight 0 gives no loss and no gradient, whatever it holds", async () => {
  for (const tuning of tunings) {
    const { run, destroy } = await recordOp(
      await testGpu({ tuning }),
      {
        inputs: [{ shape: [2, 3] }, { shape: [2, 3] }, { shape: [2], gradient: false }],
        build: ([x, t, weights]) => meanSquaredError(x!, t!, weights!),
      },
      "a row of weight 0",
    );
    const odd = [NaN, Infinity, 1];
    const [y, dx, dt] = await run([[1, 2, 3, ...odd], [0, 0, 0, 5, 5, 5], [1, 0], [3]]);
    // 14 / 3 in float32, by division or by a product with 1 / 3.
    assert.ok(Math.abs(y![0]! - 14 / 3) < 1e-6);
    assert.equal([...dx!.map(Math.round)], [2, 4, 6, 0, 0, 0]);
    assert.equal([...dt!.map(Math.round)].map(Math.abs), [2, 4, 6, 0, 0, 0]);
    destroy();
  }
});

test("shapes that do not fit are refused", () => {
  const graph = new Graph("software");
  const value = (...shape: number[]) => graph.input("v", shape);
  const refuses = (build: () => unknown, message: string): void =>
    assert.throws(
      build,
      (error: Error) => error instanceof ShapeError && error.message === message,
    );
  refuses(
    () => meanSquaredError(value(8, 2), value(8), value(8)),
    "meanSquaredError: prediction [8, 2] and target [8] must have one shape, [N, …].",
  );
  refuses(
    () => meanSquaredError(value(8, 2), value(8, 2), value(2)),
    "meanSquaredError: [8, 2] has 8 rows, so the weights must be [8], got [2].",
  );
});

test.after(closeGpus);
test.run();
