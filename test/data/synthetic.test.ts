import { createHash } from "node:crypto";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { syntheticDigits } from "../../src/data/synthetic.ts";

test("a seed fixes every byte, on every engine", () => {
  const { pixels, labels } = syntheticDigits(200, 1);
  assert.equal([...labels.subarray(0, 10)], [8, 4, 7, 5, 6, 2, 1, 9, 0, 3]);
  assert.is(createHash("md5").update(pixels).digest("hex"), "d4063599349055e11fcce2be8e2e2bbf");
});

test("images are 28×28 grey, classes balanced in every ten", () => {
  const set = syntheticDigits(47, 3);
  assert.equal([set.count, set.height, set.width, set.channels], [47, 28, 28, 1]);
  assert.is(set.pixels.length, 47 * 784);
  for (let ten = 0; ten < 4; ten++) {
    const labels = [...set.labels.subarray(10 * ten, 10 * ten + 10)].sort((a, b) => a - b);
    assert.equal(labels, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  }
  assert.is(syntheticDigits(0, 3).count, 0);
  assert.throws(() => syntheticDigits(-1, 3), /0 or more/);
});

test("a longer set begins with the shorter one", () => {
  const short = syntheticDigits(23, 4);
  const long = syntheticDigits(31, 4);
  assert.equal(long.labels.slice(0, 23), short.labels);
  assert.equal(long.pixels.slice(0, 23 * 784), short.pixels);
});

test("seeds and parts give different images", () => {
  const sets = [syntheticDigits(5, 1), syntheticDigits(5, 2), syntheticDigits(5, 1, "test")];
  assert.is(new Set(sets.map((set) => set.pixels.join())).size, 3);
});

test("every image has ink, and most of it is background", () => {
  const { pixels, count } = syntheticDigits(300, 5);
  for (let i = 0; i < count; i++) {
    const image = pixels.subarray(784 * i, 784 * (i + 1));
    const sorted = Float64Array.from(image).sort();
    const median = sorted[392]!;
    assert.ok(sorted[740]! > median + 30, `image ${i}: no ink`);
    assert.ok(median < 70, `image ${i}: background ${median}`);
  }
});

test("its digits can be told apart, but not by a nearest neighbour alone", () => {
  const train = syntheticDigits(1000, 6);
  const held = syntheticDigits(200, 6, "test");
  let right = 0;
  for (let i = 0; i < held.count; i++) {
    let best = Infinity;
    let label = -1;
    for (let j = 0; j < train.count; j++) {
      let distance = 0;
      for (let p = 0; p < 784; p++) {
        const difference = held.pixels[784 * i + p]! - train.pixels[784 * j + p]!;
        distance += difference * difference;
      }
      if (distance < best) [best, label] = [distance, train.labels[j]!];
    }
    if (label === held.labels[i]) right++;
  }
  const accuracy = right / held.count;
  assert.ok(accuracy > 0.5 && accuracy < 0.95, `nearest neighbour: ${accuracy}`);
});

test.run();
