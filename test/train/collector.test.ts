import { test } from "uvu";
import * as assert from "uvu/assert";
import { modelSpec } from "../../models/index.ts";
import { syntheticDigits } from "../../src/data/synthetic.ts";
import { Model } from "../../src/nn/model.ts";
import { Collector } from "../../src/train/collector.ts";
import { GpuDataset, meanPicture } from "../../src/train/feed.ts";
import { Evaluator } from "../../src/train/trainer.ts";
import { closeGpus, testGpu } from "../device.ts";

test("logits come in the order asked for, whatever the batch, and add up to the evaluator's totals", async () => {
  const gpu = await testGpu();
  const digits = syntheticDigits(29, 1, "train");
  const data = await GpuDataset.upload(gpu, digits, meanPicture(digits));
  const model = await Model.create(gpu, modelSpec({ name: "small-cnn" }, [28, 28, 1], 10), 1);
  const pictures = Uint32Array.of(28, 3, 3, 0, 17, 11, 5, 22, 9, 1, 2);
  const rows: number[][] = [];
  for (const batch of [29, 4, 1]) {
    const collector = await Collector.create(model, data, batch);
    const logits = await collector.run(pictures);
    assert.is(logits.length, 110);
    rows.push([...logits]);
    collector.destroy();
  }
  // Another batch may sum dot products in another order: logits near 1, roundings of 1e-7.
  for (const other of rows) {
    assert.ok(other.every((value, i) => Math.abs(value - rows[0]![i]!) < 1e-5));
  }
  assert.equal(rows[0]!.slice(10, 20), rows[0]!.slice(20, 30), "the same picture twice");
  const evaluator = await Evaluator.create(model, data, 8);
  const totals = await evaluator.run(pictures);
  let [correct, loss] = [0, 0];
  pictures.forEach((picture, row) => {
    const z = rows[0]!.slice(10 * row, 10 * row + 10);
    const label = digits.labels[picture]!;
    if (z.indexOf(Math.max(...z)) === label) correct++;
    loss += Math.log(z.reduce((sum, v) => sum + Math.exp(v), 0)) - z[label]!;
  });
  assert.is(totals.correct, correct);
  assert.ok(Math.abs(totals.loss - loss / pictures.length) < 1e-5);
  for (const part of [evaluator, model, data]) part.destroy();
});

test.after(closeGpus);
test.run();
