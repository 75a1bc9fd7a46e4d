// A network as timm keeps it, and back: the same weights and preprocessing.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { modelSpec } from "../../models/index.ts";
import { UsageError } from "../../src/errors.ts";
import type { CheckpointInfo } from "../../src/io/checkpoint.ts";
import { declare, type Tensors } from "../../src/nn/model.ts";
import { Random } from "../../src/random.ts";
import { readNetwork } from "../../src/runs/given-network.ts";
import { hubFolder } from "../../src/runs/hub-folder.ts";
import { count } from "../../src/shape.ts";
import { folderOf, removeFolders } from "../data/folder.ts";

test.after(removeFolders);

const info: CheckpointInfo = {
  task: "classification",
  network: { name: "convnext-atto" },
  input: [32, 32, 3],
  classes: ["ant", "bee", "cat"],
  preprocessing: { mean: Float32Array.of(0.5, 0.25, 0.125), deviation: [0.5, 2, 1], crop: 0.75 },
};
const spec = modelSpec(info.network, info.input, 3);

function drawn(): Tensors {
  const { parameters, statistics } = declare(spec);
  const random = new Random(2);
  return new Map(
    [...parameters.values(), ...statistics.values()].map(({ name, shape }) => [
      name,
      { shape, data: Float32Array.from({ length: count(shape) }, () => random.normal()) },
    ]),
  );
}

const tensors = drawn();

test("what is written is read: weights, classes, size, preprocessing", async () => {
  const { files, notes } = hubFolder({ tensors, metadata: {}, info }, "x.safetensors");
  assert.equal(notes, []);
  const { architecture, num_classes, label_names, pretrained_cfg } = JSON.parse(
    files["config.json"] as string,
  ) as Record<string, unknown>;
  assert.equal([architecture, num_classes, label_names], ["convnext_atto", 3, info.classes]);
  const { classifier, first_conv } = pretrained_cfg as Record<string, unknown>;
  assert.equal([classifier, first_conv], ["head.fc", "stem.0"]);
  const given = await readNetwork(folderOf(files));
  assert.equal(
    [given.network, given.classes, given.input],
    [info.network, info.classes, info.input],
  );
  assert.equal(given.preprocessing(3), info.preprocessing);
  const back = given.weights(spec);
  for (const [name, { data }] of tensors) assert.equal(back.get(name)!.data, data, name);
});

test("a mean image becomes a number a channel, and that is said; what timm lacks is refused", () => {
  const image = Float32Array.from({ length: 32 * 32 * 3 }, (_, i) => (i % 3) / 4);
  const meant = { ...info, preprocessing: { mean: image } };
  const { files, notes } = hubFolder({ tensors, metadata: {}, info: meant }, "x");
  const { pretrained_cfg } = JSON.parse(files["config.json"] as string) as {
    pretrained_cfg: Record<string, unknown>;
  };
  assert.equal(
    [pretrained_cfg["mean"], pretrained_cfg["std"]],
    [
      [0, 0.25, 0.5],
      [1, 1, 1],
    ],
  );
  assert.match(notes.join(), /subtracts a mean image/);
  for (const [bad, says] of [
    [undefined, /"x" does not say its classes/],
    [{ ...info, network: { name: "mlp" } }, /timm has no network like "mlp"; .*convnext-atto/],
  ] as const) {
    assert.throws(
      () => hubFolder({ tensors, metadata: {}, info: bad }, "x"),
      (error: Error) => error instanceof UsageError && says.test(error.message),
    );
  }
});

test.run();
