import { test } from "uvu";
import * as assert from "uvu/assert";
import { fromArrays } from "../../src/data/arrays.ts";
import { copiesOf, joinImages } from "../../src/data/copies.ts";
import { subset } from "../../src/data/dataset.ts";
import { UsageError } from "../../src/errors.ts";

const shape = [2, 1, 2, 3] as const;
const images = Uint8Array.from({ length: 12 }, (_, i) => 20 * i);

test("bytes and floats are copied, in any number of channels; vectors are one pixel", () => {
  const dataset = fromArrays({
    ...{ images, shape, labels: [1, 0] },
    ...{ classes: ["a", "b"], names: ["x", "y"] },
  });
  assert.equal([dataset.count, dataset.height, dataset.width, dataset.channels], [2, 1, 2, 3]);
  assert.equal([dataset.pixels, [...dataset.labels]], [images, [1, 0]]);
  assert.equal(
    [dataset.classes, dataset.names],
    [
      ["a", "b"],
      ["x", "y"],
    ],
  );
  const own = Buffer.from(images);
  const copy = fromArrays({ images: own, shape, labels: [1, 0] }).pixels;
  own.fill(0);
  assert.equal(copy, images);
  const floats = Float32Array.from(images, (value) => value - 100);
  const vectors = fromArrays({
    ...{ images: floats, shape: [4, 3], labels: Uint8Array.from([2, 0, 1, 1]), name: "mine" },
  });
  assert.equal([vectors.count, vectors.height, vectors.width, vectors.channels], [4, 1, 1, 3]);
  assert.equal([vectors.pixels, vectors.name, vectors.classes], [floats, "mine", ["0", "1", "2"]]);
  const part = subset(vectors, [3, 1]);
  assert.equal(part.pixels, Float32Array.from([...floats.slice(9), ...floats.slice(3, 6)]));
});

test("copies among floats are found", () => {
  const twice = Float32Array.from([1.5, -2, 3, 4, 1.5, -2]);
  const dataset = fromArrays({ images: twice, shape: [3, 2], labels: [0, 1, 0] });
  assert.equal(copiesOf(dataset, Uint32Array.from([0])), [{ place: 0, copies: [2] }]);
  const { joined, added } = joinImages(dataset, subset(dataset, [1]));
  assert.equal([joined.pixels, added], [twice, 0]);
  const bytes = fromArrays({ images: Uint8Array.from([1, 2]), shape: [1, 2], labels: [0] });
  assert.throws(
    () => joinImages(dataset, bytes),
    /differ in their channels or in bytes and floats/,
  );
});

test("what does not fit is named", () => {
  const good = { images, shape, labels: [1, 0] };
  for (const [data, message] of [
    [{ ...good, shape: [2, 1, 3, 3] as const }, /are 18 values, got 12/],
    [{ ...good, shape: [2, 1, 6] as never }, /a shape is \[count/],
    [{ ...good, shape: [2, 0] as const }, /each at least 1/],
    [{ ...good, labels: [1] }, /2 images need as many labels, got 1/],
    [{ ...good, labels: [0, 1.5] }, /image 1 has label 1\.5/],
    [{ ...good, labels: [0, 2], classes: ["a", "b"] }, /label 2; .* 0 to 1/],
    [{ ...good, names: ["x"] }, /as many names, got 1/],
    [
      { ...good, images: new Float32Array(12).fill(Number.NaN, 7) },
      /value 7 of the images is NaN; mend or leave out image 1/,
    ],
  ] as const) {
    assert.throws(
      () => fromArrays(data),
      (error: Error) => error instanceof UsageError && message.test(error.message),
    );
  }
});

test.run();
