import { test } from "uvu";
import * as assert from "uvu/assert";
import type { TrainConfig } from "../../src/runs/config.ts";
import type { Arena } from "../../src/weights/arena.ts";
import type { Job } from "../../src/runs/job.ts";
import { linearPredictor } from "../../src/predictors/linear.ts";
import { type Predictor, reversedPredictor } from "../../src/predictors/predictor.ts";
import { PredictionError } from "../../src/predictors/rewinder.ts";
import {
  RewindSession,
  rewindSettings,
  type RewindSettings,
} from "../../src/unlearn/methods/rewind.ts";
import { closeGpus } from "../device.ts";
import { trainedJob } from "./trained-job.ts";

const config: TrainConfig = {
  data: { name: "synthetic", trainCount: 120, testCount: 20 },
  scenario: { name: "label-noise", share: 0.2 },
  model: { name: "small-cnn", filters: [4, 8] },
  epochs: 4,
  batch: 32,
  learningRate: 2e-3,
  schedule: "constant",
  optimizer: { name: "adam" },
  seed: 3,
};
const window = 4;
const settings = rewindSettings.parse({ learningRate: 1e-3, batch: 16 });

/** The job with its model back at the trained weights. */
const freshJob = trainedJob(config);

function open(
  job: Job,
  predictor: Predictor,
  changes: Partial<RewindSettings> = {},
): Promise<RewindSession> {
  return RewindSession.create(job.request(5), predictor, {
    ...settings,
    ...changes,
  });
}

async function bits(arena: Arena): Promise<Map<string, Uint32Array>> {
  return new Map(
    [...(await arena.read())].map(([name, data]) => [name, new Uint32Array(data.buffer)]),
  );
}

test("a round is K - 1 epochs on D_f; settings add warm-up and trailing epochs", async () => {
  const job = await freshJob();
  assert.is(job.forget.length, 24);
  for (const [changes, epochs] of [
    [{}, window - 1],
    [{ warmupEpochs: 2, trailingEpoch: true }, window + 2],
  ] as const) {
    const session = await open(job, linearPredictor(window, 3), changes);
    const round = await session.round({});
    assert.is(round.epochs.length, epochs);
    assert.is(round.steps, 2 * epochs);
    session.destroy();
  }
});

test("rewinding lowers the accuracy on the wrong labels that training reached", async () => {
  const job = await freshJob();
  const before = await job.evaluate();
  const session = await open(job, linearPredictor(window, 3));
  for (let i = 0; i < 3; i++) await session.round({});
  const after = await job.evaluate();
  assert.ok(
    after["forgetLoss"]! > before["forgetLoss"]!,
    `${before.forgetLoss} to ${after.forgetLoss}`,
  );
  session.destroy();
});

test("the same seed gives the same bits, and reads back no weight", async () => {
  const results: Map<string, Uint32Array>[] = [];
  for (let run = 0; run < 2; run++) {
    const job = await freshJob();
    const session = await open(job, linearPredictor(window, 3));
    const mapped = job.gpu.mappedBytes;
    await session.round({});
    // 32 bytes of totals an epoch and one flag a parameter.
    assert.is(job.gpu.mappedBytes - mapped, 32 * (window - 1) + 4 * job.model.slots.length);
    results.push(await bits(job.model.parameters));
    session.destroy();
  }
  assert.equal(results[0], results[1]);
});

test("a session saved after a round and loaded elsewhere continues to the same bits", async () => {
  const job = await freshJob();
  const through = await open(job, linearPredictor(window, 3));
  await through.round({});
  const weights = await job.model.save();
  const state = await through.save();
  await through.round({});
  const want = await bits(job.model.parameters);
  through.destroy();

  const resumed = await open(job, linearPredictor(window, 3));
  job.model.load(weights);
  resumed.load(state);
  const round = await resumed.round({});
  assert.is(round.round, 2);
  assert.equal(await bits(job.model.parameters), want);
  resumed.destroy();
});

test("a line ahead, shown time backwards, rewinds to the same bits as the line back", async () => {
  const ends: Map<string, Uint32Array>[] = [];
  for (const predictor of [
    linearPredictor(window, 3),
    reversedPredictor(linearPredictor(window, -3)),
  ]) {
    const job = await freshJob();
    const session = await open(job, predictor);
    await session.round({});
    ends.push(await bits(job.model.parameters));
    session.destroy();
  }
  assert.equal(ends[1], ends[0]);
});

test("what looks ahead is refused, with the way to turn it around", async () => {
  const job = await freshJob();
  try {
    await open(job, linearPredictor(window, -3));
    assert.unreachable();
  } catch (error) {
    assert.match((error as Error).message, /looks ahead; .* "reversed:" before its path/);
  }
  assert.throws(() => reversedPredictor(linearPredictor(window, 3)), /looks back already/);
});

test("kinds that are not rewound keep what fine-tuning made of them", async () => {
  const job = await freshJob();
  const start = await bits(job.model.parameters);
  // Horizon 0 from the oldest snapshot: rewound kinds return to the start exactly.
  const session = await open(job, linearPredictor(window, 0), { kinds: ["conv", "fc"] });
  await session.round({});
  const end = await bits(job.model.parameters);
  for (const { name, kind } of job.model.slots) {
    const same = JSON.stringify(start.get(name)) === JSON.stringify(end.get(name));
    assert.is(same, kind !== "bias", name);
  }
  session.destroy();
});

test("strength: that many times the predicted change, of the kinds that are rewound", async () => {
  const ends: Map<string, Float32Array>[] = [];
  for (const [horizon, strength] of [
    [6, 1],
    [3, 2],
  ] as const) {
    const job = await freshJob();
    const session = await open(job, linearPredictor(window, horizon), {
      kinds: ["conv", "fc"],
      strength,
    });
    await session.round({});
    ends.push(await job.model.parameters.read());
    session.destroy();
  }
  const job = await freshJob();
  for (const { name, kind } of job.model.slots) {
    const [longer, stronger] = ends.map((end) => end.get(name)!);
    if (kind === "bias") {
      assert.equal(stronger, longer, name);
    } else {
      // Three roundings of weights below 1 each way.
      longer!.forEach((value, i) =>
        assert.ok(Math.abs(value - stronger![i]!) < 6 * 2 ** -24, `${name}[${i}]`),
      );
    }
  }
});

test("an overflowing prediction puts the round's first weights back and names a parameter", async () => {
  const job = await freshJob();
  const start = await bits(job.model.parameters);
  // Steps of 50 a weight, continued over 3e38 epochs, leave the range of float32.
  const session = await open(job, linearPredictor(window, 3e38), { learningRate: 50 });
  try {
    await session.round({});
    assert.unreachable();
  } catch (error) {
    assert.instance(error, PredictionError);
    assert.ok((error as PredictionError).parameters.includes("head.weight"));
  }
  assert.equal(await bits(job.model.parameters), start);
  session.destroy();
});

test("an aborted round stops with an AbortError", async () => {
  const job = await freshJob();
  const session = await open(job, linearPredictor(window, 3));
  const controller = new AbortController();
  controller.abort();
  try {
    await session.round({ signal: controller.signal });
    assert.unreachable();
  } catch (error) {
    assert.is((error as Error).name, "AbortError");
  }
  session.destroy();
});

test.after(closeGpus);
test.run();
