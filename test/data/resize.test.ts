import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Dataset } from "../../src/data/dataset.ts";
import { resizeDataset } from "../../src/data/resize.ts";

/** One picture whose columns have these values in all channels. */
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

test("growing is bilinear about the pixels' centres", async () => {
  assert.equal(firstRow(await resizeDataset(columns([0, 100]), 4)), [0, 25, 75, 100]);
});

test("channels and labels stay; a set of that size stays itself", async () => {
  const set = columns([0, 100], 3);
  set.pixels[0] = 40;
  const resized = await resizeDataset(set, 4);
  assert.equal([resized.channels, resized.pixels.length, resized.labels], [3, 48, set.labels]);
  assert.equal([...resized.pixels.subarray(0, 3)], [40, 0, 0]);
  assert.is(await resizeDataset(set, 2), set);
});

test.run();
