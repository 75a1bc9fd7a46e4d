// Runs in folders: interrupted anywhere and started again, they end with the same bits.
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { TrainConfig, UnlearnConfig } from "../../src/runs/config.ts";
import { type Job, prepareJob } from "../../src/runs/job.ts";
import { DataError } from "../../src/errors.ts";
import { writeSafetensors } from "../../src/io/safetensors.ts";
import { parseCheckpoint } from "../../src/io/checkpoint.ts";
import { readSealed, writeSealed } from "../../src/io/seal.ts";
import type { Tensors } from "../../src/nn/model.ts";
import { RunFolder } from "../../src/report/run-folder.ts";
import { loadTrained, trainInFolder } from "../../src/runs/train-run.ts";
import { unlearnInFolder, unlearningFile, type UnlearnResult } from "../../src/runs/unlearn-run.ts";
import { trainJob } from "../../src/api/training.ts";
import { methods } from "../../src/unlearn/methods/index.ts";
import { closeGpus, testGpu } from "../device.ts";

const root = mkdtempSync(`${tmpdir()}/rewind-resume-`);
const result = "checkpoint.safetensors";
// Everything that depends on the step or the epoch: moments, bias corrections, schedule, augmentation.
const config: TrainConfig = {
  data: { name: "synthetic", trainCount: 60, testCount: 20 },
  scenario: { name: "label-noise", share: 0.2 },
  model: { name: "small-cnn", filters: [2, 4] },
  epochs: 4,
  batch: 16,
  learningRate: 2e-3,
  schedule: "cosine",
  optimizer: { name: "adam", weightDecay: 1e-3 },
  augment: { rotation: 15, shift: 0.1, flip: 0.5 },
  seed: 3,
};

class Stop extends Error {}

/** A folder as a new process opens it. */
async function open(name: string, settings: unknown = config): Promise<RunFolder> {
  return (await RunFolder.start(`${root}/${name}`, settings)).folder;
}

/** Runs work on a job as a new process makes it, with nothing left from an earlier one. */
async function onFreshJob<T>(work: (job: Job) => Promise<T>, changes: object = {}): Promise<T> {
  const job = await prepareJob(await testGpu(), { ...config, ...changes });
  try {
    return await work(job);
  } finally {
    job.destroy();
  }
}

type TrainOptions = Parameters<typeof trainInFolder>[3];

async function train(name: string, options: TrainOptions = {}): Promise<void> {
  const folder = await open(name);
  await onFreshJob((job) => trainInFolder(folder, job, result, { saveEveryMs: 0, ...options }));
}

/** Runs work that must be stopped by what `how` throws. */
async function stopped(work: Promise<unknown>, name: string): Promise<void> {
  try {
    await work;
  } catch (error) {
    const { name: found, constructor, stack } = error as Error;
    assert.ok(found === name || constructor.name === name, stack);
    return;
  }
  assert.unreachable("was not interrupted");
}

const bytes = (name: string): Buffer => readFileSync(`${root}/${name}/${result}`);

/** Lines of metrics.jsonl, without the times. */
async function metrics(name: string, settings: unknown = config): Promise<unknown[]> {
  const lines = await (await open(name, settings)).metrics();
  return lines.map((line) => ({ ...line, seconds: undefined }));
}

// ---- Training. ----

test("a training stopped in an epoch's report goes on from its last save to the same bits", async () => {
  await train("whole");
  assert.equal(
    (await metrics("whole")).map((line) => (line as { epoch: number }).epoch),
    [1, 2, 3, 4],
  );
  // The line of epoch 3 is written by then, its state is not.
  const onEpoch = (line: object): void => {
    if ((line as { epoch: number }).epoch === 3) throw new Stop();
  };
  await stopped(train("reported", { onEpoch }), "Stop");
  assert.is((await metrics("reported")).length, 3);
  const seen: unknown[] = [];
  await train("reported", { onEpoch: (line) => seen.push(line) });
  assert.is(seen.length, 2, "epochs 1 and 2 are not trained again");
  assert.equal(bytes("reported"), bytes("whole"));
  assert.equal(await metrics("reported"), await metrics("whole"));
});

test("a training aborted after an epoch, then within one, ends with the same bits", async () => {
  // A process begins with a submit of two steps, so that its first report comes within an epoch.
  for (const part of [0.4, 0]) {
    const controller = new AbortController();
    const progress = (done: number, total: number): void => {
      if (done >= part * total) controller.abort();
    };
    const { signal } = controller;
    await stopped(train("aborted", { watch: { signal, progress } }), "AbortError");
    assert.not(readdirSync(`${root}/aborted`).includes(result));
  }
  await train("aborted");
  assert.equal(bytes("aborted"), bytes("whole"));
  assert.equal(await metrics("aborted"), await metrics("whole"));
});

test("a training stopped before its first save starts over, without doubled lines", async () => {
  const onEpoch = (line: object): void => {
    if ((line as { epoch: number }).epoch === 2) throw new Stop();
  };
  await stopped(train("unsaved", { onEpoch, saveEveryMs: Infinity }), "Stop");
  assert.equal(readdirSync(`${root}/unsaved`).sort(), ["config.json", "metrics.jsonl"]);
  await train("unsaved", { saveEveryMs: Infinity });
  assert.equal(bytes("unsaved"), bytes("whole"));
  assert.equal(await metrics("unsaved"), await metrics("whole"));
});

test("a training of diffusion goes on to the same bits, with its noise and the average of its weights", async () => {
  const changes = {
    data: { name: "synthetic", trainCount: 12, testCount: 4, size: 8 },
    scenario: { name: "standard", share: 0.2 },
    model: { name: "unet", widths: [4, 8], depth: 1, embedding: 4 },
    task: "diffusion",
    average: 0.9,
    epochs: 3,
    batch: 4,
  };
  const run = async (name: string, options: TrainOptions = {}): Promise<void> => {
    const folder = await open(name, { ...config, ...changes });
    const settings = { saveEveryMs: 0, ...options };
    await onFreshJob((job) => trainInFolder(folder, job, result, settings), changes);
  };
  await run("drawn");
  const onEpoch = (line: object): void => {
    if ((line as { epoch: number }).epoch === 2) throw new Stop();
  };
  await stopped(run("drawn-stopped", { onEpoch }), "Stop");
  await run("drawn-stopped");
  assert.equal(bytes("drawn-stopped"), bytes("drawn"));
  const lines = await metrics("drawn", { ...config, ...changes });
  assert.equal(await metrics("drawn-stopped", { ...config, ...changes }), lines);
  assert.not(lines.some((line) => "accuracy" in (line as object)));
  // What the checkpoint holds of the average is not the weights.
  const { average, tensors } = parseCheckpoint(await readSealed(bytes("drawn"), result), result);
  const [averaged, weights] = [average!, tensors].map((of) => of.get("head.weight")!.data);
  assert.ok(averaged!.some((value, i) => value !== weights![i]));
  await onFreshJob(async (job) => {
    await trainInFolder(await open("drawn", { ...config, ...changes }), job, result);
    assert.equal((await job.average!.model.save()).get("head.weight")!.data, averaged);
  }, changes);
});

test("a finished training is loaded, not repeated, and its state file is gone", async () => {
  assert.equal(
    readdirSync(`${root}/whole`).sort(),
    [result, "config.json", "metrics.jsonl"].sort(),
  );
  const folder = await open("whole");
  const before = bytes("whole");
  await onFreshJob(async (job) => {
    await trainInFolder(folder, job, result, { onEpoch: () => assert.unreachable() });
    const want = (await folder.readCheckpoint(result))!.tensors;
    for (const [name, { data }] of await job.model.save()) {
      assert.equal(data, want.get(name)!.data, name);
    }
  });
  assert.equal(bytes("whole"), before);
});

test("a checkpoint of another network is refused with both names", async () => {
  const folder = await open("whole");
  const other = { model: { name: "small-cnn", filters: [3, 4] } };
  await onFreshJob(async (job) => {
    try {
      await loadTrained(folder, job, result);
      assert.unreachable();
    } catch (error) {
      const { message } = error as Error;
      assert.match(message, /holds model small-cnn\(2-4, .*, this run has small-cnn\(3-4, /);
    }
  }, other);
});

/** A training with its state after epoch 2 saved, as a kill in epoch 3 leaves it. */
async function halfTrained(name: string): Promise<string> {
  const onEpoch = (line: object): void => {
    if ((line as { epoch: number }).epoch === 3) throw new Stop();
  };
  await stopped(train(name, { onEpoch }), "Stop");
  return `${root}/${name}/training-state.safetensors`;
}

async function refusal(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    assert.instance(error, DataError, (error as Error).stack);
    return (error as Error).message;
  }
  return assert.unreachable("was not refused") as never;
}

test("a state that is cut, flipped, unsealed or says what cannot be is refused; without it the run starts over", async () => {
  const file = await halfTrained("damaged");
  const good = readFileSync(file);
  const { tensors, metadata } = await readSealed(good);
  const { model: _, ...rest } = metadata;
  const flipped = good.slice();
  flipped[flipped.length - 5]! ^= 4;
  const [first] = tensors.keys();
  const without = new Map([...tensors].filter(([name]) => name !== first));
  for (const [bytes, says] of [
    [good.subarray(0, 1000), /damaged .*cut short/],
    [flipped, /damaged .*SHA-256 is another/],
    [writeSafetensors(tensors, metadata), /no digest/],
    [await writeSealed(tensors, { ...metadata, epoch: "99" }), /epoch/],
    [await writeSealed(tensors, { ...metadata, epoch: "1.5" }), /epoch/],
    [await writeSealed(tensors, { ...metadata, epoch: "4" }), /epoch/],
    [await writeSealed(tensors, { ...metadata, step: "-1" }), /step/],
    [await writeSealed(tensors, { ...metadata, moments: "3" }), /moment 3 does not fit/],
    [await writeSealed(tensors, rest), /holds model \(unnamed\)/],
    [await writeSealed(without, metadata), /fit/],
  ] as const) {
    writeFileSync(file, bytes);
    const message = await refusal(train("damaged"));
    assert.match(message, says);
    assert.ok(message.includes("training-state.safetensors"), message);
  }
  rmSync(file);
  await train("damaged");
  assert.equal(bytes("damaged"), bytes("whole"));
});

test("an interrupted training saves its last whole epoch, and one that is short is finished first", async () => {
  const epochs: number[] = [];
  const controller = new AbortController();
  const watch = {
    signal: controller.signal,
    // In the third epoch of four: the state was not saved before.
    progress: (done: number, total: number) => {
      if (done > total / 2) controller.abort();
    },
  };
  const onEpoch = (line: object): void => void epochs.push((line as { epoch: number }).epoch);
  await stopped(train("kept", { saveEveryMs: Infinity, watch, onEpoch }), "AbortError");
  assert.equal(epochs, [1, 2, 3]);
  assert.ok(readdirSync(`${root}/kept`).includes("training-state.safetensors"));
  const fast = await prepareJob(await testGpu({ precision: "fast" }), config);
  const other = trainInFolder(await open("kept"), fast, result, { saveEveryMs: Infinity });
  await stopped(other, "UsageError");
  fast.destroy();
  await train("kept", { saveEveryMs: Infinity, onEpoch });
  assert.equal(epochs, [1, 2, 3, 4]);
  assert.equal(bytes("kept"), bytes("whole"));
});

// ---- Unlearning. ----

const rounds = (lines: readonly unknown[]): number[] =>
  lines.map((line) => (line as { round: number }).round);

let trained: Tensors | undefined;

/** The trained weights, the same for every method. */
async function trainedTensors(): Promise<Tensors> {
  trained ??= await onFreshJob(async (job) => {
    await trainJob(job);
    return job.model.save();
  });
  return trained;
}

// What keeps rounds short; all else as each method has it.
const shorter: Record<string, UnlearnConfig["settings"]> = {
  rewind: { learningRate: 1e-6 },
  "random-rewind": { learningRate: 1e-6 },
  "task-vector": { epochs: 2 },
  retrain: { epochs: 3 },
};

const unlearnConfig = (method: string): UnlearnConfig => ({
  method,
  settings: shorter[method] ?? {},
  rounds: 2,
  seed: 5,
});

async function forget(
  name: string,
  unlearning: UnlearnConfig,
  options: Parameters<typeof unlearnInFolder>[3] = {},
): Promise<UnlearnResult> {
  const tensors = await trainedTensors();
  const folder = await open(name, unlearning);
  let result: UnlearnResult;
  await onFreshJob(async (job) => {
    job.model.load(tensors);
    result = await unlearnInFolder(folder, job, unlearning, options);
  });
  return result!;
}

for (const method of methods.names) {
  test(`${method} killed in its second round goes on to the same bits`, async () => {
    const unlearning = unlearnConfig(method);
    const [whole, killed] = [`${method}-whole`, `${method}-killed`];
    // The folder as a crash would leave it: round 2 is written down, its state is not saved.
    const onRound = ({ round }: { round: number }): void => {
      if (round === 2) cpSync(`${root}/${whole}`, `${root}/${killed}`, { recursive: true });
    };
    assert.is((await forget(whole, unlearning, { onRound })).secondsBefore, 0);
    assert.ok(readdirSync(`${root}/${killed}`).includes(unlearningFile));
    assert.equal(rounds(await metrics(killed, unlearning)), [0, 1, 2]);
    const seen: number[] = [];
    const again = await forget(killed, unlearning, { onRound: ({ round }) => seen.push(round) });
    assert.is(again.secondsBefore, again.history[1]!.seconds);
    assert.equal(bytes(killed), bytes(whole));
    assert.equal(await metrics(killed, unlearning), await metrics(whole, unlearning));
    assert.equal(seen, [0, 1, 2], "every round is reported once");
  });
}

test("a state of rounds that the run does not have is refused", async () => {
  const unlearning = unlearnConfig("neg-grad");
  const onRound = ({ round }: { round: number }): void => {
    if (round === 2) cpSync(`${root}/stated`, `${root}/stated-killed`, { recursive: true });
  };
  await forget("stated", unlearning, { onRound });
  const file = `${root}/stated-killed/${unlearningFile}`;
  const { tensors, metadata } = await readSealed(readFileSync(file));
  for (const [changes, says] of [
    [{ round: "3" }, /round/],
    [{ round: "0" }, /round/],
    [{ optimizerStep: "NaN" }, /optimizerStep/],
    [{ round: "2" }, /3 rounds|round 0/],
  ] as const) {
    writeFileSync(file, await writeSealed(tensors, { ...metadata, ...changes }));
    if ("round" in changes && changes.round === "2") {
      const log = `${root}/stated-killed/metrics.jsonl`;
      writeFileSync(log, readFileSync(log, "utf8").split("\n").slice(1).join("\n"));
    }
    assert.match(await refusal(forget("stated-killed", unlearning)), says);
  }
});

test("an unlearning aborted within a round goes on to the same bits", async () => {
  const unlearning = unlearnConfig("linear-rewind");
  const controller = new AbortController();
  let reported = 0;
  await stopped(
    forget("aborted-round", unlearning, {
      onRound: () => reported++,
      watch: {
        signal: controller.signal,
        // Round 0 and 1 are reported; the second round is at work.
        progress: (done, total) => reported === 2 && done > total / 2 && controller.abort(),
      },
    }),
    "AbortError",
  );
  await forget("aborted-round", unlearning);
  assert.equal(bytes("aborted-round"), bytes("linear-rewind-whole"));
  assert.equal(
    await metrics("aborted-round", unlearning),
    await metrics("linear-rewind-whole", unlearning),
  );
});

test.after(async () => {
  rmSync(root, { recursive: true, force: true });
  await closeGpus();
});
test.run();
