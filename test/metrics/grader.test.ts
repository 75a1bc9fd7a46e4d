// What a grader says of drawn images, against float64: a network whose features are the pixels themselves.
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Dataset } from "../../src/data/dataset.ts";
import { ShapeError, UsageError } from "../../src/errors.ts";
import type { CheckpointInfo } from "../../src/io/checkpoint.ts";
import { RealImages } from "../../src/metrics/drawn.ts";
import { Grader } from "../../src/metrics/grader.ts";
import { scoresOfDrawn } from "../../src/metrics/measure.ts";
import { Model, type ModelSpec } from "../../src/nn/model.ts";
import { flatten, relu } from "../../src/ops/index.ts";
import { Random } from "../../src/random.ts";
import { closeGpus, testGpu } from "../device.ts";

const [width, classes] = [4, 3];
const names = ["a", "b", "c"];
const [mean, deviation] = [[0.25], [0.5]] as const;

const spec: ModelSpec = {
  name: "pixels",
  inputs: [[2, 2, 1]],
  output: [classes],
  build: (layers, [x]) => layers.linear("head", flatten(x!), classes),
};

const info: CheckpointInfo = {
  task: "classification",
  network: { name: "pixels" },
  input: [2, 2, 1],
  classes: names,
  preprocessing: { mean: Float32Array.from(mean), deviation },
};

const random = new Random(3);
const weights = Float32Array.from({ length: width * classes }, () => 3 * random.normal());
const bias = Float32Array.from([0.1, -0.2, 0.3]);

function images(count: number, label: (i: number) => number, shift: number): Dataset {
  return {
    ...{ name: "dots", classes: names, height: 2, width: 2, channels: 1, count },
    // Quarters are exact in single precision, so that features are too.
    pixels: Float32Array.from({ length: count * width }, () => (random.int(4) + shift) / 4),
    labels: Uint16Array.from({ length: count }, (_, i) => label(i)),
  };
}

// 6 of class a, which is forgotten, and 8 of the others.
const train = images(14, (i) => (i < 6 ? 0 : 1 + (i % 2)), 0);
const [forget, retain] = [
  Uint32Array.from({ length: 6 }, (_, i) => i),
  Uint32Array.from({ length: 8 }, (_, i) => 6 + i),
];
// Beyond 0 and 1: images are judged as they are shown.
const drawn = Float32Array.from({ length: 5 * width }, () => (random.int(9) - 2) / 4);

async function grader(): Promise<Grader> {
  const model = await Model.create(await testGpu(), spec, 1);
  model.load(
    new Map([
      ["head.weight", { shape: [width, classes], data: weights }],
      ["head.bias", { shape: [classes], data: bias }],
    ]),
  );
  return Grader.of(model, info, "digest");
}

/** Features of images as they are shown, row by row. */
function featuresOf(pixels: ArrayLike<number>): number[][] {
  const prepared = Array.from(
    pixels,
    (value) => (Math.min(1, Math.max(0, value)) - mean[0]) / deviation[0],
  );
  return Array.from({ length: prepared.length / width }, (_, i) =>
    prepared.slice(i * width, (i + 1) * width),
  );
}

/** Probabilities of the classes of an image. */
function probabilities(features: readonly number[]): number[] {
  const logits = [...bias].map((b, c) =>
    features.reduce((sum, value, k) => sum + value * weights[k * classes + c]!, b),
  );
  const exps = logits.map((one) => Math.exp(one));
  const sum = exps.reduce((a, b) => a + b);
  return exps.map((one) => one / sum);
}

/** KID by its definition, over all pairs of different images. */
function distance(real: readonly number[][], other: readonly number[][]): number {
  const kernel = (u: readonly number[], v: readonly number[]): number =>
    (u.reduce((sum, value, k) => sum + value * v[k]!, 0) / width + 1) ** 3;
  const average = (a: readonly number[][], b: readonly number[][]): number => {
    const pairs = a.flatMap((u, i) =>
      b.flatMap((v, j) => (a === b && i === j ? [] : kernel(u, v))),
    );
    return pairs.reduce((x, y) => x + y, 0) / pairs.length;
  };
  return average(real, real) + average(other, other) - 2 * average(real, other);
}

test("shares, confidence and distances of drawn images are those of float64", async () => {
  const real = await RealImages.of(
    await grader(),
    { train, labels: train.labels, forget, retain },
    7,
  );
  const judged = await real.compare(drawn);
  const features = featuresOf(drawn);
  const chances = features.map(probabilities);
  const sure = chances.map((row) => Math.max(...row));
  const taken = chances.map((row, i) => row.indexOf(sure[i]!));
  assert.equal(
    judged.answers.map((one) => one.class),
    taken,
  );
  // Logits are sums of five products of single precision.
  sure.forEach((one, i) => assert.ok(Math.abs(judged.answers[i]!.confidence - one) < 1e-5));
  const all = featuresOf(train.pixels);
  const power = all.flat().reduce((sum, one) => sum + one * one, 0) / all.flat().length;
  const units = (rows: readonly number[][]): number[][] =>
    rows.map((row) => row.map((one) => one / Math.sqrt(power)));
  const scores = scoresOfDrawn(judged);
  const share = (hits: readonly boolean[]): number => (100 * hits.filter(Boolean).length) / 5;
  const expected = {
    drawnForgotten: share(taken.map((one) => one === 0)),
    forgetDistance: distance(units(all.slice(0, 6)), units(features)),
    retainDistance: distance(units(all.slice(6)), units(features)),
    drawnConfidence: (100 * sure.reduce((a, b) => a + b)) / 5,
    drawnUnsure: share(sure.map((one) => one < 0.6)),
  };
  assert.equal(Object.keys(scores), Object.keys(expected));
  for (const [name, value] of Object.entries(expected)) {
    assert.ok(Math.abs(scores[name]! - value) < 1e-3, `${name}: ${scores[name]} and ${value}`);
  }
});

test("where D_f holds a part of a class, no class is to be forgotten", async () => {
  const part = { forget: forget.slice(1), retain: Uint32Array.from([0, ...retain]) };
  const real = await RealImages.of(await grader(), { train, labels: train.labels, ...part }, 7);
  const scores = scoresOfDrawn(await real.compare(drawn));
  assert.equal("drawnForgotten" in scores, false);
  assert.ok("retainDistance" in scores);
});

test("what cannot grade is refused", async () => {
  const model = await Model.create(await testGpu(), spec, 1);
  assert.throws(
    () => Grader.of(model, { ...info, task: "diffusion" }, ""),
    (error: unknown) => error instanceof UsageError && /is for diffusion/.test(error.message),
  );
  const refused = async (work: Promise<unknown>, kind: unknown, says: RegExp): Promise<void> => {
    const error: unknown = await work.then(
      () => undefined,
      (cause: unknown) => cause,
    );
    assert.ok(error instanceof (kind as typeof Error), String(error));
    assert.match(error.message, says);
  };
  const large = { ...train, height: 1, width: 4 };
  await refused((await grader()).grade(large), ShapeError, /2×2×1 and is to judge 1×4×1/);
  const headless: ModelSpec = {
    ...spec,
    build: (layers, [x]) => relu(layers.linear("head", flatten(x!), classes)),
  };
  const other = Grader.of(await Model.create(await testGpu(), headless, 1), info, "");
  await refused(other.grade(train), UsageError, /last layer is a linear one/);
});

test.after(closeGpus);
test.run();
