import { test } from "uvu";
import * as assert from "uvu/assert";
import { GpuError } from "../../src/gpu/errors.ts";
import {
  baselineScores,
  drawWindows,
  fitDefaults,
  fitInvWnn,
  type FitSettings,
  type Windows,
} from "../../src/predict/fit.ts";
import { invWnnPredictor } from "../../src/predict/invwnn.ts";
import { invWnnSpec } from "../../src/predict/invwnn-weights.ts";
import { fromTensors } from "../../src/predict/two-stream.ts";
import { predictHistories } from "../../src/predict/predictor.ts";
import { type Recording, recordTraining, type RecordSettings } from "../../src/predict/record.ts";
import { Random } from "../../src/random.ts";
import { closeGpus, testGpu } from "../device.ts";

const window = 5;
const horizon = 3;
const row = window + (window - 1) + 2;

async function errorOf(work: () => unknown): Promise<Error> {
  try {
    await work();
  } catch (error) {
    return error as Error;
  }
  throw new Error("did not fail");
}

/** Weights that decay towards their limits, as weights of a training that converges do. */
function decays(seed: number, size: number): Recording {
  const random = new Random(seed);
  const length = window + horizon;
  const snapshots = new Float32Array(length * size);
  for (let i = 0; i < size; i++) {
    const [limit, start] = [0.2 * random.normal(), 0.02 * random.normal()];
    const rate = 0.05 + 0.2 * random.float();
    for (let k = 0; k < length; k++) snapshots[k * size + i] = limit + start * Math.exp(-rate * k);
  }
  return {
    training: seed,
    phase: "train",
    learningRate: 1e-3,
    name: `decays ${seed}`,
    kind: "fc",
    size,
    snapshots,
  };
}

const options = { window, horizon, perRecording: 600, seed: 4 };
const training = drawWindows([decays(1, 600)], { ...options, mirror: true });
const heldOut = drawWindows([decays(2, 300)], options);
const settings: FitSettings = { ...fitDefaults, epochs: 4, batch: 64 };

// ---- Windows. ----

/** One weight that goes 8, 4, 2, 1 … and one that never moves. */
const halving: Recording = {
  ...decays(1, 1),
  size: 2,
  snapshots: Float32Array.from({ length: 2 * (window + horizon) }, (_, i) =>
    i % 2 === 1 ? 7 : 2 ** (3 - (i >> 1)),
  ),
};

test("a window is newest first, its differences, the residual to three epochs before, its weight", () => {
  const { rows, count } = drawWindows([halving], options);
  assert.is(count, 1, "the weight that never moves is left out");
  const values = [1 / 16, 1 / 8, 1 / 4, 1 / 2, 1];
  const differences = [1 / 16, 1 / 8, 1 / 4, 1 / 2];
  // 8 three epochs before the oldest, which is 1; the mean step is 15/64.
  assert.equal([...rows], [...values, ...differences, 7, Math.fround(64 / 15)]);
});

test("mirrored windows turn every sign but the weight's", () => {
  const { rows, count } = drawWindows([halving], { ...options, mirror: true });
  assert.is(count, 2);
  for (let i = 0; i < row; i++) {
    assert.is(rows[row + i], i === row - 1 ? rows[i] : -rows[i]!);
  }
});

test("baselines in epochs of movement: a straight line is exact for linear, and 3 off for no change", () => {
  const line: Recording = {
    ...decays(1, 1),
    snapshots: Float32Array.from({ length: window + horizon }, (_, k) => 1 + k / 64),
  };
  const { linear, constant } = baselineScores(drawWindows([line], options));
  assert.ok(Math.abs(linear) < 1e-6, `${linear}`);
  assert.ok(Math.abs(constant - 3) < 1e-6, `${constant}`);
});

test("windows that cannot be drawn are refused", () => {
  const draw = (changes: object): (() => Windows) => {
    return () => drawWindows([decays(3, 2)], { ...options, ...changes });
  };
  assert.throws(draw({ window: 1 }), /window must be an integer of at least 2, got 1/);
  assert.throws(draw({ horizon: 0 }), /horizon must be an integer of at least 1, got 0/);
  assert.throws(draw({ perRecording: 0.5 }), /perRecording must be an integer .*, got 0\.5/);
  assert.throws(draw({ window: 6 }), /recording of "decays 3": 8 snapshots, 9 needed/);
});

// ---- Fitting. ----

test("fitting lowers the held-out error below that of predicting no change", async () => {
  const gpu = await testGpu();
  const bytes = gpu.allocatedBytes;
  const { tensors, scores } = await fitInvWnn(gpu, training, heldOut, settings);
  assert.is(gpu.allocatedBytes, bytes, "all memory is given back");
  const { constant, linear } = baselineScores(heldOut);
  assert.equal(
    [scores.constantRelative, scores.linearRelative, scores.windows],
    [constant, linear, 300],
  );
  assert.ok(scores.relative < 0.5 * constant, `${scores.relative} against ${constant}`);

  // The fused kernel of the same weights makes the error that the fit reported.
  const weights = fromTensors(invWnnSpec, tensors);
  const predictor = invWnnPredictor(
    "x",
    { all: { weights, source: "x" } },
    {
      horizon,
      base: "oldest",
    },
  );
  const of = (i: number): Float32Array => heldOut.rows.subarray(i * row, (i + 1) * row);
  const histories = Array.from({ length: heldOut.count }, (_, i) =>
    [...of(i).subarray(0, window)].reverse(),
  );
  const { residual } = await predictHistories(gpu, predictor, predictor.sets[0]!, histories);
  const error = histories.reduce(
    (sum, _, i) => sum + Math.abs(residual[i]! - of(i)[row - 2]!) * of(i)[row - 1]!,
    0,
  );
  const mean = error / heldOut.count;
  assert.ok(Math.abs(mean - scores.relative) < 1e-3 * mean, `${mean}, fit ${scores.relative}`);
  for (const [name, { data }] of tensors) {
    if (name.endsWith(".bias"))
      assert.ok(
        data.every((v) => v === 0),
        name,
      );
  }
});

test("the same seed gives the same bits, another seed others", async () => {
  const gpu = await testGpu();
  const short = { ...settings, epochs: 1, batch: 256 };
  const fit = async (seed: number): Promise<Float32Array> => {
    const { tensors } = await fitInvWnn(gpu, training, heldOut, { ...short, seed });
    return tensors.get("difference.first.weight")!.data;
  };
  const first = await fit(3);
  assert.equal(await fit(3), first);
  assert.not.equal(await fit(4), first);
});

test("an interrupted fit stops with an AbortError", async () => {
  const signal = AbortSignal.abort();
  const error = await errorOf(async () =>
    fitInvWnn(await testGpu(), training, heldOut, settings, { signal }),
  );
  assert.is(error.name, "AbortError");
});

test("bad settings are refused before anything is allocated", async () => {
  const gpu = await testGpu();
  const bytes = gpu.allocatedBytes;
  const still = drawWindows([{ ...halving, snapshots: new Float32Array(16) }], options);
  const wide = drawWindows([decays(5, 4)], { ...options, window: 4, horizon: 4 });
  const cases: [Windows, Windows, Partial<FitSettings>, RegExp][] = [
    [still, heldOut, {}, /no training windows: no recorded weight moved/],
    [training, still, {}, /no held-out windows/],
    [training, wide, {}, /window 5 and horizon 3, held-out ones 4 and 4/],
    [training, heldOut, { epochs: 0 }, /epochs must be an integer of at least 1, got 0/],
    [training, heldOut, { batch: 0.5 }, /batch must be an integer of at least 1, got 0\.5/],
    [training, heldOut, { learningRate: 0 }, /learningRate must be finite and above 0, got 0/],
    [training, heldOut, { learningRate: NaN }, /learningRate .* got NaN/],
    [training, heldOut, { kernelL1: -1 }, /kernelL1 must be finite and 0 or more, got -1/],
  ];
  for (const [train, held, changes, message] of cases) {
    const error = await errorOf(() => fitInvWnn(gpu, train, held, { ...settings, ...changes }));
    assert.instance(error, GpuError);
    assert.match(error.message, message);
  }
  assert.is(gpu.allocatedBytes, bytes);
});

// ---- Recording. ----

const small: RecordSettings = {
  seed: 6,
  filters: [2, 4],
  hidden: 0,
  pictures: 60,
  mislabel: 0.2,
  batch: 16,
  optimizer: { name: "adam" },
  learningRate: 1e-3,
  epochs: 1,
  fineTuneRates: [1e-4, 1e-3],
};

test("a recorded training gives one window of each phase for every parameter", async () => {
  const gpu = await testGpu();
  const bytes = gpu.allocatedBytes;
  const length = 4;
  const recordings = await recordTraining(gpu, small, length);
  assert.is(gpu.allocatedBytes, bytes, "all memory is given back");
  // By kind, as the trajectory keeps them.
  const sizes = {
    "conv1.weight": ["conv", 3 * 3 * 1 * 2],
    "conv2.weight": ["conv", 3 * 3 * 2 * 4],
    "head.weight": ["fc", 7 * 7 * 4 * 10],
    "conv1.bias": ["bias", 2],
    "conv2.bias": ["bias", 4],
    "head.bias": ["bias", 10],
  };
  const phases = [
    ["train", 1e-3],
    ["fine-tune", 1e-4],
    ["fine-tune", 1e-3],
  ] as const;
  assert.equal(
    recordings.map(({ phase, learningRate, name, kind, size, snapshots, training: seed }) => ({
      ...{ phase, learningRate, name, kind, size, seed },
      floats: snapshots.length,
    })),
    phases.flatMap(([phase, learningRate]) =>
      Object.entries(sizes).map(([name, [kind, size]]) => ({
        ...{ phase, learningRate, name, kind, size, seed: 6 },
        floats: length * (size as number),
      })),
    ),
  );
  const part = (index: number, k: number): Float32Array => {
    const { snapshots, size } = recordings[index]!;
    return snapshots.subarray(k * size, (k + 1) * size);
  };
  for (let i = 0; i < 6; i++) {
    // Fine-tuning starts, at each rate, from the weights the training ended with.
    assert.equal(part(6 + i, 0), part(i, length - 1));
    assert.equal(part(12 + i, 0), part(i, length - 1));
    assert.not.equal(part(12 + i, 1), part(6 + i, 1), "rates differ");
    for (let k = 1; k < length; k++) assert.not.equal(part(i, k), part(i, k - 1));
  }
  const again = await recordTraining(gpu, small, length);
  assert.equal(again, recordings, "the same seed gives the same bits");
});

test.after(closeGpus);
test.run();
