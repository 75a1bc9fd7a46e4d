import { test } from "uvu";
import * as assert from "uvu/assert";
import { modelSpec } from "../../models/index.ts";
import { syntheticDigits } from "../../src/data/synthetic.ts";
import { defaultLimits, dryGpu } from "../../src/gpu/dry.ts";
import { OutOfMemoryError } from "../../src/errors.ts";
import { Model } from "../../src/nn/model.ts";
import { classification } from "../../src/tasks/classification.ts";
import { Collector } from "../../src/train/collector.ts";
import { GpuDataset, meanImage } from "../../src/feed/gpu-dataset.ts";
import { Evaluator } from "../../src/train/evaluator.ts";
import { close } from "../check-op.ts";
import { closeGpus, testGpu } from "../device.ts";

const MiB = 2 ** 20;

test("logits come in the order asked for, whatever the batch, and add up to the evaluator's totals", async () => {
  const gpu = await testGpu();
  const digits = syntheticDigits(29, 1, "train");
  const data = await GpuDataset.upload(gpu, digits, meanImage(digits));
  const model = await Model.create(gpu, modelSpec({ name: "small-cnn" }, [28, 28, 1], 10), 1);
  const images = Uint32Array.of(28, 3, 3, 0, 17, 11, 5, 22, 9, 1, 2);
  const rows: number[][] = [];
  for (const batch of [29, 4, 1]) {
    const collector = await Collector.create(model, classification, data, batch);
    const logits = await collector.run(images);
    assert.is(logits.length, 110);
    rows.push([...logits]);
    collector.destroy();
  }
  // Another batch may sum dot products in another order: logits near 1, roundings of 1e-7.
  for (const other of rows) {
    assert.ok(other.every((value, i) => Math.abs(value - rows[0]![i]!) < 1e-5));
  }
  assert.equal(rows[0]!.slice(10, 20), rows[0]!.slice(20, 30), "the same image twice");
  const evaluator = await Evaluator.create(model, classification, data, 8);
  const totals = await evaluator.run(images);
  let [correct, loss] = [0, 0];
  images.forEach((image, row) => {
    const z = rows[0]!.slice(10 * row, 10 * row + 10);
    const label = digits.labels[image]!;
    if (z.indexOf(Math.max(...z)) === label) correct++;
    loss += Math.log(z.reduce((sum, v) => sum + Math.exp(v), 0)) - z[label]!;
  });
  assert.is(totals.correct, correct);
  assert.ok(Math.abs(totals.loss - loss / images.length) < 1e-5);
  for (const part of [evaluator, model, data]) part.destroy();
});

test("a batch that no binding holds is halved until one does, and nothing is left behind", async () => {
  const gpu = await testGpu({ maxBinding: 65_536 });
  const digits = syntheticDigits(29, 1, "train");
  const data = await GpuDataset.upload(gpu, digits, meanImage(digits));
  const spec = modelSpec({ name: "small-cnn", filters: [2, 4], hidden: 0 }, [28, 28, 1], 10);
  const model = await Model.create(gpu, spec, 1);
  const before = gpu.allocatedBytes;
  const images = Uint32Array.from({ length: 29 }, (_, i) => 28 - i);
  const logits: Float32Array[] = [];
  for (const batch of [256, 2]) {
    const collector = await Collector.create(model, classification, data, batch);
    logits.push(await collector.run(images));
    collector.destroy();
    assert.is(gpu.allocatedBytes, before);
  }
  close("logits", logits[0]!, logits[1]!, { absolute: 1e-5, relative: 0 });
  for (const part of [model, data]) part.destroy();
});

test("where memory is short fewer images are taken at a time, down to one", async () => {
  const digits = syntheticDigits(300, 1, "train");
  const spec = modelSpec({ name: "small-cnn" }, [28, 28, 1], 10);
  const prepare = async (memory?: number) => {
    const gpu = await dryGpu({ ...defaultLimits, memory });
    const data = await GpuDataset.upload(gpu, digits, meanImage(digits));
    return { gpu, data, model: await Model.create(gpu, spec, undefined) };
  };
  const { allocatedBytes: base } = (await prepare()).gpu;
  const taken: number[] = [];
  for (const room of [40 * MiB, 4 * MiB, MiB / 4, MiB / 64]) {
    const { gpu, data, model } = await prepare(base + room);
    try {
      await Collector.create(model, classification, data, 256);
    } catch (error) {
      assert.instance(error, OutOfMemoryError);
    }
    taken.push(gpu.allocatedBytes - base);
  }
  const [all, some, few, none] = taken as [number, number, number, number];
  assert.ok(all > 7 * MiB && some < 4 * MiB && few < some / 8 && few > 0, taken.join(", "));
  assert.is(none, 0);
});

test.after(closeGpus);
test.run();
