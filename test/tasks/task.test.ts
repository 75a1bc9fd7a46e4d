import { test } from "uvu";
import * as assert from "uvu/assert";
import { modelSpec } from "../../models/index.ts";
import { syntheticDigits } from "../../src/data/synthetic.ts";
import { GpuDataset, meanImage } from "../../src/feed/gpu-dataset.ts";
import { ImageFeed } from "../../src/feed/image-feed.ts";
import { Model, type ModelSpec } from "../../src/nn/model.ts";
import { flatten, l1Loss } from "../../src/ops/index.ts";
import { classification } from "../../src/tasks/classification.ts";
import type { Task } from "../../src/tasks/task.ts";
import { Collector } from "../../src/train/collector.ts";
import { Evaluator } from "../../src/train/evaluator.ts";
import { taskTrainer } from "../../src/train/task-trainer.ts";
import { sumOverImages } from "../../src/unlearn/gradients.ts";
import { startMethod } from "../../src/unlearn/methods/index.ts";
import { closeGpus, testGpu } from "../device.ts";

/** A task that knows no classes: a network gives back the images it is shown. */
const reconstruction: Task<ImageFeed> = {
  name: "reconstruction",
  feed: (data, options) => ImageFeed.create(data, options),
  objective(graph, model, feed, { norm }) {
    const built = model.build(graph, feed.inputs, norm, feed.queue.step);
    const loss = l1Loss(built.output, feed.x, { scale: 1 / feed.x.size });
    return { built, loss };
  },
};

const network: ModelSpec = {
  name: "filter",
  inputs: [[28, 28, 1]],
  output: [28, 28, 1],
  build: (layers, [x]) => layers.conv2d("conv", x!, { filters: 1, kernel: 3, padding: 1 }),
};

const digits = syntheticDigits(8, 1, "train");
const everything = Uint32Array.from({ length: 8 }, (_, i) => i);

async function prepared(): Promise<{ model: Model; data: GpuDataset; task: Task }> {
  const gpu = await testGpu();
  const data = await GpuDataset.upload(gpu, digits, meanImage(digits));
  return { model: await Model.create(gpu, network, 1), data, task: reconstruction };
}

test("a task without classes is trained and measured like any other; nothing is called a hit", async () => {
  const { model, data, task } = await prepared();
  const evaluator = await Evaluator.create(model, task, data, 4);
  const before = await evaluator.run(everything);
  assert.equal([before.accuracy, before.correct], [0, 0]);
  assert.is(before.rows, 8);
  const settings = { batch: 4, microBatch: 2, optimizer: { name: "adam" } };
  const trainer = await taskTrainer({ model, task }, data, 8, settings, { norm: "train" });
  for (let seed = 0; seed < 10; seed++) {
    await trainer.epoch({ order: everything, learningRate: 0.02, seed });
  }
  const after = await evaluator.run(everything);
  assert.ok(after.loss < 0.5 * before.loss, `${before.loss} to ${after.loss}`);
  for (const part of [evaluator, trainer, model, data]) part.destroy();
});

test("a network with one weight that is NaN knows nothing: no hit, and a loss that is NaN", async () => {
  const gpu = await testGpu();
  const data = await GpuDataset.upload(gpu, digits, meanImage(digits));
  const spec = modelSpec({ name: "tiny-cnn" }, [28, 28, 1], 10);
  const model = await Model.create(gpu, spec, 1);
  const evaluator = await Evaluator.create(model, classification, data, 4);
  const weight = new Float32Array(144).fill(0.1);
  weight[0] = Number.NaN;
  model.parameters.write("conv1.weight", weight);
  const { accuracy, correct, loss, rows } = await evaluator.run(everything);
  assert.equal([accuracy, correct, loss, rows], [0, 0, Number.NaN, 8]);
  for (const part of [evaluator, model, data]) part.destroy();
});

test("its outputs are collected whole, whatever their shape", async () => {
  const { model, data, task } = await prepared();
  // A filter that passes the middle pixel on gives back the images.
  const weight = new Float32Array(9);
  weight[4] = 1;
  model.parameters.write("conv.weight", weight);
  const collector = await Collector.create(model, task, data, 3);
  const got = await collector.run(Uint32Array.of(6, 1));
  const mean = meanImage(digits);
  [6, 1].forEach((image, row) => {
    for (let i = 0; i < 784; i++) {
      const want = digits.pixels[784 * image + i]! / 255 - mean[i]!;
      assert.ok(Math.abs(got[784 * row + i]! - want) < 1e-6);
    }
  });
  for (const part of [collector, model, data]) part.destroy();
});

test("methods made of steps, and sums of gradients, take its loss", async () => {
  const { model, data, task } = await prepared();
  const part = (items: Uint32Array, name: string) => ({ data: data.only(items, name), items });
  const forget = part(everything.subarray(0, 4), "D_f");
  const request = { model, task, forget, retain: part(everything.subarray(4), "D_r"), seed: 3 };
  const evaluator = await Evaluator.create(model, task, data, 4);
  const losses: number[] = [(await evaluator.run(forget.items)).loss];
  for (const name of ["fine-tune", "neg-grad"]) {
    const settings = { learningRate: 1e-3, optimizer: { name: "sgd" }, stepsPerRound: 3 };
    const session = await startMethod(name, request, settings);
    await session.round({});
    losses.push((await evaluator.run(forget.items)).loss);
    session.destroy();
  }
  const [first, tuned, ascended] = losses as [number, number, number];
  assert.ok(tuned < first, `fine-tuning lowers the loss: ${first} to ${tuned}`);
  assert.ok(ascended > tuned, `ascent raises it: ${tuned} to ${ascended}`);
  const sums = await sumOverImages(request, forget, "gradients", 4);
  assert.ok((await sums.read()).get("conv.weight")!.some((value) => value !== 0));
  for (const owner of [sums, evaluator, model, data]) owner.destroy();
});

test("classification: a hit is a row whose largest logit is its label's", async () => {
  const gpu = await testGpu();
  const data = await GpuDataset.upload(gpu, digits, meanImage(digits));
  // The last layer's bias alone decides: everything is taken for a 3.
  const spec: ModelSpec = {
    name: "bias",
    inputs: [[28, 28, 1]],
    output: [10],
    build: (layers, [x]) => layers.linear("head", flatten(x!), 10),
  };
  const model = await Model.create(gpu, spec, undefined);
  model.parameters.write("head.bias", Float32Array.of(0, 0, 0, 1, 0, 0, 0, 0, 0, 0));
  const evaluator = await Evaluator.create(model, classification, data, 8);
  const totals = await evaluator.run(everything);
  assert.is(totals.correct, digits.labels.filter((label) => label === 3).length);
  for (const part of [evaluator, model, data]) part.destroy();
});

test.after(closeGpus);
test.run();
