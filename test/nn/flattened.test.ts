import { test } from "uvu";
import * as assert from "uvu/assert";
import { type ModelConfig, modelSpec } from "../../models/index.ts";
import { channelsLast } from "../../src/nn/flattened.ts";

const of = (model: ModelConfig, channels = 3): unknown =>
  channelsLast(modelSpec(model, [16, 16, channels], 5));

/** A described network that flattens in some order. */
const described = (order?: string): ModelConfig => ({
  name: "described",
  title: "test",
  layers: [
    { type: "conv2d", name: "a", filters: 4, kernel: 3, padding: 1 },
    { type: "flatten", ...(order !== undefined && { order }) },
    { type: "dropout", rate: 0.5 },
    { type: "linear", name: "b", units: "classes" },
  ],
});

test("dense layers whose inputs PyTorch's flatten has in another order are named", () => {
  assert.equal(of({ name: "small-cnn" }), [{ name: "head.weight", shape: [4, 4, 32] }]);
  const hidden = { name: "hidden.weight", shape: [4, 4, 32] };
  assert.equal(of({ name: "small-cnn", hidden: 8 }), [hidden]);
  assert.equal(of({ name: "mlp" }), [{ name: "hidden1.weight", shape: [16, 16, 3] }]);
  assert.equal(of(described()), [{ name: "b.weight", shape: [16, 16, 4] }]);
});

test("one channel, one position, a mean of all or channels first leave no other order", () => {
  assert.equal(of({ name: "mlp" }, 1), []);
  assert.equal(of({ name: "simple-net" }), []);
  assert.equal(of({ name: "tiny-cnn" }), []);
  assert.equal(of(described("channels-first")), []);
});

test.run();
