import { test } from "uvu";
import * as assert from "uvu/assert";
import { modelSpec } from "../../models/index.ts";
import { syntheticDigits } from "../../src/data/synthetic.ts";
import { DataError, ShapeError, UsageError } from "../../src/errors.ts";
import { GpuDataset, meanImage } from "../../src/feed/gpu-dataset.ts";
import { ImageFeed } from "../../src/feed/image-feed.ts";
import { RowFeed } from "../../src/feed/row-feed.ts";
import type { Gpu } from "../../src/gpu/device.ts";
import { defaultLimits, dryGpu } from "../../src/gpu/dry.ts";
import { Model } from "../../src/nn/model.ts";
import { classification } from "../../src/tasks/classification.ts";
import { Collector } from "../../src/train/collector.ts";
import { Evaluator } from "../../src/train/evaluator.ts";
import { taskTrainer } from "../../src/train/task-trainer.ts";
import { Trainer } from "../../src/train/trainer.ts";
import { startMethod } from "../../src/unlearn/methods/index.ts";
import { checkOwnership, type Owner } from "../check-ownership.ts";

const digits = syntheticDigits(12, 1, "train");
const mean = meanImage(digits);
const settings = { batch: 4, optimizer: { name: "adam" } } as const;

interface Prepared {
  readonly gpu: Gpu;
  readonly data: GpuDataset;
  readonly model: Model;
}

/** Memory is counted on a device that makes nothing by the code that makes it on a real one. */
async function prepared(memory?: number): Promise<Prepared> {
  const gpu = await dryGpu({ ...defaultLimits, memory });
  const data = await GpuDataset.upload(gpu, digits, mean);
  const model = await Model.create(gpu, modelSpec({ name: "small-cnn" }, [28, 28, 1], 10), 1);
  return { gpu, data, model };
}

/** What is made from a data set and a model, each owning all that it allocates. */
const makers: Record<string, (on: Prepared) => Promise<Owner>> = {
  "image feed": ({ data }) => ImageFeed.create(data, { batch: 4, items: 12 }),
  "row feed": ({ gpu }) => RowFeed.create(gpu, new Float32Array(60), [4, 1], 3),
  "relabelled images": ({ data }) => data.withLabels(digits.labels),
  evaluator: ({ model, data }) => Evaluator.create(model, classification, data, 4),
  collector: ({ model, data }) => Collector.create(model, classification, data, 4),
  trainer: ({ model, data }) =>
    taskTrainer({ model, task: classification }, data, 12, settings, { norm: "train" }),
  "trainer that adds up gradients": ({ model, data }) => {
    const split = { ...settings, microBatch: 2 };
    return taskTrainer({ model, task: classification }, data, 12, split, { norm: "train" });
  },
  model: ({ model }) => model.clone("copy"),
};

checkOwnership(prepared, makers);

test("a trainer leaves a feed that it was given to its owner", async () => {
  const { gpu, data, model } = await prepared();
  const before = gpu.allocatedBytes;
  const feed = await ImageFeed.create(data, { batch: 4, items: 12 });
  const bytes = gpu.allocatedBytes;
  const trainer = await Trainer.create(model, {
    feed,
    objective: (graph) => classification.objective(graph, model, feed, { norm: "train" }),
    optimizer: { name: "adam" },
  });
  trainer.destroy();
  assert.is(gpu.allocatedBytes, bytes);
  feed.destroy();
  assert.is(gpu.allocatedBytes, before);
});

test("trainers that share an optimiser: the one that made it frees it", async () => {
  const { gpu, data, model } = await prepared();
  const before = gpu.allocatedBytes;
  const on = { model, task: classification };
  const first = await taskTrainer(on, data, 12, settings, { norm: "train" });
  const bytes = gpu.allocatedBytes;
  const options = { norm: "frozen", sharing: first } as const;
  (await taskTrainer(on, data, 12, settings, options)).destroy();
  assert.is(gpu.allocatedBytes, bytes);
  first.destroy();
  assert.is(gpu.allocatedBytes, before);
});

test("labels that do not fit take no memory", async () => {
  const { gpu, data } = await prepared();
  const before = gpu.allocatedBytes;
  const error = await data.withLabels([1, 2, 3]).catch((cause: unknown) => cause);
  assert.instance(error, ShapeError);
  assert.is(gpu.allocatedBytes, before);
});

test("a model of a seed that is none, and retraining from a file that is not there, take no memory", async () => {
  const { gpu, data, model } = await prepared();
  const before = gpu.allocatedBytes;
  const seeded = await Model.create(gpu, model.spec, 0.5).catch((cause: unknown) => cause);
  assert.instance(seeded, UsageError);
  assert.is(gpu.allocatedBytes, before);
  const subset = { data, items: Uint32Array.of(0, 1, 2, 3) };
  const request = { model, task: classification, forget: subset, retain: subset, seed: 1 };
  const from = "nowhere/weights.safetensors";
  const started = await startMethod("retrain", request, { from }).catch((cause: unknown) => cause);
  assert.instance(started, DataError);
  assert.is(gpu.allocatedBytes, before);
});

test("a data set and its model free all that they allocated", async () => {
  const { gpu, data, model } = await prepared();
  data.destroy();
  model.destroy();
  assert.is(gpu.allocatedBytes, 0);
});

test.run();
