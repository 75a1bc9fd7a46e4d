import { test } from "uvu";
import * as assert from "uvu/assert";
import { copiesOf, joinImages } from "../../src/data/copies.ts";
import { type Dataset, imageName, imageNumber } from "../../src/data/dataset.ts";
import { DataError } from "../../src/errors.ts";

/** Images of two bytes. */
function images(name: string, bytes: readonly (readonly [number, number])[]): Dataset {
  return {
    name,
    classes: ["a", "b"],
    height: 1,
    width: 2,
    channels: 1,
    count: bytes.length,
    pixels: Uint8Array.from(bytes.flat()),
    labels: Uint16Array.from(bytes, (_, i) => i % 2),
  };
}

const set = images("set", [
  [1, 2],
  [3, 4],
  [1, 2],
  [2, 1],
  [3, 4],
  [1, 2],
]);

test("copies are found by their bytes among the images outside", () => {
  assert.equal(copiesOf(set, Uint32Array.of(0, 3)), [{ place: 0, copies: [2, 5] }]);
  assert.equal(copiesOf(set, Uint32Array.of(0, 2, 5)), []);
  assert.equal(copiesOf(set, Uint32Array.of(4, 5)), [
    { place: 4, copies: [1] },
    { place: 5, copies: [0, 2] },
  ]);
});

test("images join a set once: those that are in it already are found there", () => {
  const others = {
    ...images("others", [
      [9, 9],
      [2, 1],
      [7, 7],
    ]),
    names: ["x/9.png", "x/21.png", "x/7.png"],
  };
  const { joined, places, added } = joinImages(set, others);
  assert.equal([joined.count, added], [8, 2]);
  assert.equal([...places], [6, 3, 7]);
  assert.equal([...joined.pixels.subarray(12)], [9, 9, 7, 7]);
  assert.equal([...joined.labels], [0, 1, 0, 1, 0, 1, 0, 0]);
  assert.equal([imageName(joined, 2), imageName(joined, 7)], ["2", "x/7.png"]);
  assert.equal([imageNumber(joined, 5), imageNumber(joined, 7)], [5, 7]);
  assert.is(set.count, 6);
});

test("images of another size do not join", () => {
  const tall = { ...images("tall", [[1, 2]]), height: 2, width: 1 };
  assert.throws(
    () => joinImages(set, tall),
    (error: Error) =>
      error instanceof DataError &&
      error.message === 'images of "tall" are 2×1, those of "set" 1×2.',
  );
});

test.run();
