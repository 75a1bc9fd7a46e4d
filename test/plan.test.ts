import { test } from "uvu";
import * as assert from "uvu/assert";
import type { TrainConfig, UnlearnConfig } from "../src/config.ts";
import { damage } from "../src/data/scenario.ts";
import { syntheticDigits } from "../src/data/synthetic.ts";
import { type Gpu, acquireDevice } from "../src/gpu/device.ts";
import { defaultLimits, limitsOf } from "../src/gpu/dry.ts";
import { OutOfMemoryError } from "../src/gpu/errors.ts";
import { jobOn } from "../src/job.ts";
import { countsOf, formatPlan, memoryAdvice, planRun, withAdvice } from "../src/plan.ts";
import { jobTrainer } from "../src/train/run.ts";
import { startMethod } from "../src/unlearn/methods.ts";
import { closeGpus, testGpu } from "./device.ts";

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
): Promise<{ bytes: number; pictures: ReturnType<typeof countsOf> }> {
  const start = gpu.allocatedBytes;
  const pictures = syntheticDigits(60, 1, "train");
  const tests = syntheticDigits(20, 1, "test");
  const job = await jobOn(gpu, train, damage(pictures, tests, train.scenario, 1), tests);
  const trainer = await jobTrainer(job);
  let bytes = gpu.allocatedBytes;
  trainer.destroy();
  const session = await startMethod(forgetting.method, job.task(1), forgetting.settings);
  bytes = Math.max(bytes, gpu.allocatedBytes);
  session.destroy();
  job.destroy();
  return { bytes: bytes - start, pictures: countsOf({ train: pictures, test: tests }) };
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
    const { bytes, pictures } = await measured(gpu, train, method);
    const plan = await planRun({ train, unlearn: method, pictures }, limitsOf(gpu));
    const ratio = plan.peak / bytes;
    assert.ok(ratio > 0.99 && ratio < 1.01, `${train.model.name}: ${plan.peak} of ${bytes}`);
    const always = plan.rows.filter(({ phase }) => phase === "always");
    assert.ok(always.reduce((sum, row) => sum + row.bytes, 0) < plan.peak);
  }
});

const cifar = { size: 32, channels: 3, classes: 10, train: 500, test: 100 } as const;
const resnet = {
  train: { ...config, model: { name: "resnet18" } as const, batch: 128 },
  unlearn: unlearn("rewind", { batch: 64 }),
  pictures: cifar,
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
  const advice = await memoryAdvice(run, limits);
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
  const pictures = syntheticDigits(300, 1, "train");
  const tests = syntheticDigits(20, 1, "test");
  const job = await jobOn(gpu, train, damage(pictures, tests, train.scenario, 1), tests);
  const run = { train, pictures: countsOf(job) };
  let message = "";
  await withAdvice(run, limitsOf(gpu), () => jobTrainer(job)).catch((cause: Error) => {
    assert.instance(cause, OutOfMemoryError);
    ({ message } = cause);
  });
  assert.match(message, /one binding of this adapter holds 1\.0 MiB.* By the plan .*--batch \d+;/);
  const batch = Number(/--batch (\d+);/.exec(message)![1]);
  (await jobTrainer({ ...job, config: { ...train, batch } })).destroy();
  gpu.close();
});

test.after(closeGpus);
test.run();
