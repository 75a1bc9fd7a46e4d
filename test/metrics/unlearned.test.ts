// KLoM and U-LiRA, against values worked out by hand.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { klom, klomFloor, type KlomOptions, marginDivergence, uLira } from "../../src/index.ts";
import { Random } from "../../src/random.ts";

/** Networks whose margins are normal, around a place of their own for each image. */
function drawn(networks: number, images: number, shift: number, seed: number): Float64Array[] {
  const random = new Random(seed);
  return Array.from({ length: networks }, () =>
    Float64Array.from({ length: images }, (_, image) => image + shift + random.normal()),
  );
}

/** Networks with one image each. */
const one = (...margins: number[]): Float64Array[] =>
  margins.map((margin) => Float64Array.of(margin));

function near(actual: number, expected: number, within = 1e-12): void {
  assert.ok(Math.abs(actual - expected) <= within, `${actual}, not ${expected}`);
}

test("the KL divergence of two histograms of three networks", () => {
  // From 0 to 20 a bin is 1 wide: 0.2 and 0.4 share the first, 20 is in the last.
  // P is 2/3, 1/3 in the bins that Q has 1/3, 2/3 of.
  near(
    marginDivergence([0, 0.4, 20], [0.2, 19.5, 20]),
    (2 / 3) * Math.log(2) + (1 / 3) * Math.log(1 / 2),
  );
  // A bin of P without any of Q: 1/3 ln(1/3 / 1e-5), and 2/3 ln(2/3 / 1) in the bin of both.
  near(
    marginDivergence([0, 0.4, 20], [0, 0.1, 0.2]),
    (2 / 3) * Math.log(2 / 3) + (1 / 3) * Math.log(1 / 3e-5),
  );
  // Two bins of 10: the first has all of Q and 2/3 of P as before; a floor of 0.1.
  near(
    marginDivergence([0, 9, 20], [1, 2, 3], { bins: 2, floor: 0.1 }),
    (2 / 3) * Math.log(2 / 3) + (1 / 3) * Math.log(1 / 0.3),
  );
});

test("KLoM is 0 for margins that are all equal, and at most ln 1e5; infinite margins are clamped", () => {
  assert.is(marginDivergence([3, 3, 3], [3, 3]), 0);
  assert.is(marginDivergence([1, 2, 3], [3, 2, 1]), 0);
  // One network of a kind, or two kinds that never meet.
  near(marginDivergence([1], [2]), Math.log(1e5));
  near(marginDivergence([-Infinity, -400], [5, 6]), Math.log(1e5));
  assert.is(marginDivergence([Infinity, 200, -Infinity], [150, 100, -100]), 0);
  assert.is(marginDivergence([7, 8], [6, 9], { clamp: 5 }), 0);
});

test("KLoM over images has mean, median and 95th percentile", () => {
  // Divergences 0, ln 1e5, ln 1e5 and 0.
  const unlearned = [Float64Array.of(1, 1, 1, 1)];
  const { perImage, mean, median, p95 } = klom({
    unlearned,
    retrained: [Float64Array.of(1, 2, 3, 1)],
  });
  const top = Math.log(1e5);
  assert.equal(
    [...perImage].map((value) => value.toFixed(9)),
    [0, top, top, 0].map((value) => value.toFixed(9)),
  );
  near(mean.value!, top / 2);
  near(median.value!, top / 2);
  near(p95.value!, top);
  assert.is(mean.n, 4);
  assert.is(mean.unit, "nats");
});

test("networks of one kind score as much as the two halves of retrained ones, others more", () => {
  const retrained = drawn(50, 40, 0, 1);
  const same = klom({ unlearned: drawn(50, 40, 0, 2), retrained }).mean.value!;
  const other = klom({ unlearned: drawn(50, 40, 3, 2), retrained }).mean.value!;
  const floor = klomFloor(retrained).mean.value!;
  assert.ok(same > 0 && same < floor && floor < other, `${same}, ${floor}, ${other}`);
  assert.is(klomFloor(one(4, 4)).mean.value, 0);
});

test("likelihood ratios of three networks of either kind", () => {
  // Without the first of either kind: N(3, 2) and N(13, 2); 0 scores (13² - 3²) / (2 · 2).
  const { scores, accuracy, perImage, tprAt1, tprAt01 } = uLira({
    unlearned: one(0, 2, 4),
    retrained: one(10, 12, 14),
  });
  near(scores.unlearned[0]![0]!, (13 ** 2 - 3 ** 2) / 4, 1e-9);
  near(scores.retrained[0]![0]!, -((10 - 3) ** 2 - (10 - 13) ** 2) / 4, 1e-9);
  // Without the second: N(2, 8) and N(12, 8).
  near(scores.unlearned[1]![0]!, (10 ** 2 - 0) / 16, 1e-9);
  assert.equal([...perImage], [100]);
  assert.is(accuracy.value, 100);
  assert.equal(accuracy.interval, [100, 100]);
  assert.is(tprAt1.value, null);
  assert.match(tprAt1.missing!, /3 pairs are too few/);
  assert.is(tprAt01.value, null);
});

test("few networks share one variance over images, from 64 on each image has its own", () => {
  // Sums of squares 2 and 32 without the first, one degree of freedom each: 17 is the variance of both.
  const wide = (start: number): Float64Array[] =>
    [0, 2, 4].map((step) => Float64Array.of(start + step, start + 4 * step));
  const { scores } = uLira({ unlearned: wide(0), retrained: wide(50) });
  const log = (x: number, mean: number): number => -((x - mean) ** 2) / (2 * 17);
  near(scores.unlearned[0]![0]!, log(0, 3) - log(0, 53), 1e-9);
  near(scores.unlearned[0]![1]!, log(0, 12) - log(0, 62), 1e-9);
  // Without one of the lower 16 of 32: 15 below and 16 above, a step apart.
  const many = (start: number, step: number): Float64Array[] =>
    Array.from({ length: 32 }, (_, i) => Float64Array.of(start + (i % 2) * step, start));
  const own = uLira({ unlearned: many(0, 2), retrained: many(8, 4) });
  const normal = (x: number, start: number, step: number): number => {
    const mean = start + (16 / 31) * step;
    const variance = (((15 * 16) / 31) * step ** 2) / 30;
    return -0.5 * (Math.log(variance) + (x - mean) ** 2 / variance);
  };
  near(own.scores.unlearned[0]![0]!, normal(0, 0, 2) - normal(0, 8, 4), 1e-9);
  assert.is(own.accuracy.value, 100);
});

test("a network of one kind is told from another for a guess, and a shift for what it is", () => {
  const retrained = drawn(40, 30, 0, 3);
  const guess = uLira({ unlearned: drawn(40, 30, 0, 4), retrained });
  const [low, high] = guess.accuracy.interval!;
  assert.ok(low < 50 && high > 50, `${low} to ${high}`);
  // Two standard deviations between the means: Phi(1) = 84.1 % of either kind, with means that are fitted.
  const { accuracy, tprAt1, tprAt01 } = uLira({ unlearned: drawn(40, 30, 2, 4), retrained });
  assert.ok(accuracy.value! > 80 && accuracy.value! < 88, `${accuracy.value}`);
  // With known means Phi(2 - 2.326) = 37 % at 1 %.
  assert.ok(tprAt1.value! > 22 && tprAt1.value! < 52, `${tprAt1.value}`);
  assert.ok(tprAt01.value! <= tprAt1.value!);
  assert.ok(guess.tprAt1.value! < 5, `${guess.tprAt1.value}`);
});

test("an attack that leaves out one of each kind is no worse than a guess, however few the networks", () => {
  // Over many sets of three and three the accuracy is 50 %; with one network left out alone it is about 42 %.
  let sum = 0;
  for (let round = 0; round < 100; round++) {
    const pair = {
      unlearned: drawn(3, 10, 0, 2 * round),
      retrained: drawn(3, 10, 0, 2 * round + 1),
    };
    sum += uLira(pair).accuracy.value!;
  }
  near(sum / 100, 50, 2);
});

test("equal margins are a guess; infinite ones and unequal numbers of networks are taken", () => {
  const equal = uLira({ unlearned: one(5, 5, 5), retrained: one(5, 5, 5) });
  assert.is(equal.accuracy.value, 50);
  assert.equal([...equal.scores.unlearned[0]!], [0]);
  const far = uLira({
    unlearned: one(Infinity, Infinity, 100),
    retrained: one(-Infinity, -1e9, -100, -200),
  });
  assert.is(far.accuracy.value, 100);
  assert.is(far.scores.retrained.length, 4);
});

test("what networks cannot be compared is said", () => {
  const pair = { unlearned: one(1, 2), retrained: one(1, 2) };
  const cases: readonly [() => unknown, RegExp][] = [
    [
      () => klom({ unlearned: [], retrained: one(1) }),
      /KLoM needs 1 unlearned network or more, got 0/,
    ],
    [() => klom({ unlearned: one(1), retrained: [] }), /1 retrained network or more, got 0/],
    [() => klomFloor(one(1)), /two halves need two retrained networks, got 1/],
    [() => uLira(pair), /U-LiRA needs 3 unlearned networks or more, got 2/],
    [
      () => klom({ unlearned: [new Float64Array(0)], retrained: [new Float64Array(0)] }),
      /needs images/,
    ],
    [
      () => klom({ unlearned: [Float64Array.of(1, 2)], retrained: one(1) }),
      /unlearned network 0 has 2 margins, and the first retrained one 1/,
    ],
    [
      () => klom({ unlearned: one(1, NaN), retrained: one(1) }),
      /unlearned network 1 on image 0 is NaN; .*before it diverged/,
    ],
    ...(
      [
        [{ bins: 1 }, /`bins` must be an integer of at least 2, got 1/],
        [{ bins: 2.5 }, /`bins`/],
        [{ clamp: 0 }, /`clamp` must be a finite number above 0/],
        [{ clamp: Infinity }, /`clamp`/],
        [{ floor: 0 }, /`floor` must be above 0 and below 1/],
        [{ floor: NaN }, /`floor`/],
      ] as [KlomOptions, RegExp][]
    ).map(([options, text]): [() => unknown, RegExp] => [() => klom(pair, options), text]),
  ];
  for (const [work, text] of cases)
    assert.throws(work, (error: Error) => text.test(error.message), String(text));
});

test.run();
