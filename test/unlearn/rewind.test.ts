import { test } from "uvu";
import * as assert from "uvu/assert";
import type { TrainConfig } from "../../src/runs/config.ts";
import { Arena, ArenaLayout } from "../../src/weights/arena.ts";
import type { Job } from "../../src/runs/job.ts";
import { linearPredictor } from "../../src/predictors/linear.ts";
import { type Predictor, reversedPredictor } from "../../src/predictors/predictor.ts";
import { PredictionError } from "../../src/predictors/rewinder.ts";
import {
  RewindSession,
  rewindSettings,
  type RewindSettings,
} from "../../src/unlearn/methods/rewind.ts";
import { methodSettings } from "../../src/unlearn/methods/index.ts";
import { LayerShares } from "../../src/unlearn/layer-shares.ts";
import { Random } from "../../src/random.ts";
import { closeGpus, testGpu } from "../device.ts";
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

test("layers, ranked: a layer goes a share of the predicted change, by how far fine-tuning moved it for its length", async () => {
  const strength = 2;
  const changes = { warmupEpochs: 1, strength };
  /** Weights after a round, and its snapshots. */
  const round = async (layers: "equal" | "ranked") => {
    const job = await freshJob();
    const start = await job.model.parameters.read();
    const session = await open(job, linearPredictor(window, 3), { ...changes, layers });
    await session.round({});
    const history = await session.recording.read();
    const end = await job.model.parameters.read();
    session.destroy();
    return { slots: job.model.slots, start, history, end };
  };
  const [equal, ranked] = [await round("equal"), await round("ranked")];
  /** The last snapshot of a parameter, of `window`. */
  const newest = (name: string): Float32Array => {
    const history = ranked.history.get(name)!;
    return history.subarray(history.length - history.length / window);
  };
  const layerOf = (name: string): string => name.slice(0, name.lastIndexOf("."));
  const ratios = new Map<string, [moved: number, long: number]>();
  for (const { name } of ranked.slots) {
    const sums = ratios.get(layerOf(name)) ?? [0, 0];
    ranked.start.get(name)!.forEach((value, i) => {
      sums[0] += (newest(name)[i]! - value) ** 2;
      sums[1] += value ** 2;
    });
    ratios.set(layerOf(name), sums);
  }
  const order = [...ratios].sort(([, [a, b]], [, [c, d]]) => c / d - a / b).map(([layer]) => layer);
  assert.ok(order.length >= 3, order.join(", "));
  for (const { name } of ranked.slots) {
    const share = 1 - order.indexOf(layerOf(name)) / order.length;
    const oldest = ranked.history.get(name)!;
    const [whole, part] = [equal.end.get(name)!, ranked.end.get(name)!];
    part.forEach((value, i) => {
      const want = oldest[i]! + share * (whole[i]! - oldest[i]!);
      // Roundings of weights below 1, twice the step's among them.
      assert.ok(Math.abs(value - want) < 8 * 2 ** -24, `${name}[${i}]: ${value} for ${want}`);
    });
  }
});

test("layers that go back alike are not said, so that runs begun before there was a choice go on", () => {
  for (const method of ["rewind", "linear-rewind", "random-rewind"]) {
    assert.not("layers" in methodSettings(method, {}), method);
  }
});

test("layers: sums of squares of parameters of one part and of many are those of float64", async () => {
  const gpu = await testGpu();
  const random = new Random(4);
  const sizes = [1, 63, 4096, 4097, 70_001];
  const layout = new ArenaLayout(
    sizes.map((size, i) => ({ name: `layer${i}.weight`, shape: [size], kind: "fc" })),
    gpu.maxBinding,
  );
  const arenas = await Promise.all(
    ["start", "end"].map((label) => Arena.create(gpu, layout, label)),
  );
  const [start, end] = arenas as [Arena, Arena];
  const shares = await LayerShares.create(gpu, start, end);
  // Layer i moves by its place in `order` hundredths of its length: the sums alone tell them apart.
  for (const order of [
    [0, 1, 2, 3, 4],
    [3, 0, 4, 2, 1],
  ]) {
    const tensors = layout.slots.map(({ name, size }, i) => {
      const data = Float32Array.from({ length: size }, () => random.normal());
      return { name, data, moved: data.map((value) => value * (1 + (5 - order[i]!) / 100)) };
    });
    for (const { name, data, moved } of tensors) {
      start.write(name, data);
      end.write(name, moved);
    }
    const share = await shares.measure();
    assert.equal(
      layout.slots.map(share),
      order.map((rank) => 1 - rank / 5),
    );
  }
  // What does not move has the share 1, and is not among the layers that are ranked.
  end.write("layer1.weight", (await start.read()).get("layer1.weight")!);
  assert.equal(layout.slots.map(await shares.measure()), [0.5, 1, 0.25, 0.75, 1]);
  // Of parameters that are given, those alone are ranked.
  const some = await LayerShares.create(gpu, start, end, layout.slots.slice(2));
  assert.equal(layout.slots.map(await some.measure()), [1, 1, 1 - 2 / 3, 1 - 1 / 3, 1]);
  some.destroy();
  shares.destroy();
  for (const arena of arenas) arena.destroy();
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
