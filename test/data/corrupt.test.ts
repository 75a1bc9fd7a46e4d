import { test } from "uvu";
import * as assert from "uvu/assert";
import { mislabel, splitForget } from "../../src/data/corrupt.ts";

const make = (count: number, classes: number) => ({
  name: "made",
  classes: Array.from({ length: classes }, (_, i) => String(i)),
  count,
  labels: Uint16Array.from({ length: count }, (_, i) => i % classes),
});

test("mislabel changes exactly the rounded share, and says which", () => {
  for (const [count, fraction, expected] of [
    [100, 0.2, 20],
    [7, 0.5, 4],
    [10, 0, 0],
    [10, 1, 10],
    [13, 0.3, 4],
  ] as const) {
    const set = make(count, 5);
    const before = set.labels.slice();
    const { labels, changed } = mislabel(set, fraction, 1);
    const differing = [...labels.keys()].filter((i) => labels[i] !== before[i]);
    assert.is(changed.length, expected);
    assert.equal(differing, [...changed]);
    assert.equal(set.labels, before);
    assert.ok(labels.every((label) => label < 5));
  }
});

test("wrong labels are uniform over the other classes", () => {
  const set = { ...make(9000, 4), labels: new Uint16Array(9000).fill(2) };
  const { labels } = mislabel(set, 1, 2);
  const counts = [0, 1, 2, 3].map((c) => labels.filter((label) => label === c).length);
  assert.is(counts[2], 0);
  // 3,000 expected each, standard deviation 45.
  for (const c of [0, 1, 3]) assert.ok(Math.abs(counts[c]! - 3000) < 200, counts.join(" "));
});

test("mislabel repeats for a seed and differs between seeds", () => {
  assert.equal(mislabel(make(50, 10), 0.4, 3), mislabel(make(50, 10), 0.4, 3));
  assert.not.equal(mislabel(make(50, 10), 0.4, 3), mislabel(make(50, 10), 0.4, 4));
});

test("mislabel refuses a fraction outside 0 to 1 and a single class", () => {
  for (const bad of [-0.1, 1.1, NaN]) assert.throws(() => mislabel(make(5, 2), bad, 0), /0 and 1/);
  assert.throws(() => mislabel(make(5, 1), 0.2, 0), /two classes/);
});

test("splitForget parts all indices in two", () => {
  const { forget, retain } = splitForget(12, [11, 2, 10]);
  assert.equal([...forget], [2, 10, 11]);
  assert.equal([...retain], [0, 1, 3, 4, 5, 6, 7, 8, 9]);
  assert.throws(() => splitForget(3, [3]), /index 3/);
});

test.run();
