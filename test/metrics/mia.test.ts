// The membership attack on real networks: one that memorised D_f, and one that never saw it.
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { TrainConfig } from "../../src/runs/config.ts";
import { corrupt } from "../../src/scenarios/index.ts";
import { type Job, jobOn } from "../../src/runs/job.ts";
import { Random } from "../../src/random.ts";
import type { Final } from "../../src/metrics/final.ts";
import { measureFinal } from "../../src/metrics/measure.ts";
import { trainJob } from "../../src/api/training.ts";
import { startMethod } from "../../src/unlearn/methods/index.ts";
import { closeGpus, testGpu } from "../device.ts";

const config: TrainConfig = {
  data: { name: "synthetic" },
  scenario: { name: "standard", share: 0.4 },
  model: { name: "small-cnn", filters: [8, 16], hidden: 0 },
  epochs: 40,
  batch: 16,
  learningRate: 1e-2,
  schedule: "constant",
  optimizer: { name: "adam" },
  seed: 3,
};

/** Images of noise with labels drawn at random: they can be memorised, and nothing else. */
function noise(count: number, seed: number) {
  const random = new Random(seed);
  const [side, classes] = [8, 10];
  return {
    name: "noise",
    classes: Array.from({ length: classes }, (_, c) => `${c}`),
    height: side,
    width: side,
    channels: 1 as const,
    count,
    pixels: Uint8Array.from({ length: count * side * side }, () => random.int(256)),
    labels: Uint16Array.from({ length: count }, () => random.int(classes)),
  };
}

/** The network's final metrics after training on everything, and after training on D_r alone. */
async function both(): Promise<{ job: Job; memorised: Final; fresh: Final }> {
  const [train, test] = [noise(60, 1), noise(60, 2)];
  const job = await jobOn(await testGpu(), config, corrupt(train, test, config.scenario, 3), test);
  await trainJob(job);
  const memorised = await measureFinal(job);
  const { epochs, batch, learningRate, optimizer, schedule } = config;
  const recipe = { epochs, epochsPerRound: epochs, batch, learningRate, optimizer, schedule };
  const retrain = await startMethod("retrain", job.request(7), recipe);
  await retrain.round({});
  retrain.destroy();
  return { job, memorised, fresh: await measureFinal(job) };
}

test("D_f is known to the network that memorised it, and unknown to one that never saw it", async () => {
  const { job, memorised, fresh } = await both();
  // Trained on alike, D_f is called by its labels as surely as D_r: next to none of it is a non-member.
  assert.equal([memorised.accuracies["UA"]!.value, memorised.accuracies["RA"]!.value], [0, 100]);
  assert.ok(memorised.mia!.attacks.confidence.value! < 5);
  assert.ok(memorised.mia!.auc.value! > 0.95);
  assert.not(memorised.mia!.overForgetting);
  // Labels the network has never seen are nothing to it: D_f is as the test samples are.
  const { attacks, auc, memberIntervals, overForgetting } = fresh.mia!;
  assert.is(fresh.accuracies["RA"]!.value, 100);
  assert.ok(Math.abs(auc.value! - 0.5) < 4 * auc.standardError, `${auc.value}`);
  assert.not(overForgetting);
  // A label drawn from 10 classes has a probability of 0.1 on average, whatever the network says, so at
  // most 1 in 10 t exceeds t. Members lie above one t.
  const [[t, end]] = memberIntervals as [[number, number]];
  assert.is(memberIntervals.length, 1);
  assert.ok(t >= 0.5 && end === 1, `members from ${t} to ${end}`);
  const share = 1 / (10 * t);
  const error = Math.sqrt((share * (1 - share)) / job.forget.length);
  const least = 100 * (1 - share - 3 * error);
  assert.ok(least > 50);
  assert.ok(attacks.confidence.value! >= least, `${attacks.confidence.value}, at least ${least}`);
  job.destroy();
});

test.after(closeGpus);
test.run();
