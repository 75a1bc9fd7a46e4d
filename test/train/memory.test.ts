// Ways to train with less memory: they change what is kept, not what is computed.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { networks, modelSpec } from "../../models/index.ts";
import { syntheticDigits } from "../../src/data/synthetic.ts";
import { UsageError } from "../../src/errors.ts";
import { defaultLimits, dryGpu } from "../../src/gpu/dry.ts";
import { Graph } from "../../src/graph/graph.ts";
import type { Value } from "../../src/graph/value.ts";
import type { Layers } from "../../src/nn/layers.ts";
import { Model, type ModelSpec } from "../../src/nn/model.ts";
import { add, concat, flatten, globalAveragePool, maxPool, relu } from "../../src/ops/index.ts";
import { GpuDataset, meanImage } from "../../src/feed/gpu-dataset.ts";
import { classification } from "../../src/tasks/classification.ts";
import { Evaluator } from "../../src/train/evaluator.ts";
import { passesOf, passNotes, passOver } from "../../src/train/memory.ts";
import { type StepSettings, taskTrainer } from "../../src/train/task-trainer.ts";
import { close } from "../check-op.ts";
import { closeGpus, testGpu } from "../device.ts";

/** Convolutions with batch norm, a residual connection, joined channels, pooling and stochastic depth in three stages. */
const staged: ModelSpec = {
  name: "staged",
  inputs: [[28, 28, 1]],
  output: [10],
  build(layers: Layers, [x]): Value {
    let h = layers.conv2d("conv1", x!, { filters: 4, kernel: 3, padding: 1 });
    h = relu(layers.batchNorm("bn1", h));
    for (const stage of [1, 2]) {
      layers.graph.stage();
      const wide = layers.conv2d(`stage${stage}.up`, h, { filters: 8, kernel: 3, padding: 1 });
      let inner = relu(layers.batchNorm(`stage${stage}.bn1`, wide));
      // What a launch for each of its parts makes.
      if (stage === 2) inner = concat([inner, h], 3);
      inner = layers.conv2d(`stage${stage}.down`, inner, { filters: 4, kernel: 3, padding: 1 });
      inner = layers.batchNorm(`stage${stage}.bn2`, inner);
      h = add(h, layers.dropPath(`stage${stage}.drop`, inner, 0.25));
      h = maxPool(relu(h), { size: 2 });
    }
    layers.graph.stage();
    return layers.linear("head", globalAveragePool(h), 10);
  },
};

/** Without batch norm, so that passes do not see each other's images. */
const plain: ModelSpec = {
  name: "plain",
  inputs: [[28, 28, 1]],
  output: [10],
  build(layers: Layers, [x]): Value {
    const h = layers.conv2d("conv", x!, { filters: 4, kernel: 5, stride: 3 });
    return layers.linear("head", flatten(relu(h)), 10);
  },
};

interface Trained {
  readonly parameters: Map<string, Float32Array>;
  readonly statistics: Map<string, Float32Array>;
  readonly gradients: Map<string, Float32Array>;
  readonly bytes: number;
  readonly loss: number;
}

async function train(
  spec: ModelSpec,
  settings: Partial<StepSettings>,
  options: { images?: number; epochs?: number } = {},
): Promise<Trained> {
  const gpu = await testGpu();
  const { images = 50, epochs = 2 } = options;
  const set = syntheticDigits(images, 4, "train");
  const data = await GpuDataset.upload(gpu, set, meanImage(set));
  const model = await Model.create(gpu, spec, 11);
  const trainer = await taskTrainer(
    { model, task: classification },
    data,
    images,
    { batch: 20, optimizer: { name: "sgd", momentum: 0.9 }, ...settings },
    { norm: "train" },
  );
  const order = Uint32Array.from({ length: images }, (_, i) => (7 * i) % images);
  let loss = Number.NaN;
  for (let epoch = 0; epoch < epochs; epoch++) {
    ({ loss } = await trainer.epoch({ order, learningRate: 0.01, seed: 5 + epoch }));
  }
  const result = {
    parameters: await model.parameters.read(),
    statistics: await model.statistics.read(),
    gradients: await trainer.gradients.read(),
    bytes: trainer.program.plan.bytes,
    loss,
  };
  for (const part of [trainer, data, model]) part.destroy();
  return result;
}

const bits = (tensors: Map<string, Float32Array>): [string, number[]][] =>
  [...tensors].map(([name, data]) => [name, [...new Uint32Array(data.buffer)]]);

test("activations computed again give the same bits, with less memory", async () => {
  const kept = await train(staged, {});
  const again = await train(staged, { recompute: true });
  assert.equal(bits(again.parameters), bits(kept.parameters));
  // Running statistics were updated once a step, not again with the activations.
  assert.equal(bits(again.statistics), bits(kept.statistics));
  assert.is(again.loss, kept.loss);
  assert.ok(again.bytes < 0.85 * kept.bytes, `${again.bytes} of ${kept.bytes} bytes`);
});

test("running statistics of the smallest maps too are updated once a step", async () => {
  // Maps of at most 4·4·4 rows in the last stages: statistics [2, C] are no longer small beside them.
  const spec = modelSpec({ name: "tiny-resnet" }, [28, 28, 1], 10);
  const settings = { batch: 8, microBatch: 4 };
  const kept = await train(spec, settings, { epochs: 1, images: 16 });
  const again = await train(spec, { ...settings, recompute: true }, { epochs: 1, images: 16 });
  assert.equal(bits(again.statistics), bits(kept.statistics));
  assert.equal(bits(again.parameters), bits(kept.parameters));
  assert.is(again.loss, kept.loss);
  assert.ok(again.bytes < kept.bytes, `${again.bytes} of ${kept.bytes} bytes`);
});

test("every forward kernel that writes bound values is known as one that is not to be repeated", async () => {
  const gpu = await dryGpu(defaultLimits);
  let found = 0;
  const layers = [{ type: "flatten" }, { type: "linear", name: "head", units: "classes" }];
  for (const name of networks.names) {
    const settings = name === "described" ? { title: "x", layers } : {};
    const graph = new Graph(gpu);
    const size = /^(?:pvt-v2-b0|unet|convnext)/.test(name) ? 32 : 28;
    const spec = modelSpec({ name, ...settings }, [size, size, 3], 10);
    const inputs = spec.inputs.map((shape, i) => graph.input(`input ${i}`, [2, ...shape]));
    const model = await Model.create(gpu, spec, undefined);
    model.build(graph, inputs, "train", graph.input("step", [8], "u32"));
    const seen = new Set<string>();
    for (const launch of graph.forward()) {
      const id = `${launch.shader}:${launch.entry}`;
      if (seen.has(id)) continue;
      seen.add(id);
      const { bindings } = await gpu.kernels.get(launch);
      const writes = bindings.some(
        (one) => one.access === "write" && launch.bind[one.name]?.storage === "bound",
      );
      assert.is(launch.changesState ?? false, writes, `${name}: ${id}`);
      if (writes) found++;
    }
    model.destroy();
  }
  assert.ok(found > 0);
});

test("activations kept in half precision change gradients by their rounding", async () => {
  const kept = await train(staged, {}, { epochs: 1, images: 20 });
  const half = await train(staged, { activations: "f16" }, { epochs: 1, images: 20 });
  // Little is kept here beside what lives at one time, which is not packed.
  assert.ok(half.bytes < 0.925 * kept.bytes, `${half.bytes} of ${kept.bytes} bytes`);
  // The forward pass is float32 in both.
  assert.is(half.loss, kept.loss);
  let moved = false;
  const largest = Math.max(...[...kept.gradients.values()].map((g) => Math.hypot(...g)));
  for (const [name, want] of kept.gradients) {
    const got = half.gradients.get(name)!;
    const norm = Math.hypot(...want);
    const distance = Math.hypot(...got.map((g, i) => g - want[i]!));
    // Halves round by 2^-12 on average; through three batch norms that grows by less than 16. (Biases
    // before a batch norm have gradient 0: what is left of the others' there is rounding.)
    assert.ok(distance <= 2 ** -8 * norm + 1e-4 * largest, `${name}: ${distance} of ${norm}`);
    moved ||= distance > 0;
  }
  assert.ok(moved);
});

test("recomputation from halves keeps the forward pass and the last stage, and moves gradients little", async () => {
  const once = { epochs: 1, images: 20 };
  const kept = await train(staged, {}, once);
  const half = await train(staged, { activations: "f16" }, once);
  const both = await train(staged, { activations: "f16", recompute: true }, once);
  assert.is(both.loss, half.loss);
  assert.equal(bits(both.statistics), bits(half.statistics));
  const largest = Math.max(...[...kept.gradients.values()].map((g) => Math.hypot(...g)));
  for (const [name, want] of half.gradients) {
    const got = both.gradients.get(name)!;
    if (name.startsWith("head.")) assert.equal([...got], [...want], name);
    // A stage that starts from rounded values has other signs where its values are near 0: of a share of
    // about 2^-12 the derivatives of ReLU and max-pool differ, so norms by up to some 2^-6 a stage.
    const norm = Math.hypot(...want);
    const distance = Math.hypot(...got.map((g, i) => g - want[i]!));
    assert.ok(distance <= 2 ** -5 * norm + 1e-4 * largest, `${name}: ${distance} of ${norm}`);
  }
  assert.ok(both.bytes < 0.85 * kept.bytes, `${both.bytes} of ${kept.bytes} bytes`);
});

test("gradients of passes add up to the step's, also where the last one is short", async () => {
  for (const [microBatch, clipNorm, batch = 20] of [
    [10, undefined],
    [4, 0.3],
    [1, undefined],
    // Of 7, 7 and 6; and of 4 and 3, more of them than fours are in 50.
    [8, undefined],
    [4, undefined, 7],
  ] as const) {
    const whole = await train(plain, { clipNorm, batch });
    const split = await train(plain, { clipNorm, microBatch, batch });
    for (const [name, want] of whole.parameters) {
      // Sums in another order: rounding of gradients of about 1, times the rate.
      close(`${name}, passes of ${microBatch}`, split.parameters.get(name)!, want, {
        absolute: 1e-6,
        relative: 1e-6,
      });
    }
    assert.ok(Math.abs(split.loss - whole.loss) < 1e-5);
    assert.ok(split.bytes < whole.bytes);
  }
});

test("passes are as few as may be; with batch norm of one size, which a note says", () => {
  assert.equal(passesOf(200), { rows: 200, accumulate: 1 });
  assert.equal(passesOf(200, 64), { rows: 50, accumulate: 4 });
  assert.equal(passesOf(7, 4), { rows: 4, accumulate: 2 });
  assert.equal(passesOf(67, 64), { rows: 34, accumulate: 2 });
  assert.equal(passesOf(67, 64, true), { rows: 1, accumulate: 67 });
  assert.equal(passesOf(200, 64, true), { rows: 50, accumulate: 4 });
  assert.equal(passNotes({ batch: 67, microBatch: 64 }, false), []);
  assert.equal(passNotes({ batch: 64 }, true), []);
  assert.equal(passNotes({ batch: 64, microBatch: 64 }, true), []);
  assert.match(
    passNotes({ batch: 67, microBatch: 64 }, true).join(),
    /statistics are of each pass by itself, and a pass has 1 image, the most up to `microBatch=64` that divide the 67 of a step\./,
  );
  assert.match(passNotes({ batch: 64, microBatch: 16 }, true).join(), /a pass has 16 images\.$/);
  assert.equal(passesOf(8, 100), { rows: 8, accumulate: 1 });
});

test("passes over a set are powers of two, up to the most", () => {
  assert.equal(
    [1, 2, 3, 33, 255, 256, 257].map((count) => passOver(count, 256)),
    [1, 2, 4, 64, 256, 256, 256],
  );
});

test("a batch that is no count is refused at once, and leaves nothing behind", async () => {
  const gpu = await testGpu();
  const images = syntheticDigits(5, 1, "train");
  const data = await GpuDataset.upload(gpu, images, meanImage(images));
  const model = await Model.create(gpu, staged, 1);
  const before = gpu.allocatedBytes;
  for (const batch of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
    const config: StepSettings = { batch, optimizer: { name: "adam" } };
    for (const make of [
      () => Evaluator.create(model, classification, data, batch),
      () => taskTrainer({ model, task: classification }, data, 5, config, { norm: "train" }),
    ]) {
      const error = await make().catch((cause: unknown) => cause);
      assert.instance(error, UsageError);
      assert.match((error as Error).message, /^batch must be an integer of at least 1, got /);
      assert.is(gpu.allocatedBytes, before);
    }
  }
  const evaluator = await Evaluator.create(model, classification, data, 4);
  const error = await evaluator.run(Uint32Array.of(1, 5)).catch((cause: unknown) => cause);
  assert.instance(error, UsageError);
  assert.match((error as Error).message, /there is no example 5: they are 0 to 4\./);
  for (const part of [evaluator, model, data]) part.destroy();
});

test.after(closeGpus);
test.run();
