import { test } from "uvu";
import * as assert from "uvu/assert";
import { lira } from "../../src/metrics/lira.ts";
import { meanAndDeviation } from "../../src/metrics/statistics.ts";
import { Random } from "../../src/random.ts";

/** Models with half of the targets forgotten by each; `shift`: what forgetting leaves behind, `unlike`: how models differ. */
function shadows(models: number, targets: number, shift: number, seed: number, unlike = 0) {
  const random = new Random(seed);
  const normal = (): number =>
    Math.sqrt(-2 * Math.log(1 - random.float())) * Math.cos(2 * Math.PI * random.float());
  const ease = Array.from({ length: targets }, () => 4 * normal());
  const inside = ease.map(() => new Set(random.permutation(models).slice(0, models / 2)));
  const forgotten = Array.from({ length: models }, (_, m) => inside.map((of) => of.has(m)));
  const margins = forgotten.map((row) => {
    const own = unlike * normal();
    return Float64Array.from(row, (is, t) => ease[t]! + own + (is ? shift : 0) + normal());
  });
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

/** Mean and scatter of the AUC over draws, and the error that it tells of itself. */
function overDraws(count: number, draw: (seed: number) => ReturnType<typeof shadows>) {
  const found = Array.from({ length: count }, (_, seed) => lira(draw(seed)).auc);
  const { mean, deviation } = meanAndDeviation(found.map(({ value }) => value!));
  const told = Math.sqrt(
    found.reduce((sum, { standardError }) => sum + standardError ** 2, 0) / count,
  );
  return { mean, error: deviation / Math.sqrt(count), ratio: told / deviation };
}

test("where nothing is left, the attack is a guess with few models and with more, and its error is what it says", () => {
  for (const [models, targets, draws] of [
    [4, 40, 400],
    [6, 40, 400],
    [7, 40, 400],
    [16, 40, 200],
  ] as const) {
    const { mean, error, ratio } = overDraws(draws, (seed) => shadows(models, targets, 0, seed));
    assert.ok(Math.abs(mean - 0.5) < 3 * error, `${models} models: ${mean} ± ${error}`);
    assert.ok(Math.abs(ratio - 1) < 0.15, `${models} models: an error ${ratio} times what it is`);
  }
});

test("the error counts what is left behind, and that models differ as a whole", () => {
  const left = overDraws(200, (seed) => shadows(16, 40, 1, seed));
  assert.ok(Math.abs(left.ratio - 1) < 0.15, `${left.ratio}`);
  const unlike = overDraws(200, (seed) => shadows(16, 40, 0, seed, 1));
  assert.ok(Math.abs(unlike.mean - 0.5) < 3 * unlike.error, `${unlike.mean} ± ${unlike.error}`);
  assert.ok(Math.abs(unlike.ratio - 1) < 0.2, `${unlike.ratio}`);
});

test("with two models of a side the distance to their means decides", () => {
  const given = shadows(4, 40, 0, 5);
  for (const [m, row] of given.margins.entries()) {
    for (const t of row.keys()) row[t] = given.forgotten[m]![t] === true ? 1 + m / 100 : 0;
  }
  assert.is(lira(given).auc.value, 1);
  // Three models on one side have a spread, two on the other none left: it is that of the three.
  const five = overDraws(300, (seed) => shadows(5, 40, 3, seed));
  assert.ok(five.mean > 0.85, `${five.mean}`);
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
  assert.throws(() => lira(shadows(4, 1, 1, 4)), /two targets or more, got 1/);
});

test.run();
