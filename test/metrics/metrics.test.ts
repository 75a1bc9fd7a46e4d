import { test } from "uvu";
import * as assert from "uvu/assert";
import { DataError, ShapeError } from "../../src/errors.ts";
import { hits, perSample } from "../../src/metrics/classification.ts";
import { finalOf } from "../../src/metrics/final.ts";
import { Logits } from "../../src/metrics/logits.ts";
import { missing, share, wilson } from "../../src/metrics/measurement.ts";
import { mia } from "../../src/metrics/mia.ts";
import { auc, aucError, bestThreshold, tprAtFpr } from "../../src/metrics/ranking.ts";
import {
  equivalenceP,
  holm,
  meanAndDeviation,
  paired,
  signTest,
  studentCdf,
  studentQuantile,
} from "../../src/metrics/statistics.ts";
import { Random } from "../../src/random.ts";

const near = (got: number, want: number, tolerance: number, what = ""): void =>
  assert.ok(Math.abs(got - want) <= tolerance, `${what} ${got}, want ${want}`);

test("a share has its interval, and nothing to measure is said, not left out", () => {
  // Wilson's interval for 8 of 10, from the formula by hand: centre 0.7167, half width 0.2266.
  const [low, high] = wilson(8, 10);
  near(low, 49.02, 0.01);
  near(high, 94.33, 0.01);
  assert.is(share({ name: "x", definition: "y" }, 3, 4).value, 75);
  const none = share({ name: "x", definition: "y" }, 0, 0);
  assert.is(none.value, null);
  assert.is(none.missing, "there are no samples");
  assert.is(missing({ name: "gap", definition: "", unit: "points" }, "no retrained network").n, 0);
});

test("per-sample numbers of a hand-computed case", () => {
  // Probabilities 1/2, 1/4, 1/4.
  const logits = Float32Array.of(Math.log(2), 0, 0);
  const one = perSample({ logits, labels: [0] }, 3);
  near(one.loss[0]!, Math.LN2, 1e-7);
  near(one.confidence[0]!, 0.5, 1e-7);
  near(one.entropy[0]!, 1.5 * Math.LN2, 1e-7);
  near(one.modifiedEntropy[0]!, 0.5 * Math.LN2 - 0.5 * Math.log(0.75), 1e-7);
  near(one.margin[0]!, 0, 1e-7);
  // Ties go to the lowest class; saturated logits keep their margin.
  const two = perSample({ logits: Float32Array.of(1, 5, 5, 60, 0, 0), labels: [1, 0] }, 3);
  assert.equal([...two.predicted], [1, 0]);
  near(two.margin[1]!, 60 - Math.LN2, 1e-5);
  assert.is(two.confidence[1], 1);
  assert.is(hits(two, [1, 1]), 1);
  assert.ok([...two.modifiedEntropy, ...two.entropy].every(Number.isFinite));
  for (const [labels, Kind, message] of [
    [[0, 1], ShapeError, /need 6 logits, got 3/],
    [[3], DataError, /sample 0 has label 3/],
  ] as const) {
    assert.throws(
      () => perSample({ logits, labels }, 3),
      (error: Error) => error instanceof Kind && message.test(error.message),
    );
  }
});

test("AUC counts ties half; thresholds and rates by hand", () => {
  assert.is(auc([3, 4], [1, 2]), 1);
  assert.is(auc([1, 1], [1, 1]), 0.5);
  assert.is(auc([1, 3], [2, 2]), 0.5);
  assert.is(auc([2, 3], [1, 2]), 0.875);
  assert.equal(bestThreshold([3, 4, 1], [1, 2, 0]), {
    threshold: 3,
    balancedAccuracy: 50 * (2 / 3 + 1),
  });
  assert.is(tprAtFpr([5, 3, 1], [4, 2, 0, 0], 0), 100 / 3);
  assert.is(tprAtFpr([5, 3, 1], [4, 2, 0, 0], 0.25), (2 * 100) / 3);
  // Hanley and McNeil at chance: sqrt((n + m + 1) / (12 n m)).
  near(aucError(0.5, 20, 30), Math.sqrt(51 / 7200), 1e-9);
});

test("Student's t against table values, sign test and Holm by hand", () => {
  for (const [df, t] of [
    [1, 12.7062],
    [2, 4.30265],
    [4, 2.77645],
    [9, 2.26216],
    [30, 2.04227],
  ] as const) {
    near(studentQuantile(0.975, df), t, 1e-4, `df ${df}`);
    near(studentCdf(-t, df), 0.025, 1e-5);
  }
  assert.is(signTest(5, 0), 0.0625);
  assert.is(signTest(4, 1), 0.375);
  assert.is(signTest(2, 2), 1);
  const adjusted = holm([0.01, 0.04, 0.03]);
  [0.03, 0.06, 0.06].forEach((p, i) => near(adjusted[i]!, p, 1e-12));
  const result = paired([3, 5, 7], [2, 3, 4]);
  assert.is(result.difference, 2);
  near(result.standardError, 1 / Math.sqrt(3), 1e-12);
  near(result.interval[0], 2 - 4.30265 / Math.sqrt(3), 1e-4);
  assert.is(result.wins, 3);
  // Two one-sided tests: t = (1 - 0.5) / standard error is 2.13185 with 4 degrees of freedom where p is 0.05.
  const half = { n: 5, difference: -0.5, standardError: 0.5 / 2.13185 };
  near(equivalenceP(half, 1), 0.05, 1e-5);
  near(equivalenceP(half, 0.5), 0.5, 1e-12);
  assert.ok(equivalenceP(half, 0.25) > 0.5);
  // Differences that are all the same: as a sign test, so that two of a coarse number show nothing, and five do.
  for (const standardError of [0, 1e-17]) {
    assert.is(equivalenceP({ ...half, standardError }, 1), 1 / 32);
    assert.is(equivalenceP({ ...half, n: 2, standardError }, 1), 1 / 4);
  }
  assert.is(paired([3, 4], [2, 3]).p, 0.5);
  // 0.3 - 0.2 and 0.5 - 0.4 differ in the last digit.
  assert.is(paired([0.3, 0.5], [0.2, 0.4]).p, 0.5);
  assert.is(paired([1, 2, 3, 4, 5, 6], [0, 1, 2, 3, 4, 5]).p, 1 / 32);
  assert.is(paired([1, 2], [1, 2]).p, 1);
  // Pairs without a difference never make one easier to show.
  for (const differences of [
    [1, 1.2],
    [1, 1.01, 0.99, 1],
    [2, 1, 1.5, 0.5, 1, 2],
    Array.from({ length: 20 }, (_, i) => (i % 4) - 0.7),
  ]) {
    const of = (zeros: number): number => {
      const values = [...differences, ...Array.from({ length: zeros }, () => 0)];
      return paired(
        values,
        values.map(() => 0),
      ).p;
    };
    for (const zeros of [1, 5, 25]) assert.ok(of(0) > 0.05 || of(zeros) >= of(0), `${zeros}`);
    assert.ok(of(0) < 0.05 || of(25) > 0.05, `${of(0)} ${of(25)}`);
  }
  assert.is(equivalenceP({ ...half, standardError: 0 }, 0.5), 1);
  assert.equal(meanAndDeviation([7]), { mean: 7, deviation: 0 });
  assert.throws(() => paired([1], [1]), /two pairs or more/);
});

/** Logits of samples whose label has the given probability; two classes. */
function samples(confidences: readonly number[]): { logits: Float32Array; labels: number[] } {
  return {
    logits: Float32Array.from(confidences.flatMap((p) => [Math.log(p / (1 - p)), 0])),
    labels: confidences.map(() => 0),
  };
}

test("a network that memorised D_f gives it away; one that never saw it does not", () => {
  const random = new Random(9);
  const draw = (n: number, low: number, high: number): number[] =>
    Array.from({ length: n }, () => low + (high - low) * random.float());
  const retain = samples(draw(400, 0.97, 0.9999));
  // Half of the test samples are as sure as the training samples, half are not.
  const unseen = (n: number): number[] => [...draw(n / 2, 0.97, 0.9999), ...draw(n / 2, 0.05, 0.9)];
  const memorised = mia(
    new Logits(2, {
      retain,
      test: samples(unseen(400)),
      forget: samples(draw(200, 0.97, 0.9999)),
    }),
  );
  assert.ok(memorised.attacks.confidence.value! < 2, `${memorised.attacks.confidence.value}`);
  assert.ok(memorised.auc.value! > 0.7);
  assert.not(memorised.overForgetting);
  const fresh = mia(
    new Logits(2, {
      retain,
      test: samples(unseen(400)),
      forget: samples(unseen(200)),
    }),
  );
  near(fresh.attacks.confidence.value!, 50, 2);
  near(fresh.auc.value!, 0.5, 0.08);
  assert.is(fresh.attacks.confidence.n, 200);
  assert.match(fresh.attacks.confidence.definition, /400 samples each/);
  // Twice as many test samples, the sure ones first: both halves are asked.
  const sorted = mia(
    new Logits(2, {
      retain,
      test: samples(unseen(800)),
      forget: samples(unseen(200)),
    }),
  );
  near(sorted.attacks.confidence.value!, 50, 2);
  const pushed = mia(
    new Logits(2, {
      retain,
      test: samples(unseen(400)),
      forget: samples(draw(200, 0.001, 0.04)),
    }),
  );
  assert.is(pushed.attacks.confidence.value, 100);
  assert.ok(pushed.overForgetting);
  // Members are sure of themselves: the interval lies at the upper end.
  const [[low, high]] = fresh.memberIntervals as [[number, number]];
  assert.ok(low > 0.85 && high === 1, `${low} to ${high}`);
  assert.throws(
    () => mia(new Logits(2, { retain, test: samples([]), forget: samples([0.5]) })),
    /needs D_f, D_r and test samples/,
  );
});

test("UA, RA and TA carry name, definition, count and interval", () => {
  const { UA, RA, TA } = finalOf(
    new Logits(2, {
      forget: samples([0.9, 0.2, 0.1, 0.3]),
      retain: samples([0.9, 0.8]),
      test: samples([0.9, 0.4]),
    }),
  ).accuracies;
  assert.equal([UA!.value, RA!.value, TA!.value], [75, 100, 50]);
  assert.equal([UA!.n, RA!.n, TA!.n], [4, 2, 2]);
});

test.run();
