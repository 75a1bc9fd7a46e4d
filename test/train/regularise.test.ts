// What training does and evaluation does not: dropping, clipping, smoothed targets.
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { TrainConfig } from "../../src/runs/config.ts";
import { syntheticDigits } from "../../src/data/synthetic.ts";
import { ShapeError } from "../../src/errors.ts";
import { Graph } from "../../src/graph/graph.ts";
import type { Value } from "../../src/graph/value.ts";
import { type Job, prepareJob } from "../../src/runs/job.ts";
import { Declarations, Layers } from "../../src/nn/layers.ts";
import { declare, Model, type ModelSpec, type Tensors } from "../../src/nn/model.ts";
import { add, gelu, globalAveragePool } from "../../src/ops/index.ts";
import { GpuDataset, meanImage } from "../../src/feed/gpu-dataset.ts";
import { ImageFeed } from "../../src/feed/image-feed.ts";
import type { TrainState } from "../../src/api/train-state.ts";
import { trainJob } from "../../src/api/training.ts";
import { classification } from "../../src/tasks/classification.ts";
import { Trainer, type TrainerOptions } from "../../src/train/trainer.ts";
import { closeGpus, testGpu } from "../device.ts";

/** A small ConvNeXt-like network: patches, a residual block with stochastic depth, dropout, head. */
const network: ModelSpec = {
  name: "dropping",
  inputs: [[28, 28, 1]],
  output: [10],
  build(layers: Layers, [x]): Value {
    const stem = layers.conv2d("stem", x!, { filters: 6, kernel: 7, stride: 7 });
    let h = gelu(layers.linear("up", layers.layerNorm("norm", stem), 8));
    h = layers.layerScale("scale", layers.linear("down", h, 6), 0.5);
    h = globalAveragePool(add(stem, layers.dropPath("path", h, 0.3)));
    return layers.linear("head", layers.dropout("drop", h, 0.25), 10);
  },
};

const config: TrainConfig = {
  data: { name: "synthetic", trainCount: 60, testCount: 20 },
  scenario: { name: "label-noise", share: 0.2 },
  model: { name: "small-cnn", filters: [2, 2] },
  epochs: 4,
  batch: 16,
  learningRate: 5e-3,
  schedule: "step",
  warmupEpochs: 1,
  clipNorm: 0.5,
  labelSmoothing: 0.1,
  optimizer: { name: "adam" },
  seed: 3,
};

/** Works on a job with the network above in place of the configuration's. */
async function withJob<T>(
  work: (job: Job) => Promise<T>,
  changes: Partial<TrainConfig> = {},
): Promise<T> {
  const gpu = await testGpu();
  const job = await prepareJob(gpu, { ...config, ...changes });
  const model = await Model.create(gpu, network, 7);
  try {
    return await work({ ...job, model });
  } finally {
    model.destroy();
    job.destroy();
  }
}

const bits = (tensors: Tensors): [string, Uint32Array][] =>
  [...tensors].map(([name, { data }]) => [name, new Uint32Array(data.buffer.slice(0))]);

test("a training that drops, clips and warms up repeats, and resumes, to the same bits", async () => {
  let saved: TrainState | undefined;
  const whole = await withJob(async (job) => {
    const onEpoch = async (
      epoch: number,
      _: unknown,
      save: () => Promise<TrainState>,
    ): Promise<void> => {
      if (epoch === 2) saved = await save();
    };
    await trainJob(job, { onEpoch });
    return bits(await job.model.save());
  });
  const again = await withJob(async (job) => {
    await trainJob(job);
    return bits(await job.model.save());
  });
  const resumed = await withJob(async (job) => {
    await trainJob(job, { resume: saved });
    return bits(await job.model.save());
  });
  assert.equal(again, whole);
  assert.equal(resumed, whole);
  const other = await withJob(
    async (job) => {
      await trainJob(job);
      return bits(await job.model.save());
    },
    { labelSmoothing: 0 },
  );
  assert.not.equal(other, whole);
});

test("nothing is dropped in evaluation and unlearning: the operations are not there", () => {
  const drops = (norm: "train" | "frozen"): number => {
    const graph = new Graph("software");
    const step = graph.input("step", [8], "u32");
    const layers = new Layers(graph, new Declarations(), norm, step);
    network.build(layers, [graph.input("x", [2, 28, 28, 1])]);
    return graph.forward().filter(({ shader }) => shader === "elementwise/dropout").length;
  };
  assert.is(drops("train"), 2);
  assert.is(drops("frozen"), 0);
});

test("each dropout of a network has a salt of its own, which a rate of 0 elsewhere leaves as it is", () => {
  const salts = (first: number): unknown[] => {
    const graph = new Graph("software");
    const step = graph.input("step", [8], "u32");
    const layers = new Layers(graph, new Declarations(), "train", step);
    let x = graph.input("x", [2, 3]);
    for (const [i, rate] of [first, 0.5, 0.5].entries()) x = layers.dropout(`drop${i}`, x, rate);
    return graph.forward().map(({ uniforms }) => uniforms?.["draw"]?.[1]);
  };
  assert.equal(salts(0.5), [0, 1, 2]);
  assert.equal(salts(0), [1, 2]);
});

test("training without a seed to drop by is refused by name", () => {
  const graph = new Graph("software");
  const layers = new Layers(graph, new Declarations(), "train");
  const x = graph.input("x", [2, 3]);
  assert.is(layers.dropout("none", x, 0), x);
  assert.throws(
    () => layers.dropPath("stage1.path", x, 0.1),
    (error: Error) => error instanceof ShapeError && error.message.startsWith('"stage1.path":'),
  );
});

test("layer norm and layer scale are of kind bias: rewound as such, not decayed, not frozen", () => {
  const { parameters, statistics } = declare(network);
  const kinds = Object.fromEntries([...parameters].map(([name, { kind }]) => [name, kind]));
  assert.equal(kinds, {
    "stem.weight": "conv",
    "stem.bias": "bias",
    "norm.gamma": "bias",
    "norm.beta": "bias",
    "up.weight": "fc",
    "up.bias": "bias",
    "down.weight": "fc",
    "down.bias": "bias",
    "scale.gamma": "bias",
    "head.weight": "fc",
    "head.bias": "bias",
  });
  assert.is(statistics.size, 0);
});

/** One step of plain gradient descent at rate 1: by how much each weight moved, and the dispatches. */
async function step(
  options: Partial<TrainerOptions>,
): Promise<{ moved: Float64Array; dispatches: number }> {
  const gpu = await testGpu();
  const digits = syntheticDigits(16, 1, "train");
  const data = await GpuDataset.upload(gpu, digits, meanImage(digits));
  const model = await Model.create(gpu, network, 7);
  const feed = await ImageFeed.create(data, { batch: 16, items: 16 });
  const objective = (graph: Graph) =>
    classification.objective(graph, model, feed, { norm: "train" });
  const trainer = await Trainer.create(model, {
    feed,
    objective,
    optimizer: { name: "sgd" },
    ...options,
  });
  const before = await model.save();
  const order = Uint32Array.from({ length: 16 }, (_, i) => i);
  await trainer.epoch({ order, learningRate: 1, seed: 5 });
  const after = await model.save();
  const moved = [...before].flatMap(([name, { data: old }]) =>
    Array.from(after.get(name)!.data, (v, i) => v - old[i]!),
  );
  const dispatches = trainer.program.dispatches.length;
  trainer.destroy();
  feed.destroy();
  model.destroy();
  data.destroy();
  return { moved: Float64Array.from(moved), dispatches };
}

const norm = (values: Float64Array): number => Math.sqrt(values.reduce((sum, v) => sum + v * v, 0));

test("clipNorm bounds the length of a step and keeps its direction; without it nothing is launched", async () => {
  const plain = await step({});
  const length = norm(plain.moved);
  const limit = length / 4;
  const clipped = await step({ clipNorm: limit });
  // Weights of size one are rounded to 6e-8 before and after the step.
  assert.ok(Math.abs(norm(clipped.moved) - limit) < 1e-5 * limit + 1e-6);
  clipped.moved.forEach((v, i) => assert.ok(Math.abs(v - plain.moved[i]! / 4) < 3e-7));
  const loose = await step({ clipNorm: 2 * length });
  assert.equal(loose.moved, plain.moved);
  // Squares, their sum, the factor: one shard and few slices.
  assert.is(clipped.dispatches, plain.dispatches + 3);
  assert.is((await step({ clipNorm: undefined })).dispatches, plain.dispatches);
});

test("a frozen parameter's gradients do not count", async () => {
  const rate = ({ name }: { name: string }): number => Number(name.startsWith("head"));
  const plain = await step({ rate });
  const limit = norm(plain.moved) / 2;
  const clipped = await step({ rate, clipNorm: limit });
  assert.ok(Math.abs(norm(clipped.moved) - limit) < 1e-5 * limit + 1e-6);
});

test.after(closeGpus);
test.run();
