// The link that sets the page up: what it says comes back, and what is no such link is refused.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { fragmentOf, type Linked, linkedIn, rangesOf } from "../../src/web/link.ts";

const linked: Linked = {
  method: "neg-grad",
  settings: { learningRate: 1e-3, kinds: ["fc", "bias"], optimizer: { name: "sgd" } },
  ...{ rounds: 4, seed: 7, images: "Ziffern & צורות #1", count: 300 },
  forget: [0, 1, 2, 3, 4, 9, 11, 12, 299],
};

test("what was chosen comes back from its fragment", () => {
  assert.equal(linkedIn(fragmentOf(linked)), linked);
  assert.equal(linkedIn(fragmentOf({ ...linked, settings: {}, forget: [5] })), {
    ...linked,
    ...{ settings: {}, forget: [5] },
  });
  assert.equal(linkedIn(fragmentOf({ ...linked, until: 0 })), { ...linked, until: 0 });
  for (const land of [true, false]) {
    const ends = { ...linked, until: 50, land };
    assert.equal(linkedIn(fragmentOf(ends)), ends);
  }
  assert.is(rangesOf(linked.forget), "0-4,9,11-12,299");
  for (const other of ["", "#", "#forget", "#result-title"]) assert.is(linkedIn(other), undefined);
});

test("what is damaged is refused, saying what is wrong", () => {
  const good = fragmentOf(linked);
  const cases: readonly (readonly [string, RegExp])[] = [
    [good.replace("v=1", "v=2"), /of version 2, and this page knows 1/],
    [good.replace("method=", "m="), /has no “method”/],
    [good.replace("rounds=4", "rounds=0"), /“rounds” is no whole number from 1/],
    [good.replace("rounds=4", "rounds=1e3"), /“rounds” is no whole number/],
    [`${good}&land=yes`, /“land” is neither true nor false/],
    [`${good}&until=100`, /“until” is no whole number from 0 to 99/],
    [good.replace("seed=7", "seed=4294967296"), /“seed” is no whole number/],
    [good.replace("settings=%7B", "settings="), /“settings” are no settings in JSON/],
    [good.replace(/settings=[^&]*/, "settings=[]"), /“settings” are no settings in JSON/],
    [good.replace(/forget=.*/, ""), /has no “forget”/],
    [good.replace(/forget=.*/, "forget="), /no list of places/],
    [good.replace(/forget=.*/, "forget=3,x"), /no list of places/],
    [good.replace(/forget=.*/, "forget=3,2"), /do not ascend/],
    [good.replace(/forget=.*/, "forget=3-1"), /do not ascend/],
    // A range that would be billions of places is refused before it is written out.
    [good.replace(/forget=.*/, "forget=0-4000000000"), /has place 4000000000, and there are 300/],
  ];
  for (const [fragment, says] of cases) {
    assert.throws(() => linkedIn(fragment), says);
    assert.throws(() => linkedIn(fragment), /^this link cannot be read|cannot be read/);
  }
});

test.run();
