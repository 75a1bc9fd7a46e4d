// Networks described in JSON: the same graph as the same layers in a module.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { describedConfig } from "../models/described.ts";
import { modelSchema, modelSpec } from "../models/index.ts";
import { DataError, ShapeError, UsageError } from "../src/errors.ts";
import { declare } from "../src/nn/model.ts";

const head = [
  { type: "global-average-pool" },
  { type: "linear", name: "fc", units: "classes" },
] as const;

const residual = {
  title: "small-res",
  layers: [
    { type: "conv2d", name: "stem", filters: 4, kernel: 3, stride: 2, padding: 1, bias: false },
    {
      type: "residual",
      layers: [
        { type: "conv2d", name: "block.conv", filters: 6, kernel: 3, padding: 1 },
        { type: "batch-norm", name: "block.bn", epsilon: 1e-4 },
        { type: "gelu" },
        { type: "dropout", rate: 0.1 },
      ],
      shortcut: [{ type: "conv2d", name: "block.down", filters: 6, kernel: 1 }],
    },
    { type: "depthwise-conv2d", name: "depth", kernel: 3, padding: "same" },
    { type: "layer-norm", name: "norm" },
    { type: "average-pool", size: 2 },
    ...head,
  ],
};

test("layers become tensors of their names and shapes, residual branches included", () => {
  const config = modelSchema.parse(describedConfig(residual, "x.json"));
  const spec = modelSpec(config, [8, 8, 3], 5);
  assert.is(spec.name, "described(small-res, 8×8×3 → 5)");
  const { parameters, statistics } = declare(spec);
  const shapes = Object.fromEntries([...parameters].map(([name, { shape }]) => [name, shape]));
  assert.equal(shapes, {
    "stem.weight": [3, 3, 3, 4],
    "block.conv.weight": [3, 3, 4, 6],
    "block.conv.bias": [6],
    "block.bn.gamma": [6],
    "block.bn.beta": [6],
    "block.down.weight": [1, 1, 4, 6],
    "block.down.bias": [6],
    "depth.weight": [3, 3, 6],
    "depth.bias": [6],
    "norm.gamma": [6],
    "norm.beta": [6],
    "fc.weight": [6, 5],
    "fc.bias": [5],
  });
  assert.equal([...statistics.keys()], ["block.bn.mean", "block.bn.variance"]);
});

test("a wrong description is refused: by field, or by the shapes it gives", () => {
  for (const [json, says] of [
    [{ layers: head }, /x\.json describes no network:[^]*title/],
    [{ title: "a b", layers: head }, /title/],
    [{ title: "x", layers: [] }, /layers/],
    [{ title: "x", layers: [{ type: "conv3d" }] }, /layers\[0\]/],
    [{ title: "x", layers: [{ type: "conv2d", name: "c", kernel: 3 }] }, /filters/],
    [{ title: "x", layers: [{ type: "relu", slope: 1 }] }, /slope/],
    [null, /expected object/],
  ] as const) {
    assert.throws(
      () => describedConfig(json, "x.json"),
      (error: Error) => error instanceof DataError && says.test(error.message),
    );
  }
  const built = (layers: readonly object[]) =>
    declare(modelSpec({ name: "described", title: "x", layers }, [4, 4, 3], 2));
  assert.throws(
    () => built([{ type: "relu" }]),
    (error: Error) =>
      error instanceof UsageError && /"x": the last layer gives \[4, 4, 3\]/.test(error.message),
  );
  const wide = { type: "conv2d", name: "c", filters: 5, kernel: 1 };
  assert.throws(
    () => built([{ type: "residual", layers: [wide] }, ...head]),
    (error: Error) =>
      error instanceof ShapeError && /residual branch is \[1, 4, 4, 5\]/.test(error.message),
  );
  // The name of one layer twice would share its weights, in a branch too.
  assert.throws(
    () => built([wide, { type: "residual", layers: [{ ...wide, filters: 5 }] }, ...head]),
    (error: Error) =>
      error instanceof UsageError && /"x": two layers are called "c"/.test(error.message),
  );
});

test.run();
