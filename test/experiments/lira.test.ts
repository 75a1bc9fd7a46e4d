import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { TrainConfig } from "../../src/runs/config.ts";
import { assignTargets, type LiraProtocol, runLira } from "../../src/experiments/lira.ts";
import { methodSettings } from "../../src/unlearn/methods/index.ts";
import { closeGpus, testGpu } from "../device.ts";

const train: TrainConfig = {
  data: { name: "synthetic", trainCount: 60, testCount: 10 },
  scenario: { name: "standard", share: 0.5 },
  model: { name: "small-cnn", filters: [4, 4], hidden: 0 },
  epochs: 12,
  batch: 8,
  learningRate: 1e-2,
  schedule: "constant",
  optimizer: { name: "adam" },
  seed: 2,
};

const protocol: LiraProtocol = {
  train,
  // A step so small that nothing is forgotten.
  unlearn: {
    method: "neg-grad",
    settings: methodSettings("neg-grad", { learningRate: 1e-9, batch: 8 }),
    rounds: 1,
    seed: 2,
  },
  models: 4,
  targets: 24,
};

test("each target is in D_f of half of the models, by seed", () => {
  const inside = assignTargets(6, 20, 1);
  for (let t = 0; t < 20; t++) assert.is(inside.filter((row) => row[t]).length, 3);
  assert.equal(assignTargets(6, 20, 1), inside);
  assert.not.equal(assignTargets(6, 20, 2), inside);
});

test("what was not forgotten is found; the attack is resumable and repeats", async () => {
  const folder = mkdtempSync(join(tmpdir(), "rewind-lira-"));
  const gpu = await testGpu();
  const lines: string[] = [];
  const options = { watch: {}, log: (line: string) => lines.push(line) };
  const result = await runLira(gpu, protocol, folder, options);
  // 24 memorised images, learnt to the end by models of 60: far from a guess.
  assert.ok(result.auc.value! > 0.6, `AUC ${result.auc.value}`);
  assert.is(lines.length, 4);
  // Two models are thrown away and trained again; the others are read.
  for (const model of [2, 4]) rmSync(join(folder, `model-${model}`), { recursive: true });
  assert.equal((await runLira(gpu, protocol, folder, options)).scores, result.scores);
  rmSync(folder, { recursive: true });
});

test("a model that has none of few targets has nothing to forget", async () => {
  const targets = 2;
  const seed = Array.from({ length: 100 }, (_, i) => i).find((one) =>
    assignTargets(4, targets, one).some((inside) => !inside.includes(true)),
  )!;
  const folder = mkdtempSync(join(tmpdir(), "rewind-lira-"));
  const few = { ...protocol, targets, train: { ...train, seed, epochs: 1 } };
  const result = await runLira(await testGpu(), few, folder, { watch: {}, log: () => {} });
  assert.equal(
    result.scores.map((row) => row.length),
    [2, 2, 2, 2],
  );
  rmSync(folder, { recursive: true });
});

test("too few models, and targets that leave nothing, are refused", async () => {
  const gpu = await testGpu();
  for (const [changes, message] of [
    [{ models: 3 }, /four shadow models or more, got 3/],
    [{ targets: 60 }, /60 targets of 60 training images/],
    [{ targets: 1 }, /1 targets of 60 training images; two are needed/],
  ] as const) {
    try {
      await runLira(gpu, { ...protocol, ...changes }, "nowhere", { watch: {}, log: () => {} });
      assert.unreachable();
    } catch (error) {
      assert.match((error as Error).message, message);
    }
  }
});

test.after(closeGpus);
test.run();
