import { test } from "uvu";
import * as assert from "uvu/assert";
import { ShapeError } from "../../src/errors.ts";
import { Graph } from "../../src/graph/graph.ts";
import { leakyRelu, relu } from "../../src/ops/activations.ts";
import { checkOp } from "../check-op.ts";
import { closeGpus } from "../device.ts";

// One multiplication: exact up to the rounding of the product.
const tolerance = { absolute: 1e-9, relative: 1e-6 };
const shapes = [[1], [7, 3], [65], [2, 5, 13, 3]];

test("relu and leakyRelu match max(x, 0) and its slope", async () => {
  for (const shape of shapes) {
    for (const slope of [0, 0.3]) {
      await checkOp({
        label: `relu ${slope} [${shape.join(", ")}]`,
        inputs: [{ shape }],
        build: ([x]) => (slope === 0 ? relu(x!) : leakyRelu(x!, slope)),
        reference: ([x]) => x!.map((v) => (v > 0 ? v : slope * v)),
        tolerance,
      });
    }
  }
});

test("a negative slope is refused", () => {
  const graph = new Graph("software");
  assert.throws(
    () => leakyRelu(graph.input("x", [3]), -0.1),
    (error: Error) =>
      error instanceof ShapeError &&
      error.message === "leakyRelu: the slope must be finite and 0 or more, got -0.1.",
  );
});

test.after(closeGpus);
test.run();
