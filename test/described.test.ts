// Networks described in JSON: the same graph as the same layers in a module.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { join } from "node:path";
import { describedConfig } from "../models/described.ts";
import { modelSchema, modelSpec } from "../models/index.ts";
import { DataError, ShapeError, UsageError } from "../src/errors.ts";
import { declare } from "../src/nn/model.ts";
import { predict } from "../src/index.ts";
import { fromArrays } from "../src/entries/data.ts";
import { loadForeign } from "../src/entries/io.ts";
import { writeSafetensors } from "../src/io/safetensors.ts";
import { folderOf, removeFolders } from "./data/folder.ts";
import { closeGpus, testGpu } from "./device.ts";

test.after(async () => {
  removeFolders();
  await closeGpus();
});

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

/** First logit of one 3 × 3 image of a colour, by layers before the mean and a last layer with these weights. */
async function answerOf(layer: object, colour: number[], weights: number[]): Promise<number> {
  const f32 = (shape: number[], values: number[]) => ({ shape, data: Float32Array.from(values) });
  const tensors = new Map([
    ["fc.weight", f32([2, 3], [...weights, 0, 0, 0])],
    ["fc.bias", f32([2], [0, 0])],
  ]);
  if ("name" in layer) {
    tensors.set("norm.weight", f32([3], [1, 1, 1])).set("norm.bias", f32([3], [0, 0, 0]));
  }
  const file = writeSafetensors(tensors);
  const path = join(folderOf({ "net.safetensors": file }), "net.safetensors");
  const model = await loadForeign(path, {
    gpu: await testGpu(),
    network: "described",
    settings: { title: "torch-like", layers: [layer, ...head] },
    ...{ preprocessing: "none", input: [3, 3, 3], classes: ["a", "b"] },
  });
  const pixels = Uint8Array.from({ length: 27 }, (_, i) => colour[i % 3]!);
  const images = fromArrays({
    images: pixels,
    labels: [0],
    shape: [1, 3, 3, 3],
    classes: ["a", "b"],
  });
  const { logits } = await predict(model, images);
  model.destroy();
  return logits[0]!;
}

test("what a description leaves out is as in PyTorch", async () => {
  const pool = { type: "average-pool", size: 3, stride: 1, padding: 1 };
  const near = (got: number, expected: number): void =>
    assert.ok(Math.abs(got - expected) < 1e-5 * Math.abs(expected), `${got} for ${expected}`);
  const white = [255, 255, 255];
  // Four corners see 4 pixels of 9, four edges 6, the middle all: by AvgPool2d(3, 1, 1) the mean is 49 / 81.
  near(await answerOf(pool, white, [1, 0, 0]), 49 / 81);
  near(await answerOf({ ...pool, countPadding: false }, white, [1, 0, 0]), 1);
  // By LayerNorm's epsilon of 1e-5; the variance of the channels is 3.4e-6.
  const [mean, x] = [1 / 255 / 3, 1 / 255];
  const variance = ((x - mean) ** 2 + 2 * mean ** 2) / 3;
  const norm = { type: "layer-norm", name: "norm" };
  near(await answerOf(norm, [1, 0, 0], [1, 0, 0]), (x - mean) / Math.sqrt(variance + 1e-5));
});

test.run();
