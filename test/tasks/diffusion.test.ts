import { test } from "uvu";
import * as assert from "uvu/assert";
import { modelSpec } from "../../models/index.ts";
import { syntheticDigits } from "../../src/data/synthetic.ts";
import { resizeDataset } from "../../src/data/resize.ts";
import { GpuDataset, meanImage } from "../../src/feed/gpu-dataset.ts";
import { Model } from "../../src/nn/model.ts";
import { diffusion } from "../../src/tasks/diffusion.ts";
import { Evaluator } from "../../src/train/evaluator.ts";
import { MovingAverage } from "../../src/train/moving-average.ts";
import { taskTrainer } from "../../src/train/task-trainer.ts";
import { close } from "../check-op.ts";
import { closeGpus, testGpu } from "../device.ts";

const digits = await resizeDataset(syntheticDigits(16, 1, "train"), 8);
const everything = Uint32Array.from({ length: 16 }, (_, i) => i);

test("a U-Net learns to tell the noise; the average of its weights follows", async () => {
  const gpu = await testGpu();
  const config = { name: "unet", widths: [4, 8], depth: 1, embedding: 4 };
  const model = await Model.create(gpu, modelSpec(config, [8, 8, 1], 10), 1);
  const data = await GpuDataset.upload(gpu, digits, meanImage(digits), [0.3]);
  const evaluator = await Evaluator.create(model, diffusion, data, 8);
  const untrained = await evaluator.run(everything);
  // The last layer starts at zero, so that the loss is the mean square of the noise: 1, up to 4 standard errors.
  assert.ok(Math.abs(untrained.loss - 1) < 4 * Math.sqrt(2 / 1024), `${untrained.loss}`);
  assert.equal([untrained.rows, untrained.correct], [16, 0]);

  const decay = 0.9;
  const average = await MovingAverage.create(model, decay);
  const settings = { batch: 8, optimizer: { name: "adam", decoupled: true } };
  const options = { norm: "train", after: average.step } as const;
  const trainer = await taskTrainer({ model, task: diffusion }, data, 16, settings, options);
  const wanted = new Map(
    [...(await model.save())].map(([name, { data: values }]) => [name, Float64Array.from(values)]),
  );
  const epoch = (seed: number, order = everything) =>
    trainer.epoch({ order, learningRate: 0.01, seed });
  for (let seed = 0; seed < 5; seed++) {
    await epoch(seed, everything.subarray(0, 8));
    for (const [name, { data: now }] of await model.save()) {
      const own = wanted.get(name)!;
      now.forEach((value, i) => (own[i] = decay * own[i]! + (1 - decay) * value));
    }
  }
  const got = await average.model.save();
  // Five roundings of numbers of size one and less.
  const tolerance = { absolute: 1e-6, relative: 1e-6 };
  for (const [name, want] of wanted) close(name, got.get(name)!.data, want, tolerance);
  assert.ok(got.has("down1.block1.norm.mean"), "statistics are averaged as well");

  for (let seed = 5; seed < 60; seed++) await epoch(seed);
  const { loss } = await evaluator.run(everything);
  assert.ok(loss < 0.75, `${loss}`);
  for (const part of [evaluator, trainer, average, model, data]) part.destroy();
});

test.after(closeGpus);
test.run();
