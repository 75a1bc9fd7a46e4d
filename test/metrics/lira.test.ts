import { test } from "uvu";
import * as assert from "uvu/assert";
import { lira } from "../../src/metrics/lira.ts";
import { Random } from "../../src/random.ts";

/** Models and targets with half of the targets forgotten by each; `shift`: what forgetting leaves behind. */
function shadows(models: number, targets: number, shift: number, seed: number) {
  const random = new Random(seed);
  const normal = (): number =>
    Math.sqrt(-2 * Math.log(1 - random.float())) * Math.cos(2 * Math.PI * random.float());
  const ease = Array.from({ length: targets }, () => 4 * normal());
  const forgotten = Array.from({ length: models }, (_, m) => ease.map((_, t) => (m + t) % 2 === 0));
  const margins = forgotten.map((row) =>
    Float64Array.from(row, (inside, t) => ease[t]! + (inside ? shift : 0) + normal()),
  );
  return { margins, forgotten };
}

test("what forgetting leaves behind is found, however easy or hard a target is", () => {
  // A shift of two standard deviations: AUC = Phi(2 / sqrt 2) = 0.921 with known means; fitted ones cost some.
  const { auc, balancedAccuracy, tprAt1, tprAt01 } = lira(shadows(16, 200, 2, 1));
  assert.ok(auc.value! > 0.87 && auc.value! < 0.94, `${auc.value}`);
  assert.ok(auc.standardError < 0.01);
  assert.ok(balancedAccuracy.value! > 78);
  // With known means the rates are Phi(2 - 2.326) = 37.2 % and Phi(2 - 3.090) = 13.8 %, with standard errors
  // of 3.7 and 5 points, most of them the threshold's: 16 and 1 of 1600 others lie above it. One threshold
  // for all targets, whose margins scatter by sqrt 17, would find Phi(2 / 4.12 - 2.326) = 3.3 % and 0.5 %.
  assert.ok(tprAt1.value! > 15 && tprAt1.value! < 45, `${tprAt1.value} % at 1 %`);
  assert.ok(tprAt01.value! > 1 && tprAt01.value! < 22, `${tprAt01.value} % at 0.1 %`);
  assert.is(tprAt1.n, 3200);
  assert.is(auc.n, 3200);
});

test("where nothing is left, the attack is a guess", () => {
  const { auc } = lira(shadows(16, 200, 0, 2));
  assert.ok(Math.abs(auc.value! - 0.5) < 5 * auc.standardError, `${auc.value}`);
});

test("per-target variances are used from 64 models on", () => {
  const given = shadows(64, 20, 2, 3);
  // One target is ten times noisier: with its own variance its scores stay small.
  for (const row of given.margins) row[0]! *= 10;
  const { scores } = lira(given);
  const size = (t: number): number => scores.reduce((sum, row) => sum + Math.abs(row[t]!), 0);
  assert.ok(size(0) < 3 * size(1), `${size(0)} and ${size(1)}`);
});

test("targets without two models on each side, and too few pairs for a rate, are said", () => {
  const given = shadows(4, 3, 1, 4);
  assert.is(lira(given).tprAt1.value, null);
  assert.match(lira(given).tprAt1.missing!, /6 pairs are too few/);
  const lopsided = {
    ...given,
    forgotten: given.forgotten.map((row) => row.map((v, t) => t === 1 || v)),
  };
  assert.throws(() => lira(lopsided), /target 1 was forgotten by 4 of 4 shadow models/);
});

test.run();
