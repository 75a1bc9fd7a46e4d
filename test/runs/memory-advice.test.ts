import { test } from "uvu";
import * as assert from "uvu/assert";
import type { TrainConfig, UnlearnConfig } from "../../src/runs/config.ts";
import { corrupt } from "../../src/scenarios/index.ts";
import { syntheticDigits } from "../../src/data/synthetic.ts";
import { type Gpu, acquireDevice } from "../../src/gpu/device.ts";
import { defaultLimits, limitsOf } from "../../src/gpu/dry.ts";
import { OutOfMemoryError } from "../../src/errors.ts";
import { jobOn } from "../../src/runs/job.ts";
import { memoryAdvice, withAdvice } from "../../src/runs/memory-advice.ts";
import { countsOf, formatPlan, planRun } from "../../src/runs/memory-plan.ts";
import { jobTrainer } from "../../src/api/training.ts";
import { startMethod } from "../../src/unlearn/methods/index.ts";
import { inFlags } from "../../src/cli/flags.ts";
import { closeGpus, ownGpu, testGpu } from "../device.ts";

const config: TrainConfig = {
  data: { name: "synthetic" },
  scenario: { name: "label-noise", share: 0.2 },
  model: { name: "small-cnn", hidden: 64 },
  epochs: 1,
  batch: 32,
  learningRate: 1e-3,
  schedule: "cosine",
  optimizer: { name: "adam" },
  seed: 1,
};

const unlearn = (method: string, settings: Record<string, unknown>): UnlearnConfig => ({
  method,
  settings,
  rounds: 1,
  seed: 1,
});

/** Bytes a device holds while a run trains and while it unlearns, whichever is more. */
async function measured(
  gpu: Gpu,
  train: TrainConfig,
  forgetting: UnlearnConfig,
): Promise<{ bytes: number; images: ReturnType<typeof countsOf> }> {
  const start = gpu.allocatedBytes;
  const images = syntheticDigits(60, 1, "train");
  const tests = syntheticDigits(20, 1, "test");
  const job = await jobOn(gpu, train, corrupt(images, tests, train.scenario, 1), tests);
  const trainer = await jobTrainer(job);
  let bytes = gpu.allocatedBytes;
  trainer.destroy();
  const session = await startMethod(forgetting.method, job.request(1), forgetting.settings);
  const { done } = await job.evaluator(job.data);
  bytes = Math.max(bytes, gpu.allocatedBytes);
  done();
  session.destroy();
  job.destroy();
  return { bytes: bytes - start, images: countsOf({ train: images, test: tests }) };
}

test("a plan agrees with what a device allocates to 1 %", async () => {
  const gpu = await testGpu();
  for (const [train, method] of [
    [config, unlearn("rewind", { batch: 8 })],
    [{ ...config, microBatch: 8, activations: "f16" }, unlearn("salun", { learningRate: 0.01 })],
    [
      { ...config, scenario: { name: "backdoor", share: 0.2, target: 0, width: 2, value: 255 } },
      unlearn("task-vector", { learningRate: 0.01 }),
    ],
    [
      { ...config, model: { name: "resnet18-cifar" }, batch: 4, optimizer: { name: "sgd" } },
      unlearn("rewind", { batch: 4 }),
    ],
  ] satisfies [TrainConfig, UnlearnConfig][]) {
    const { bytes, images } = await measured(gpu, train, method);
    const plan = await planRun({ train, unlearn: method, images }, limitsOf(gpu));
    const ratio = plan.peak / bytes;
    assert.ok(ratio > 0.99 && ratio < 1.01, `${train.model.name}: ${plan.peak} of ${bytes}`);
    const always = plan.rows.filter(({ during }) => during === "always");
    assert.ok(always.reduce((sum, row) => sum + row.bytes, 0) < plan.peak);
  }
});

const cifar = { size: 32, channels: 3, classes: 10, train: 500, test: 100 } as const;
const resnet = {
  train: { ...config, model: { name: "resnet18" } as const, batch: 128 },
  unlearn: unlearn("rewind", { batch: 64 }),
  images: cifar,
};

test("ResNet-18 at batch 128 with 15 snapshots fits WebGPU's default limits", async () => {
  const plan = await planRun(resnet, defaultLimits);
  const bytes = (what: string): number => plan.rows.find((row) => row.what === what)!.bytes;
  assert.ok(bytes("trajectory") >= 15 * 4 * 11_165_194 && bytes("trajectory") < 680e6);
  assert.match(formatPlan(plan), /while unlearning\n(.*\n)*  trajectory +639\.\d MiB\n/);
});

test("where memory is short, the advice names the largest batch", async () => {
  const limits = { ...defaultLimits, memory: 1400 * 2 ** 20 };
  const run = { ...resnet, unlearn: undefined };
  const said = await memoryAdvice(run, limits);
  assert.match(said, /these fit: `batch=\d+`; `batch=128 microBatch=\d+`/);
  const advice = inFlags(said);
  const [, batch] = /--batch (\d+);/.exec(advice)!;
  const withBatch = (by: number) => ({
    ...run,
    train: { ...run.train, batch: Number(batch) + by },
  });
  await planRun(withBatch(0), limits);
  let error: unknown;
  await planRun(withBatch(1), limits).catch((cause) => (error = cause));
  assert.instance(error, OutOfMemoryError);
  const [, passes] = /--batch 128 --micro-batch (\d+)/.exec(advice)!;
  await planRun({ ...run, train: { ...run.train, microBatch: Number(passes) } }, limits);
  assert.is(128 % Number(passes), 0);
});

test("a device that runs out of memory gets the advice into its error", async () => {
  const gpu = await acquireDevice({ maxBinding: 2 ** 20 });
  const train = { ...config, batch: 256 };
  const images = syntheticDigits(300, 1, "train");
  const tests = syntheticDigits(20, 1, "test");
  const job = await jobOn(gpu, train, corrupt(images, tests, train.scenario, 1), tests);
  const run = { train, images: countsOf(job) };
  let message = "";
  await withAdvice(run, limitsOf(gpu), () => jobTrainer(job)).catch((cause: Error) => {
    assert.instance(cause, OutOfMemoryError);
    message = inFlags(cause.message);
  });
  assert.match(message, /one binding of this adapter holds 1\.0 MiB.* By the plan .*--batch \d+;/);
  const batch = Number(/--batch (\d+);/.exec(message)![1]);
  (await jobTrainer({ ...job, config: { ...train, batch } })).destroy();
  gpu.close();
});

const MiB = 2 ** 20;

test("evaluation leaves training the memory it needs", async () => {
  const images = { size: 64, channels: 3, classes: 200, train: 1000, test: 200 } as const;
  const run = { train: { ...config, model: { name: "pvt-v2-b0" } as const }, images };
  const { rows } = await planRun(run, defaultLimits);
  const bytes = (...activities: string[]): number =>
    rows.reduce((sum, row) => sum + (activities.includes(row.during) ? row.bytes : 0), 0);
  const needed = bytes("always", "training");
  assert.ok(needed < 200 * MiB && bytes("evaluating") > 140 * MiB, `${needed}`);
  // Three sets are measured, each in batches of 256: together they would take 440 MiB.
  for (const memory of [450 * MiB, needed]) {
    assert.is(await memoryAdvice(run, { ...defaultLimits, memory }), "");
  }
  const advice = inFlags(await memoryAdvice(run, { ...defaultLimits, memory: needed - 1 }));
  assert.match(advice, /these fit: --batch 3[01]; /);
});

test("evaluators that are held to save time are given up, and measure the same", async () => {
  const run = { train: config, images: { ...cifar, size: 28, channels: 1 } as const };
  const { peak } = await planRun(run, defaultLimits);
  assert.ok(peak > 25 * MiB);
  assert.is(await memoryAdvice(run, { ...defaultLimits, memory: 12 * MiB }), "");

  const gpu = await ownGpu();
  const images = syntheticDigits(60, 1, "train");
  const tests = syntheticDigits(20, 1, "test");
  const job = await jobOn(gpu, config, corrupt(images, tests, config.scenario, 1), tests);
  const [held, want] = [gpu.allocatedBytes, await job.evaluate()];
  for (const part of gpu.spare) part.destroy();
  const bytes = gpu.allocatedBytes;
  assert.ok(bytes < held);
  assert.equal(await job.evaluate(), want);
  assert.is(gpu.allocatedBytes, bytes);
  job.destroy();
  assert.is(gpu.spare.size, 0);
});

test("advice for a trained network names settings of unlearning only", async () => {
  const train = { ...resnet.train, model: { name: "tiny-resnet" } as const };
  const run = { ...resnet, train, trained: true };
  const limits = { ...defaultLimits, memory: 36 * MiB };
  const advice = inFlags(await memoryAdvice(run, limits));
  const [, batch] = /^By the plan these fit: --forget-batch (\d+); --set microBatch=\d+; /.exec(
    advice,
  )!;
  assert.not.match(advice, /--batch|--micro-batch|--recompute/);
  const withBatch = (by: number) =>
    planRun({ ...run, unlearn: unlearn("rewind", { batch: Number(batch) + by }) }, limits);
  await withBatch(0);
  const refused = await withBatch(1).catch((cause: unknown) => cause);
  assert.instance(refused, OutOfMemoryError);
});

test("where a method has no batch, the error stays one about memory", async () => {
  const run = { ...resnet, unlearn: unlearn("fisher", {}), trained: true };
  const limits = { ...defaultLimits, memory: 100 * MiB };
  const error = await withAdvice(run, limits, () => planRun(run, limits)).catch((e: unknown) => e);
  assert.instance(error, OutOfMemoryError);
  assert.match((error as Error).message, /^out of GPU memory: .* By the plan fisher does not fit/);
});

test("what is planned is found out only where memory runs out", async () => {
  let asked = 0;
  const run = async () => {
    asked++;
    return { ...resnet, unlearn: undefined };
  };
  assert.is(await withAdvice(run, defaultLimits, async () => 3), 3);
  assert.is(asked, 0);
  const refused = new OutOfMemoryError("out of GPU memory: none.", { memory: 200 * MiB });
  const error = await withAdvice(run, defaultLimits, () => Promise.reject(refused)).catch(
    (e: unknown) => e,
  );
  assert.is(asked, 1);
  assert.match((error as Error).message, /^out of GPU memory: none\. By the plan /);
});

test.after(closeGpus);
test.run();
