import { test } from "uvu";
import * as assert from "uvu/assert";
import { DataError } from "../../src/errors.ts";
import { type CheckpointInfo, parseCheckpoint, writeCheckpoint } from "../../src/io/checkpoint.ts";
import { readSafetensors, writeSafetensors } from "../../src/io/safetensors.ts";
import { hubConfig, parseHubConfig } from "../../src/io/hub.ts";

const info: CheckpointInfo = {
  task: "classification",
  network: { name: "small-cnn", filters: [4, 8] },
  input: [2, 3, 3],
  classes: ["cat", "dög"],
  preprocessing: {
    mean: Float32Array.from({ length: 18 }, (_, i) => i / 7),
    deviation: [0.5, 0.25, 2],
    crop: 0.875,
  },
};
const weights = new Map([["a.weight", { shape: [2], data: Float32Array.of(1, -2) }]]);

const read = (bytes: Uint8Array) => parseCheckpoint(readSafetensors(bytes), "x.safetensors");

test("a checkpoint gives back its weights and all that decides what they answer", async () => {
  const { tensors, info: back } = read(await writeCheckpoint(weights, "small-cnn(…)", info));
  assert.equal([...tensors], [...weights]);
  assert.equal(back, info);
});

test("a mean a channel, and neither deviation nor crop", async () => {
  const plain = { ...info, preprocessing: { mean: Float32Array.of(0.5, 0.25, 0) } };
  const { info: back } = read(await writeCheckpoint(weights, "n", plain));
  assert.equal([...back!.preprocessing.mean], [0.5, 0.25, 0]);
  assert.equal([back!.preprocessing.deviation, back!.preprocessing.crop], [undefined, undefined]);
});

test("a file that others wrote says nothing; one that says half of it is refused by name", async () => {
  assert.is(parseCheckpoint({ tensors: weights, metadata: {} }, "x").info, undefined);
  const whole = readSafetensors(await writeCheckpoint(weights, "n", info));
  const said = JSON.parse(whole.metadata["rewind"]!) as object;
  const bad = (changes: object, tensors = whole.tensors) =>
    writeSafetensors(tensors, { rewind: JSON.stringify({ ...said, ...changes }) });
  const small = new Map([
    ...whole.tensors,
    ["preprocessing.mean", { shape: [4], data: new Float32Array(4) }] as const,
  ]);
  for (const [bytes, says] of [
    [bad({ input: [2, 3] }), /input/],
    [bad({ classes: [] }), /classes/],
    [bad({ version: 2 }), /version/],
    [bad({ deviation: [1] }), /1 deviations for 3 channels/],
    [bad({}, weights), /"preprocessing\.mean" is missing/],
    [bad({}, small), /another shape/],
    [writeSafetensors(weights, { rewind: "{" }), /not JSON/],
  ] as const) {
    assert.throws(
      () => read(bytes),
      (error: Error) =>
        error instanceof DataError &&
        /x\.safetensors/.test(error.message) &&
        says.test(error.message),
    );
  }
});

test("timm's config.json: written as timm writes it, and read", () => {
  const written = hubConfig({
    architecture: "resnet18",
    classes: ["a", "b"],
    input: [32, 48, 3],
    mean: [0.1, 0.2, 0.3],
    deviation: [1, 2, 3],
    crop: 0.9,
    classifier: "fc",
    first: "conv1",
  });
  assert.equal(parseHubConfig(JSON.parse(JSON.stringify(written)), "config.json"), {
    architecture: "resnet18",
    outputs: 2,
    classes: ["a", "b"],
    input: [32, 48, 3],
    preprocessing: { mean: [0.1, 0.2, 0.3], deviation: [1, 2, 3], crop: 0.9 },
  });
  const tagged = parseHubConfig({ architecture: "resnet18.a1_in1k", num_classes: 1000 }, "c");
  assert.equal([tagged.architecture, tagged.outputs, tagged.input], ["resnet18", 1000, undefined]);
  for (const [json, says] of [
    [{ model_type: "resnet" }, /c\.json: a model of the transformers library \("resnet"\)/],
    [{ architecture: "x" }, /c\.json: it does not say which network/],
    [[], /c\.json: it does not say/],
    [{ architecture: "x", num_classes: 3, label_names: ["a"] }, /c\.json: 1 label_names for 3/],
  ] as const) {
    assert.throws(
      () => parseHubConfig(json, "c.json"),
      (error: Error) => error instanceof DataError && says.test(error.message),
    );
  }
});

test.run();
