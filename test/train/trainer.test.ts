import { test } from "uvu";
import * as assert from "uvu/assert";
import { fromArrays } from "../../src/data/arrays.ts";
import { syntheticDigits } from "../../src/data/synthetic.ts";
import { DivergedError, UsageError } from "../../src/errors.ts";
import { GpuDataset, meanImage } from "../../src/feed/gpu-dataset.ts";
import { Model, type ModelSpec } from "../../src/nn/model.ts";
import { Random } from "../../src/random.ts";
import { flatten } from "../../src/ops/index.ts";
import { classification } from "../../src/tasks/classification.ts";
import { epochSteps } from "../../src/train/epochs.ts";
import { Evaluator } from "../../src/train/evaluator.ts";
import { type StepOptions, type StepSettings, taskTrainer } from "../../src/train/task-trainer.ts";
import type { Trainer } from "../../src/train/trainer.ts";
import { Trajectory } from "../../src/weights/trajectory/record.ts";
import { closeGpus, testGpu } from "../device.ts";

const digits = syntheticDigits(10, 1, "train");
const everything = Uint32Array.from({ length: 10 }, (_, i) => i);

const network: ModelSpec = {
  name: "two layers",
  inputs: [[28, 28, 1]],
  output: [10],
  build: (layers, [x]) => layers.linear("head", layers.linear("body", flatten(x!), 12), 10),
};

interface Prepared {
  readonly model: Model;
  readonly data: GpuDataset;
  trainer(settings?: Partial<StepSettings>, options?: Partial<StepOptions>): Promise<Trainer>;
  destroy(): void;
}

async function prepared(): Promise<Prepared> {
  const gpu = await testGpu();
  const data = await GpuDataset.upload(gpu, digits, meanImage(digits));
  const model = await Model.create(gpu, network, 1);
  const trainers: Trainer[] = [];
  return {
    model,
    data,
    async trainer(settings, options) {
      const trainer = await taskTrainer(
        { model, task: classification },
        data,
        10,
        { batch: 5, optimizer: { name: "adam" }, ...settings },
        { norm: "train", ...options },
      );
      trainers.push(trainer);
      return trainer;
    },
    destroy: () => [...trainers, model, data].forEach((part) => part.destroy()),
  };
}

async function errorOf(work: () => Promise<unknown>): Promise<unknown> {
  return work().then(
    () => undefined,
    (cause: unknown) => cause,
  );
}

test("a parameter of rate 0 keeps its bits; without any other there is nothing to train", async () => {
  const on = await prepared();
  const trainer = await on.trainer({}, { rate: ({ name }) => (name.startsWith("head") ? 1 : 0) });
  const before = await on.model.parameters.read();
  await trainer.epoch({ order: everything, learningRate: 0.01, seed: 1 });
  const after = await on.model.parameters.read();
  assert.equal(after.get("body.weight"), before.get("body.weight"));
  assert.not.equal(after.get("head.weight"), before.get("head.weight"));
  const error = await errorOf(() => on.trainer({}, { rate: () => 0 }));
  assert.instance(error, UsageError);
  assert.match((error as Error).message, /no parameter is trainable/);
  on.destroy();
});

test("vectors of floats are learned", async () => {
  const gpu = await testGpu();
  // The class is the sign of the first value less the third.
  const values = new Random(4);
  const images = Float32Array.from({ length: 5 * 40 }, () => values.int(2001) / 500 - 2);
  const labels = Array.from({ length: 40 }, (_, i) => Number(images[5 * i]! > images[5 * i + 2]!));
  const vectors = fromArrays({ images, shape: [40, 5], labels });
  using data = await GpuDataset.upload(gpu, vectors, meanImage(vectors));
  const model = await Model.create(
    gpu,
    {
      ...network,
      inputs: [[1, 1, 5]],
      output: [2],
      build: (layers, [x]) => layers.linear("head", flatten(x!), 2),
    },
    1,
  );
  const trainer = await taskTrainer(
    { model, task: classification },
    data,
    40,
    { batch: 10, optimizer: { name: "adam" } },
    { norm: "train" },
  );
  const order = Uint32Array.from({ length: 40 }, (_, i) => i);
  const accuracies: number[] = [];
  for (let epoch = 0; epoch < 25; epoch++) {
    const { correct } = await trainer.epoch({ order, learningRate: 0.05, seed: epoch });
    accuracies.push(correct / 40);
  }
  assert.ok(accuracies.at(-1)! > 0.95, accuracies.join(" "));
  trainer.destroy();
  model.destroy();
});

test("a learning rate by step is asked for each step of the epoch", async () => {
  const on = await prepared();
  const trainer = await on.trainer({ batch: 4 });
  const asked: number[] = [];
  const learningRate = (step: number): number => {
    asked.push(step);
    return 0.01;
  };
  const totals = await trainer.epoch({ order: everything, learningRate, seed: 1 });
  assert.equal(asked, [0, 1, 2]);
  assert.equal([totals.steps, totals.rows, trainer.step], [3, 10, 3]);
  on.destroy();
});

test("a last batch that is not full is left out where that is asked for; an epoch needs a batch", async () => {
  const on = await prepared();
  const trainer = await on.trainer({ batch: 4 });
  const epoch = { learningRate: 0.01, seed: 1, dropLast: true };
  assert.is((await trainer.epoch({ ...epoch, order: everything })).rows, 8);
  const error = await errorOf(() => trainer.epoch({ ...epoch, order: everything.slice(0, 3) }));
  assert.instance(error, UsageError);
  assert.match((error as Error).message, /3 examples has no full batch of 4/);
  on.destroy();
});

test("what comes behind the last step is in its submit", async () => {
  const on = await prepared();
  const { model } = on;
  const { gpu, parameters } = model;
  const submit = gpu.submit.bind(gpu);
  let submits = 0;
  gpu.submit = (...given) => {
    submits++;
    submit(...given);
  };
  // How long steps take decides how many share a submit: by a clock that stands still they always share one.
  const { now } = performance;
  performance.now = () => 0;
  // Micro-batches have an update of their own behind them.
  for (const settings of [{}, { microBatch: 2 }]) {
    using trajectory = await Trajectory.create(gpu, parameters.layout.slots, 3);
    const trainer = await on.trainer(settings);
    const epoch = { order: everything, learningRate: 0.01, seed: 1 };
    await trainer.epoch(epoch);
    const counts: number[] = [];
    const weights: Map<string, Float32Array>[] = [];
    for (let k = 0; k < 3; k++) {
      submits = 0;
      const after = (encoder: GPUCommandEncoder): void => trajectory.encode(parameters, encoder);
      await trainer.epoch({ ...epoch, ...(k < 2 ? { after } : {}) });
      counts.push(submits);
      if (k < 2) weights.push(await parameters.read());
    }
    assert.is(counts[0], counts[2]);
    assert.is(counts[1], counts[2]);
    const snapshots = await trajectory.snapshots();
    assert.equal(
      snapshots.map((part) => part.get("body.weight")),
      weights.map((part) => part.get("body.weight")),
    );
    assert.not.equal(snapshots[0]!.get("body.weight"), snapshots[1]!.get("body.weight"));
  }
  performance.now = now;
  gpu.submit = submit;
  on.destroy();
});

test("trainers that share an optimiser count their steps together", async () => {
  const on = await prepared();
  const first = await on.trainer();
  const second = await on.trainer({}, { sharing: first });
  await first.epoch({ order: everything, learningRate: 0.01, seed: 1 });
  await second.epoch({ order: everything, learningRate: 0.01, seed: 2 });
  assert.equal([first.step, second.step], [4, 4]);
  const { step, moments } = await second.saveState();
  assert.is(step, 4);
  assert.ok(moments[0]!.get("head.weight")!.some((value) => value !== 0));
  first.resetOptimizer();
  const reset = await second.saveState();
  assert.is(reset.step, 0);
  assert.ok(reset.moments[0]!.get("head.weight")!.every((value) => value === 0));
  on.destroy();
});

test("the state of another optimiser is refused", async () => {
  const on = await prepared();
  const state = await (await on.trainer({ optimizer: { name: "sgd" } })).saveState();
  const adam = await on.trainer();
  let error: unknown;
  try {
    adam.loadState(state);
  } catch (cause) {
    error = cause;
  }
  assert.instance(error, UsageError);
  assert.match((error as Error).message, /"adam" keeps 2 moments, the state has 1/);
  on.destroy();
});

test("a loss that is not finite ends a training, and is NaN where it is measured", async () => {
  const on = await prepared();
  on.model.parameters.write("head.bias", new Float32Array(10).fill(Number.NaN));
  const trainer = await on.trainer();
  const epoch = { order: everything, learningRate: 0.01, seed: 1 };
  assert.instance(await errorOf(() => trainer.epoch(epoch)), DivergedError);
  const evaluator = await Evaluator.create(on.model, classification, on.data, 5);
  assert.ok(Number.isNaN((await evaluator.run(everything)).loss));
  assert.instance(await errorOf(() => evaluator.run(new Uint32Array())), UsageError);
  evaluator.destroy();
  on.destroy();
});

test("batch norm's epochs have full batches only; a batch is never larger than its examples", async () => {
  const on = await prepared();
  assert.equal(epochSteps(on.model, 10, 4), { batch: 4, steps: 3, dropLast: false });
  assert.equal(epochSteps(on.model, 10, 64), { batch: 10, steps: 1, dropLast: false });
  const normed = await Model.create(
    on.model.gpu,
    {
      ...network,
      build: (layers, inputs) => layers.batchNorm("norm", network.build(layers, inputs)),
    },
    1,
  );
  assert.equal(epochSteps(normed, 10, 4), { batch: 4, steps: 2, dropLast: true });
  normed.destroy();
  on.destroy();
});

test.after(closeGpus);
test.run();
