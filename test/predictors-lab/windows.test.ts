// Which snapshots a window takes, in which units its error is counted, and what baselines make of it.
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { LibraryHistory, LibraryTraining } from "../../src/predictors-lab/library.ts";
import { splitLibrary } from "../../src/predictors-lab/fit-library.ts";
import { type Library, type Sequence, sequencesOf } from "../../src/predictors-lab/sequences.ts";
import {
  futureShape,
  introspectionShape,
  linePrediction,
  meanError,
  nearest,
  pastShape,
  WindowSource,
} from "../../src/predictors-lab/windows.ts";
import { Random } from "../../src/random.ts";

function sequence(rows: ArrayLike<number>, length: number, more: Partial<Sequence> = {}): Sequence {
  return {
    ...{ training: 1, architecture: "mlp", source: "synthetic", phase: "late", kind: "fc" },
    ...{ rows: Float32Array.from(rows), length, epoch: 0, ...more },
  };
}

const eight = Array.from({ length: 8 }, (_, k) => k);

test("past windows aim before their oldest snapshot, future ones after their newest", () => {
  const line = sequence(eight, 8);
  assert.equal(pastShape(5, 2).places(line), [
    { history: [2, 3, 4, 5, 6], target: 0 },
    { history: [3, 4, 5, 6, 7], target: 1 },
  ]);
  assert.equal(futureShape(5, 2).places(line), [
    { history: [0, 1, 2, 3, 4], target: 6 },
    { history: [1, 2, 3, 4, 5], target: 7 },
  ]);
  assert.equal(pastShape(5, 4).places(line), []);
  assert.equal(futureShape(7, 2).places(line), []);
});

test("across the start of fine-tuning the history is fine-tuning alone and the target training alone", () => {
  // Training 0 … 4, fine-tuning 4 … 8.
  const joined = sequence([...eight, 8], 9, { phase: "start", fineTuneStart: 4 });
  assert.equal(pastShape(3, 2).places(joined), [
    { history: [4, 5, 6], target: 2 },
    { history: [5, 6, 7], target: 3 },
  ]);
  assert.equal(futureShape(3, 2).places(joined), []);
});

test("Introspection's windows are 0.4 t, 0.7 t, 0.9 t, t and 2 t of a training's own epochs", () => {
  const whole = sequence(new Float32Array(21), 21);
  assert.equal(introspectionShape().places(whole), [{ history: [4, 7, 9, 10], target: 20 }]);
  const later = sequence(new Float32Array(21), 21, { epoch: 3 });
  assert.equal(introspectionShape().places(later), [{ history: [1, 4, 6, 7], target: 17 }]);
  assert.equal(introspectionShape().places(sequence(new Float32Array(21), 21, { epoch: 5 })), []);
  assert.equal(introspectionShape().places(sequence(new Float32Array(20), 20)), []);
});

test("a weight's unit is its mean step over history and target; one that stands still is left out", () => {
  // 8, 4, 2, 1, 1/2 and a weight that never moves.
  const source = new WindowSource(
    [sequence([8, 4, 2, 1, 0.5, 7, 7, 7, 7, 7], 5)],
    pastShape(3, 2),
    "here",
  );
  const drawn = source.draw(20, new Random(1));
  for (const { history, target, unit } of drawn) {
    assert.equal([...history], [2, 1, 0.5]);
    assert.is(target, 8);
    assert.is(unit, 7.5 / 4);
  }
  const both = source.draw(50, new Random(1), { mirror: true });
  const turned = both.filter(({ history }) => history[0] === -2);
  assert.ok(turned.length > 10 && turned.length < 40, `${turned.length}`);
  assert.ok(turned.every(({ target, unit }) => target === -8 && unit === 7.5 / 4));
});

test("a straight line is exact for linear, and the horizon away for no change", () => {
  const line = sequence(
    eight.map((k) => 1 + k / 64),
    8,
  );
  for (const [shape, far] of [
    [pastShape(5, 3), 3],
    [futureShape(5, 3), 3],
    [{ ...introspectionShape(), places: () => [{ history: [0, 3, 5, 6], target: 7 }] }, 1],
  ] as const) {
    const windows = new WindowSource([line], shape, "here").draw(4, new Random(2));
    const none = meanError(windows, (window) => nearest(window, shape));
    assert.ok(Math.abs(none - far) < 1e-5, `${none}`);
    // Introspection's line goes from 0.4 t through t to 2 t: 0.6 of t in six epochs, ten to go, one there.
    const off = shape.window === 4 ? 9 : 0;
    const linear = meanError(windows, (window) => linePrediction(window, shape));
    assert.ok(Math.abs(linear - off) < 1e-5, `${linear}`);
  }
});

test("every training is drawn equally often, however much it recorded", () => {
  const large = sequence(
    Array.from({ length: 400 * 5 }, (_, i) => i % 5),
    5,
  );
  const small = sequence([0, 10, 20, 30, 40], 5, { training: 2 });
  const source = new WindowSource([large, small, large, large], pastShape(3, 1), "here");
  assert.is(source.trainings, 2);
  const drawn = source.draw(400, new Random(3));
  const some = drawn.filter(({ unit }) => unit === 10).length;
  assert.ok(some > 150 && some < 250, `${some}`);
});

test("superposed windows add up movements and targets, each in the first one's unit", () => {
  // Weights that go 0, 1, 2, … and 0, 10, 20, … ten units apart, and their mirrors.
  const tens = eight.map((k) => 10 * k);
  const source = new WindowSource([sequence([...eight, ...tens], 8)], pastShape(3, 1), "here");
  const drawn = source.draw(60, new Random(4), { mirror: true, superpose: 4 });
  const slopes = new Set<number>();
  for (const { history, target, unit } of drawn) {
    const step = unit / 2;
    assert.ok(step === 1 || step === 10, `${unit}`);
    const slope = (history[1]! - history[0]!) / step;
    assert.is(history[2]! - history[1]!, slope * step);
    assert.is(history[0]! - target, slope * step, "a sum of lines is a line");
    slopes.add(slope);
  }
  // Four signs: all alike, one or two turned.
  assert.equal(
    [...slopes].sort((a, b) => a - b),
    [-4, -2, 0, 2, 4],
  );
});

test("what cannot be drawn is refused", () => {
  assert.throws(
    () => new WindowSource([sequence(eight, 8)], pastShape(7, 2), "to fit conv"),
    /no windows to fit conv: none of 1 sequences/,
  );
  const still = new WindowSource([sequence(new Float32Array(8), 8)], pastShape(3, 1), "here");
  assert.throws(() => still.draw(5, new Random(1)), /almost no recorded weight moved/);
});

// ---- Libraries. ----

test("a fine-tuning is joined to the training it goes on from", () => {
  const training = {
    source: "mnist",
    train: { model: { name: "mlp" }, epochs: 14 },
  } as unknown as LibraryTraining;
  const of = (phase: LibraryHistory["phase"], rows: number[]): LibraryHistory => ({
    ...{ phase, learningRate: 1, name: "w", kind: "fc", rows: Float32Array.from(rows) },
  });
  const [late, tuned, start] = sequencesOf(
    3,
    training,
    [of("train", [1, 2, 3, 10, 20, 30]), of("fine-tune", [3, 4, 5, 30, 40, 50])],
    3,
  );
  assert.equal([late!.phase, late!.epoch, late!.training], ["late", 12, 3]);
  assert.equal([tuned!.phase, tuned!.epoch], ["fine-tune", 0]);
  assert.equal([...start!.rows], [1, 2, 3, 4, 5, 10, 20, 30, 40, 50]);
  assert.equal([start!.phase, start!.fineTuneStart, start!.length], ["start", 2, 5]);
});

test("a library is split by network and source; a part without trainings is an error", () => {
  const all = (["mlp", "tiny-cnn"] as const).flatMap((architecture) =>
    ["synthetic", "mnist"].map((source) => sequence(eight, 8, { architecture, source })),
  );
  const library = (sequences: readonly Sequence[]): Library => ({
    ...{ length: 8, trainings: 4, description: "", files: [], sequences },
  });
  const held = { architecture: "mlp", source: "mnist" };
  const { training, validation, test: both } = splitLibrary(library(all), held);
  assert.equal(training, [all[2]]);
  assert.equal(validation, [all[0], all[3]]);
  assert.equal(both, [all[1]]);
  assert.throws(
    () => splitLibrary(library(all.slice(0, 2)), held),
    /"mlp" and "mnist" held out .* neither of them\. It has the networks mlp and the sources mnist, synthetic/,
  );
});

test.run();
