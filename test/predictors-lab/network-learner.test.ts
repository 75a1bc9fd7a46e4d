// InvWNN learnt end to end: its derivative against finite differences of the float64 network.
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { RecordedRound } from "../../src/predictors-lab/downstream/meta-gradient.ts";
import { NetworkLearner } from "../../src/predictors-lab/network-learner.ts";
import { linearPredictor } from "../../src/predictors/linear.ts";
import { type InvWnnWeights, invWnnSpec } from "../../src/predictors/invwnn/weights.ts";
import { fromTensors } from "../../src/predictors/two-stream.ts";
import { Random } from "../../src/random.ts";
import { predictReference } from "../predictors/invwnn-float64.ts";
import { closeGpus, testGpu } from "../device.ts";

/** A tensor of `size` weights that walk for 15 snapshots, and its slope. */
function walk(random: Random, size: number): { history: Float32Array; slope: Float64Array } {
  const history = new Float32Array(15 * size);
  for (let i = 0; i < size; i++) {
    let at = 0.3 * random.normal();
    for (let k = 0; k < 15; k++) history[k * size + i] = at += 0.05 * random.normal() + 0.02;
  }
  return { history, slope: Float64Array.from({ length: size }, () => random.normal()) };
}

test("the derivative of where rounds lead is that of finite differences in float64", async () => {
  using learner = await NetworkLearner.create(await testGpu());
  const random = new Random(3);
  // Kinds of tensor in an order of their own, two of them of one set; no weight of the first round is that of the second.
  const kinds = [4, 0, 1, 2, 3].map((row, i) => ({ name: `tensor ${i}`, row, size: 3 + 2 * i }));
  const slopes = new Map<string, Float64Array>();
  const rounds: RecordedRound[] = [1.5, 0.4].map((strength) => ({
    strength,
    tensors: kinds.map(({ name, row, size }) => {
      const { history, slope } = walk(random, size);
      if (!slopes.has(name)) slopes.set(name, slope);
      return { name, row, history, gradients: [] };
    }),
  }));
  const values = learner.start.map((value) => value + 0.03 * random.normal());
  const got = await learner.gradient(rounds, values, slopes, 1);
  assert.is(got.length, values.length);
  // Which number is where in the files.
  const places = learner.files(values.map((_, i) => i));
  for (const [index, rows] of [[0, 1], [2, 3], [4]].entries()) {
    const { tensors } = learner.files(values)[index]!;
    const learnt = [...places[index]!.tensors].filter(([name]) => name.endsWith(".weight"));
    const along = new Map(
      learnt.map(([name, { data }]) => [name, Float64Array.from(data, () => random.normal())]),
    );
    const at = (reach: number): number => {
      const moved = new Map(
        [...tensors].map(([name, { shape, data }]) => {
          const direction = along.get(name);
          const wide = Float64Array.from(data, (w, i) => w + reach * (direction?.[i] ?? 0));
          return [name, { shape, data: wide as unknown as Float32Array }];
        }),
      );
      const weights: InvWnnWeights = fromTensors(invWnnSpec, moved);
      let sum = 0;
      for (const { tensors: of, strength } of rounds) {
        for (const { name, history } of of.filter(({ row }) => rows.includes(row))) {
          slopes.get(name)!.forEach((slope, i, { length }) => {
            const steps = Array.from({ length: 15 }, (_, k) => history[k * length + i]!);
            sum += strength * slope * predictReference(weights, steps);
          });
        }
      }
      return sum;
    };
    const want = (at(1e-6) - at(-1e-6)) / 2e-6;
    let [sum, size] = [0, 0];
    for (const [name, { data }] of learnt) {
      data.forEach((place, i) => {
        const term = got[place]! * along.get(name)![i]!;
        sum += term;
        size += term ** 2;
      });
    }
    // Derivatives of a few dozen residuals in float32, each with some hundred roundings.
    assert.ok(Math.abs(sum - want) < 1e-4 * Math.sqrt(size), `${index}: ${sum}, ${want}, ${size}`);
    assert.ok(Math.abs(want) > 0.01 * Math.sqrt(size), `${want} of ${size}`);
  }
  // The same bits from the same seed, and biases stay.
  assert.equal(await learner.gradient(rounds, values, slopes, 1), got);
  const [before, after] = [learner.start, values].map((of) => learner.files(of)[0]!.tensors);
  assert.equal(after!.get("value.first.bias"), before!.get("value.first.bias"));
});

test("of many weights some are drawn, and stand for all", async () => {
  using learner = await NetworkLearner.create(await testGpu());
  const { history } = walk(new Random(5), 1);
  const round = (size: number): RecordedRound => {
    const all = Float32Array.from({ length: 15 * size }, (_, i) => history[Math.floor(i / size)]!);
    return { strength: 1, tensors: [{ name: "w", row: 2, history: all, gradients: [] }] };
  };
  // As all are alike, it is the same whichever are drawn.
  const slopeOf = (size: number) => new Map([["w", new Float64Array(size).fill(0.25)]]);
  const one = await learner.gradient([round(1)], learner.start, slopeOf(1), 1);
  const many = await learner.gradient([round(20_000)], learner.start, slopeOf(20_000), 1);
  const largest = one.reduce((most, g) => Math.max(most, Math.abs(g)), 0);
  assert.ok(largest > 0);
  assert.ok(many.every((g, i) => Math.abs(g / 20_000 - one[i]!) < 1e-5 * largest));
});

test("it begins as the shipped InvWNN, a straight line of three epochs", async () => {
  using learner = await NetworkLearner.create(await testGpu());
  const predictor = learner.predictor(learner.start);
  const { window, horizon, base } = linearPredictor();
  assert.equal([predictor.window, predictor.horizon, predictor.base], [window, horizon, base]);
  assert.equal(
    learner.files(learner.start).map(({ name }) => name),
    ["/invwnn-conv.safetensors", "/invwnn-fc.safetensors", "/invwnn-bias.safetensors"],
  );
});

test("from a filter on it begins as that filter, and all of it can learn", async () => {
  const random = new Random(9);
  const values = Float32Array.from({ length: 5 * 14 }, () => 0.3 * random.float());
  const from = { window: 15, gradients: false, values };
  using learner = await NetworkLearner.create(await testGpu(), from);
  const rowOfSet = [0, 2, 4].map((row) => values.slice(row * 14, (row + 1) * 14));
  const total = rowOfSet.reduce((sum, row) => sum + row.reduce((a, b) => a + b, 0), 0);
  const files = learner.files(learner.start);
  for (const [s, row] of rowOfSet.entries()) {
    const weights: InvWnnWeights = fromTensors(invWnnSpec, files[s]!.tensors);
    for (let i = 0; i < 20; i++) {
      let at = 0.3 * random.normal();
      const history = Array.from({ length: 15 }, () => (at += 0.01 * random.normal()));
      // All three sets together weigh the steps as three lines of three epochs do.
      const want = row.reduce(
        (sum, w, k) => sum - ((9 * w) / total) * (history[k + 1]! - history[k]!),
        0,
      );
      // tanh takes r³ / 3 off, and the numbers are float32.
      const tolerance = Math.abs(want) ** 3 / 2 + 1e-6;
      const got = predictReference(weights, history);
      assert.ok(Math.abs(got - want) < tolerance, `set ${s}: ${got}, ${want}`);
    }
  }
  const nowhere = { ...from, values: new Float32Array(5 * 14) };
  let refused: unknown;
  await NetworkLearner.create(await testGpu(), nowhere).catch(
    (error: unknown) => (refused = error),
  );
  assert.match(
    String(refused),
    /weights that add up to more than 0; these lead nowhere, or forward/,
  );
  // Every kernel gets a derivative within two steps: at first the output reads the filter's units alone.
  const { history, slope } = walk(random, 7);
  const round = { strength: 1, tensors: [{ name: "w", row: 2, history, gradients: [] }] };
  const derivative = (at: readonly number[]): Promise<Float64Array> =>
    learner.gradient([round], at, new Map([["w", slope]]), 1);
  const first = await derivative(learner.start);
  const moved = learner.start.map((value, i) => value - 1e-3 * Math.sign(first[i]!));
  const second = await derivative(moved);
  for (const [name, { data }] of learner.files(learner.start.map((_, i) => i))[1]!.tensors) {
    if (!name.endsWith(".weight")) continue;
    assert.ok(
      data.some((place) => second[place]! !== 0),
      name,
    );
  }
});

test.after(closeGpus);
test.run();
