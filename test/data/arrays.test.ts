import { test } from "uvu";
import * as assert from "uvu/assert";
import { fromArrays } from "../../src/data/arrays.ts";
import { UsageError } from "../../src/errors.ts";

const shape = [2, 1, 2, 3] as const;
const images = Uint8Array.from({ length: 12 }, (_, i) => 20 * i);

test("bytes are copied, floats from 0 to 1 become bytes", () => {
  const dataset = fromArrays({
    images,
    shape,
    labels: [1, 0],
    classes: ["a", "b"],
    names: ["x", "y"],
  });
  assert.equal([dataset.count, dataset.height, dataset.width, dataset.channels], [2, 1, 2, 3]);
  assert.equal([dataset.pixels, [...dataset.labels]], [images, [1, 0]]);
  assert.is.not(dataset.pixels, images);
  assert.equal(
    [dataset.classes, dataset.names],
    [
      ["a", "b"],
      ["x", "y"],
    ],
  );
  const floats = Float32Array.from(images, (value) => value / 255);
  const other = fromArrays({
    images: floats,
    shape,
    labels: Uint8Array.from([2, 0]),
    name: "mine",
  });
  assert.equal(other.pixels, images);
  assert.equal([other.name, other.classes], ["mine", ["0", "1", "2"]]);
});

test("what does not fit is named", () => {
  const good = { images, shape, labels: [1, 0] };
  for (const [data, message] of [
    [{ ...good, shape: [2, 1, 3, 3] as const }, /are 18 values, got 12/],
    [{ ...good, shape: [2, 1, 6] as never }, /a shape is \[count/],
    [{ ...good, shape: [2, 1, 3, 2] as const }, /1 channel or 3, got 2/],
    [{ ...good, labels: [1] }, /2 images need as many labels, got 1/],
    [{ ...good, labels: [0, 1.5] }, /image 1 has label 1\.5/],
    [{ ...good, labels: [0, 2], classes: ["a", "b"] }, /label 2; .* 0 to 1/],
    [{ ...good, names: ["x"] }, /as many names, got 1/],
    [{ ...good, images: new Float32Array(12).fill(-1) }, /value 0 of the images is -1/],
    [{ ...good, images: new Float32Array(12).fill(Number.NaN) }, /is NaN/],
  ] as const) {
    assert.throws(
      () => fromArrays(data),
      (error: Error) => error instanceof UsageError && message.test(error.message),
    );
  }
});

test.run();
