import { test } from "uvu";
import * as assert from "uvu/assert";
import { ShapeError } from "../../src/errors.ts";
import { Graph } from "../../src/graph/graph.ts";
import { flatten, reshape } from "../../src/ops/flatten.ts";
import { checkOp } from "../check-op.ts";
import { closeGpus } from "../device.ts";

// Numbers are copied; differences of the reference are exact to 1e-9.
const tolerance = { absolute: 1e-8, relative: 0 };

test("flatten and reshape keep the elements in their order", async () => {
  const cases = [
    { from: [1], to: [1, 1] },
    { from: [7, 3], to: [3, 7] },
    { from: [2, 5, 13, 3], to: [2, 195] },
    { from: [1031], to: [1, 1031] },
  ];
  for (const { from, to } of cases) {
    await checkOp({
      label: `reshape [${from.join(", ")}] to [${to.join(", ")}]`,
      inputs: [{ shape: from }],
      build: ([x]) => reshape(x!, to),
      reference: ([x]) => x!,
      tolerance,
    });
  }
  await checkOp({
    label: "flatten",
    inputs: [{ shape: [3, 2, 5, 4] }],
    build: ([x]) => flatten(x!),
    reference: ([x]) => x!,
    tolerance,
  });
});

test("shapes of flatten and reshape", () => {
  const graph = new Graph("software");
  assert.equal(flatten(graph.input("x", [8, 7, 7, 32])).shape, [8, 1568]);
  assert.equal(flatten(graph.input("x", [8])).shape, [8, 1]);
  assert.equal(reshape(graph.input("x", [8, 6]), [4, 3, 4]).shape, [4, 3, 4]);
  assert.throws(
    () => reshape(graph.input("x", [8, 6]), [7, 7]),
    (error: Error) =>
      error instanceof ShapeError &&
      error.message === "reshape: [8, 6] has 48 elements, [7, 7] has 49.",
  );
});

test.after(closeGpus);
test.run();
