import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Dataset, subset } from "../../src/data/dataset.ts";
import { enlarge } from "../../src/data/enlarge.ts";
import { resizeDataset, resizeImage, writeChannels } from "../../src/data/resize.ts";
import { Random } from "../../src/random.ts";
import { bilinear } from "./bilinear.ts";

/** One image whose columns have these values in all channels. */
function columns(values: readonly number[], channels: 1 | 3 = 1): Dataset {
  const side = values.length;
  return {
    name: "test",
    classes: ["a"],
    height: side,
    width: side,
    channels,
    count: 1,
    pixels: Uint8Array.from(
      { length: side * side * channels },
      (_, i) => values[Math.floor(i / channels) % side]!,
    ),
    labels: Uint16Array.of(0),
  };
}

const firstRow = ({ pixels, width, channels }: Dataset): number[] =>
  Array.from({ length: width }, (_, i) => pixels[i * channels]!);

test("shrinking widens the filter: weights by hand", async () => {
  // 4 → 2, centres at 1 and 3, half-width 2: (0.75 · 0 + 0.75 · 40 + 0.25 · 80) / 1.75.
  assert.equal(firstRow(await resizeDataset(columns([0, 40, 80, 120]), 2)), [29, 91]);
  // 3 → 2, centres at 0.75 and 2.25, half-width 1.5: (0.8333 · 0 + 0.5 · 90) / 1.3333 and so on.
  assert.equal(firstRow(await resizeDataset(columns([0, 90, 30]), 2)), [34, 53]);
});

test("growing a single image is bilinear about the pixels' centres", async () => {
  const data = Uint8ClampedArray.from([0, 100, 0, 100].flatMap((v) => [v, v, v, 255]));
  const pixels = new Uint8Array(16);
  writeChannels(await resizeImage({ data, width: 2, height: 2 }, 4), 1, pixels, 0);
  assert.equal([...pixels.subarray(0, 4)], [0, 25, 75, 100]);
});

test("a crop is the square in the middle, in whole pixels", async () => {
  const values = [0, 10, 20, 30, 40, 50, 60, 70];
  const data = Uint8ClampedArray.from(
    Array.from({ length: 6 }, () => values.flatMap((v) => [v, v, v, 255])).flat(),
  );
  const pixels = new Uint8Array(16);
  // Of 8 × 6 pixels 0.7 of the shorter side are 4: columns 2 to 5, as they are.
  writeChannels(await resizeImage({ data, width: 8, height: 6 }, 4, 0.7), 1, pixels, 0);
  assert.equal([...pixels.subarray(0, 4)], [20, 30, 40, 50]);
  const whole = new Uint8Array(36);
  writeChannels(await resizeImage({ data, width: 8, height: 6 }, 6), 1, whole, 0);
  assert.equal([...whole.subarray(0, 6)], [10, 20, 30, 40, 50, 60]);
});

test("channels and labels stay; a set of that size stays itself", async () => {
  const set = columns([0, 40, 80, 120], 3);
  set.pixels[0] = 40;
  const resized = await resizeDataset(set, 2);
  assert.equal([resized.channels, resized.pixels.length, resized.labels], [3, 12, set.labels]);
  // 40 has 9/49 of the weight: 0.75² of 1.75².
  assert.equal([...resized.pixels.subarray(0, 3)], [29 + 7, 29, 29]);
  assert.is(await resizeDataset(set, 4), set);
});

test("a set that grows keeps its pixels: 50,000 images of 224² take no memory", async () => {
  const count = 50_000;
  const set: Dataset = {
    ...columns([0, 100], 3),
    ...{ height: 32, width: 32, count },
    pixels: new Uint8Array(count * 32 * 32 * 3),
    labels: new Uint16Array(count),
  };
  const before = process.memoryUsage().arrayBuffers;
  const large = await resizeDataset(set, 224);
  // What other files have left in this process may be collected meanwhile.
  assert.ok(process.memoryUsage().arrayBuffers - before < 2 ** 20);
  assert.is(large.pixels, set.pixels);
  assert.equal([large.height, large.width, large.stored], [224, 224, { height: 32, width: 32 }]);
  // Part of it is a part of what is stored.
  const part = subset(large, [0, count - 1]);
  assert.equal(
    [part.pixels.length, part.height, part.stored],
    [2 * 32 * 32 * 3, 224, large.stored],
  );
});

test("a set that was to grow can be resized again", async () => {
  const set = columns([0, 40, 80, 120]);
  const large = await resizeDataset(set, 9);
  assert.equal(await resizeDataset(large, 2), await resizeDataset(set, 2));
  assert.equal(await resizeDataset(large, 4), set);
  assert.equal(await resizeDataset(large, 7), await resizeDataset(set, 7));
});

test("the mean image grows as an independent bilinear says", () => {
  const random = new Random(5);
  for (const [from, to, channels] of [
    [[2, 2], [4, 4], 1],
    [[5, 3], [13, 7], 3],
    [[7, 7], [224, 8], 3],
    [[1, 1], [3, 5], 1],
    [[4, 6], [4, 11], 1],
  ] as const) {
    const image = Float64Array.from({ length: from[0] * from[1] * channels }, () =>
      random.int(256),
    );
    const size = ([height, width]: readonly [number, number]) => ({ height, width });
    const got = enlarge(image, size(from), size(to), channels);
    const want = bilinear(image, from, to, channels);
    assert.is(got.length, want.length);
    want.forEach((value, i) => assert.ok(Math.abs(got[i]! - value) < 1e-10));
  }
  const line = enlarge(
    Float64Array.of(0, 100),
    { height: 1, width: 2 },
    { height: 1, width: 4 },
    1,
  );
  assert.equal([...line], [0, 25, 75, 100]);
});

test.run();
