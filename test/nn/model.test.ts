import { test } from "uvu";
import * as assert from "uvu/assert";
import { modelSpec } from "../../models/index.ts";
import { ShapeError } from "../../src/errors.ts";
import { Model } from "../../src/nn/model.ts";
import { closeGpus, testGpu } from "../device.ts";

const spec = modelSpec({ name: "small-cnn", filters: [2, 3], hidden: 4 }, [8, 8, 1], 5);

test("a pretrained network without its classifier: the rest is taken over, the classifier is drawn", async () => {
  const gpu = await testGpu();
  const source = await (await Model.create(gpu, spec, 1)).save();
  const body = new Map([...source].filter(([name]) => !name.startsWith("head.")));
  const model = await Model.create(gpu, spec, 2);
  const drawn = (await model.save()).get("head.weight")!.data;
  model.pretrain(body);
  for (const seed of [2, 3]) {
    // Another draw, as retraining makes one, starts from the pretrained weights again.
    if (seed === 3) model.initialise(seed);
    const now = await model.save();
    for (const [name, { data }] of body) assert.equal(now.get(name)!.data, data, name);
    const head = now.get("head.weight")!.data;
    assert.is(
      head.every((value, i) => value === drawn[i]),
      seed === 2,
    );
    assert.is.not(head[0], source.get("head.weight")!.data[0]);
  }
  model.pretrain(source);
  assert.equal((await model.save()).get("head.weight"), source.get("head.weight"));
});

test("a checkpoint that does not fit lists what is missing, misshapen and unknown", async () => {
  const gpu = await testGpu();
  const model = await Model.create(gpu, spec, 1);
  const tensors = await model.save();
  tensors.delete("conv1.bias");
  tensors.set("conv2.bias", { shape: [2], data: new Float32Array(2) });
  tensors.set("conv3.bias", { shape: [2], data: new Float32Array(2) });
  assert.throws(
    () => model.pretrain(tensors),
    (error: Error) =>
      error instanceof ShapeError &&
      /"conv3\.bias" is not of the model; "conv1\.bias" is missing; "conv2\.bias" is \[2\], the model needs \[3\]/.test(
        error.message,
      ),
  );
  const smaller = await model.save();
  const [, classes] = smaller.get("head.weight")!.shape as [number, number];
  smaller.set("head.weight", { shape: [3, classes], data: new Float32Array(3 * classes) });
  assert.throws(() => model.load(smaller), /The size of the images decides that: .* \(`size`\)\.$/);
});

test.after(closeGpus);
test.run();
