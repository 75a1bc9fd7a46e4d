// Training in mixed precision: products of halves, a scaled loss, everything else float32. Matrix units are emulated.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { syntheticDigits } from "../../src/data/synthetic.ts";
import { GpuDataset, meanImage } from "../../src/feed/gpu-dataset.ts";
import type { DeviceOptions } from "../../src/gpu/device.ts";
import { Owned } from "../../src/gpu/owned.ts";
import type { Program } from "../../src/graph/program.ts";
import { Model, type ModelSpec } from "../../src/nn/model.ts";
import { add, gelu, globalAveragePool, relu } from "../../src/ops/index.ts";
import { classification } from "../../src/tasks/classification.ts";
import type { LossScaleState } from "../../src/train/loss-scale.ts";
import { type StepSettings, taskTrainer } from "../../src/train/task-trainer.ts";
import type { Trainer } from "../../src/train/trainer.ts";
import { closeGpus, testGpu } from "../device.ts";

const mixed: DeviceOptions = { precision: "mixed", matrices: "emulated" };
const digits = syntheticDigits(20, 1, "train");
const everything = Uint32Array.from({ length: 20 }, (_, i) => i);
const initialFactor = 2 ** 15;

const network: ModelSpec = {
  name: "two convolutions",
  inputs: [[28, 28, 1]],
  output: [10],
  build(layers, [x]) {
    const first = layers.conv2d("first", x!, { filters: 6, kernel: 3, stride: 2 });
    const h = relu(layers.batchNorm("norm", first));
    const second = relu(layers.conv2d("second", h, { filters: 12, kernel: 3, stride: 2 }));
    return layers.linear("head", globalAveragePool(second), 10);
  },
};

/** A block whose products have functions, a scale and a sum after them. */
const block: ModelSpec = {
  ...network,
  name: "a block",
  build(layers, [x]) {
    const patches = layers.conv2d("patches", x!, { filters: 12, kernel: 4, stride: 4 });
    const inner = gelu(layers.linear("wide", layers.layerNorm("norm", patches), 24));
    const branch = layers.layerScale("scale", layers.linear("narrow", inner, 12), 0.5);
    return layers.linear("head", globalAveragePool(add(patches, branch)), 10);
  },
};

interface Prepared {
  readonly model: Model;
  readonly trainer: Trainer;
  [Symbol.dispose](): void;
}

async function prepared(
  options: DeviceOptions,
  { spec = network, ...settings }: Partial<StepSettings> & { spec?: ModelSpec } = {},
): Promise<Prepared> {
  const gpu = await testGpu(options);
  const owned = new Owned();
  const data = owned.add(await GpuDataset.upload(gpu, digits, meanImage(digits)));
  const model = owned.add(await Model.create(gpu, spec, 1));
  const trainer = owned.add(
    await taskTrainer(
      { model, task: classification },
      data,
      20,
      { batch: 5, optimizer: { name: "adam", weightDecay: 1e-3 }, ...settings },
      { norm: "train" },
    ),
  );
  return { model, trainer, [Symbol.dispose]: () => owned.destroy() };
}

const epoch = (trainer: Trainer, seed = 1): ReturnType<Trainer["epoch"]> =>
  trainer.epoch({ order: everything, learningRate: 0.01, seed });

/** Weights and moments, one after the other, as words. */
async function bits({ model, trainer }: Prepared): Promise<Uint32Array[]> {
  const { moments } = await trainer.saveState();
  const all = [await model.parameters.read(), ...moments];
  return all.flatMap((arena) => [...arena.values()].map((data) => new Uint32Array(data.buffer)));
}

/** Puts a loss scale into a training. */
async function scale({ trainer }: Prepared, lossScale: LossScaleState): Promise<void> {
  trainer.loadState({ ...(await trainer.saveState()), lossScale });
}

const scaleOf = async ({ trainer }: Prepared): Promise<LossScaleState | undefined> =>
  (await trainer.saveState()).lossScale;

const onMatrices = ({ dispatches }: Program): string[] =>
  dispatches
    .filter(({ launch }) => launch.parts?.includes("product/matrices"))
    .map(({ label }) => label);

test("products of both directions are made of halves, and learn as those of floats do", async () => {
  using exact = await prepared({ tuning: "gpu" });
  using halves = await prepared(mixed);
  assert.equal(onMatrices(exact.trainer.program), []);
  const made = onMatrices(halves.trainer.program);
  // Two convolutions and the head: forward, the gradients of all weights, and of all inputs but the images.
  const kinds = ["conv2d/forward", "conv2d/input-grad", "conv2d/weight-grad", "gemm/product"];
  assert.equal([...new Set(made)].sort(), kinds);
  assert.is(made.length, 3 + 3 + 2);
  assert.is(await scaleOf(exact), undefined);
  const losses: number[][] = [];
  for (const on of [exact, halves]) {
    const own: number[] = [];
    for (let i = 0; i < 6; i++) own.push((await epoch(on.trainer, i)).loss / 4);
    losses.push(own);
  }
  const [floats, rounded] = losses as [number[], number[]];
  assert.ok(floats[5]! < 0.9 * floats[0]!, `it learns: ${floats.join(" ")}`);
  // Factors are off by 2^-11 of themselves at most, so the first losses differ by some 1e-3, and the path by little.
  floats.forEach((loss, i) => {
    assert.ok(
      Math.abs(loss - rounded[i]!) < 0.02 * loss,
      `${floats.join(" ")}, ${rounded.join(" ")}`,
    );
  });
  assert.not.equal(floats, rounded);
  assert.equal(await scaleOf(halves), { factor: initialFactor, good: 24, skipped: 0 });
});

test("what comes after a product comes after one of halves", async () => {
  using exact = await prepared({ tuning: "gpu" }, { spec: block });
  using halves = await prepared(mixed, { spec: block });
  const parts = halves.trainer.program.dispatches.flatMap(({ launch }) =>
    launch.parts?.includes("product/matrices") === true ? launch.parts : [],
  );
  for (const part of ["after/function-kept", "after/past-function", "after/scaled-kept"]) {
    assert.ok(parts.includes(part), `${part}: ${[...new Set(parts)].join(" ")}`);
  }
  for (let i = 0; i < 3; i++) {
    const [floats, rounded] = [await epoch(exact.trainer, i), await epoch(halves.trainer, i)];
    assert.ok(
      Math.abs(floats.loss - rounded.loss) < 0.01 * floats.loss,
      `${floats.loss} ${rounded.loss}`,
    );
  }
});

test("gradients lose the factor before they are clipped, added up and used", async () => {
  for (const settings of [{ clipNorm: 0.05 }, { batch: 10, microBatch: 5 }]) {
    using exact = await prepared({ tuning: "gpu" }, settings);
    using halves = await prepared(mixed, settings);
    const norms: number[] = [];
    for (const on of [exact, halves]) {
      await epoch(on.trainer);
      const gradients = await on.trainer.gradients.read();
      norms.push(Math.hypot(...[...gradients.values()].flatMap((part) => [...part])));
    }
    assert.ok(Math.abs(norms[1]! / norms[0]! - 1) < 0.01, `${JSON.stringify(settings)}: ${norms}`);
    if (settings.clipNorm !== undefined) assert.ok(Math.abs(norms[1]! - 0.05) < 1e-4, `${norms}`);
  }
});

test("a step whose gradients are too large for halves changes nothing, and halves the factor", async () => {
  using on = await prepared(mixed);
  await epoch(on.trainer);
  await scale(on, { factor: 2 ** 24, good: 7, skipped: 3 });
  const before = await bits(on);
  await epoch(on.trainer);
  assert.equal(await scaleOf(on), { factor: 2 ** 20, good: 0, skipped: 7 });
  assert.equal(await bits(on), before);
  for (let i = 0; i < 4; i++) await epoch(on.trainer);
  const { factor, good, skipped } = (await scaleOf(on))!;
  // The gradients of logits are up to 1/5 of it.
  assert.ok(factor < 2 ** 19 && factor > initialFactor, `${factor}`);
  assert.is(good + skipped - 7, 16);
  assert.is(2 ** (20 - (skipped - 7)), factor);
  assert.not.equal(await bits(on), before);
});

test("the factor is doubled after 2,000 good steps in a row, up to 2^24", async () => {
  using on = await prepared(mixed);
  await scale(on, { factor: initialFactor, good: 1998, skipped: 0 });
  await epoch(on.trainer);
  assert.equal(await scaleOf(on), { factor: 2 * initialFactor, good: 2, skipped: 0 });
});

test("a training goes on from its state to the same bits, with its factor", async () => {
  using whole = await prepared(mixed);
  for (let i = 0; i < 3; i++) await epoch(whole.trainer, i);
  using first = await prepared(mixed);
  await scale(first, { factor: 2 ** 24, good: 0, skipped: 0 });
  await epoch(first.trainer, 0);
  const state = await first.trainer.saveState();
  const weights = await first.model.parameters.read();
  await epoch(first.trainer, 1);
  using again = await prepared(mixed);
  for (const [name, data] of weights) again.model.parameters.write(name, data);
  again.trainer.loadState(state);
  await epoch(again.trainer, 1);
  assert.equal(await bits(again), await bits(first));
  assert.equal(await scaleOf(again), await scaleOf(first));
  assert.is((await scaleOf(again))!.skipped > 2, true);
  // And two trainings of one seed have the same bits.
  using twin = await prepared(mixed);
  for (let i = 0; i < 3; i++) await epoch(twin.trainer, i);
  assert.equal(await bits(twin), await bits(whole));
});

test.after(closeGpus);
test.run();
