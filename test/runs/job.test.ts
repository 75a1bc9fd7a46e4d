import { test } from "uvu";
import * as assert from "uvu/assert";
import { syntheticDigits } from "../../src/data/synthetic.ts";
import { OutOfMemoryError } from "../../src/errors.ts";
import type { Gpu } from "../../src/gpu/device.ts";
import { defaultLimits, dryGpu } from "../../src/gpu/dry.ts";
import type { TrainConfig } from "../../src/runs/config.ts";
import { type Job, jobOn } from "../../src/runs/job.ts";
import { corrupt } from "../../src/scenarios/index.ts";

const config: TrainConfig = {
  data: { name: "synthetic" },
  scenario: { name: "backdoor", share: 0.2, target: 0, width: 2, value: 255 },
  model: { name: "small-cnn", hidden: 16 },
  epochs: 1,
  batch: 16,
  learningRate: 1e-3,
  schedule: "constant",
  optimizer: { name: "adam" },
  seed: 1,
};
const images = syntheticDigits(40, 1, "train");
const tests = syntheticDigits(20, 1, "test");

function job(gpu: Gpu): Promise<Job> {
  return jobOn(gpu, config, corrupt(images, tests, config.scenario, 1), tests);
}

test("a job frees all that it allocated, and holds on to nothing on the device", async () => {
  const gpu = await dryGpu(defaultLimits);
  const made = await job(gpu);
  assert.is(gpu.spare.size, 1);
  assert.ok(gpu.allocatedBytes > 0);
  made.destroy();
  assert.is(gpu.allocatedBytes, 0);
  assert.is(gpu.spare.size, 0);
});

test("where memory runs out on the way, nothing of a job stays behind", async () => {
  const whole = await dryGpu(defaultLimits);
  const made = await job(whole);
  for (const spare of whole.spare) spare.destroy();
  const needed = whole.allocatedBytes;
  made.destroy();
  for (const share of [0, 0.2, 0.5, 0.8, 0.99]) {
    const gpu = await dryGpu({ ...defaultLimits, memory: Math.floor(share * needed) });
    const error = await job(gpu).catch((cause: unknown) => cause);
    assert.instance(error, OutOfMemoryError, `${share} of the memory needed`);
    assert.is(gpu.allocatedBytes, 0);
    assert.is(gpu.spare.size, 0);
  }
});

test("an evaluator on loan is freed when it is given back, unless it is held", async () => {
  const gpu = await dryGpu(defaultLimits);
  const made = await job(gpu);
  const held = gpu.allocatedBytes;
  (await made.evaluator(made.data)).done();
  assert.is(gpu.allocatedBytes, held);
  for (const spare of gpu.spare) spare.destroy();
  const without = gpu.allocatedBytes;
  const { done } = await made.evaluator(made.data);
  assert.ok(gpu.allocatedBytes > without && without < held);
  done();
  assert.is(gpu.allocatedBytes, without);
  made.destroy();
});

test.run();
