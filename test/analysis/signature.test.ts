// What a scenario changed of images, and the share of a map that lies on it.
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  changedPixels,
  enlargedMap,
  shareOn,
  unchangedImages,
  widened,
} from "../../src/analysis/signature.ts";
import { type Dataset, subset } from "../../src/data/dataset.ts";

const clean: Dataset = {
  name: "made",
  classes: ["a", "b"],
  ...{ height: 4, width: 4, channels: 2, count: 2 },
  stored: { height: 2, width: 2 },
  pixels: new Uint8Array(16),
  labels: new Uint16Array(2),
};

test("changed pixels are those of any image asked for, in the size that the network sees", () => {
  const pixels = clean.pixels.slice() as Uint8Array<ArrayBuffer>;
  // Image 1, row 1, column 0, second channel.
  pixels[8 + 4 + 1] = 9;
  const trained = { ...clean, pixels };
  const want = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0];
  assert.equal([...changedPixels(trained, clean, Uint32Array.of(0, 1))!], want);
  assert.is(changedPixels(trained, clean, Uint32Array.of(0)), undefined);
  // An image that was added afterwards has nothing to be compared with.
  const fewer = { ...clean, count: 1, pixels: new Uint8Array(8) };
  assert.is(changedPixels(trained, fewer, Uint32Array.of(1)), undefined);
});

test("images as they were: those of the data set, and of an added one the image itself", () => {
  const pixels = Uint8Array.from({ length: 24 }, (_, i) => i + 1);
  const trained = { ...clean, count: 3, pixels, labels: new Uint16Array(3) };
  const places = Uint32Array.of(2, 1);
  const own = unchangedImages(subset(trained, places), clean, places);
  assert.equal([...own.pixels], [...pixels.subarray(16), ...new Uint8Array(8)]);
});

test("a region is widened on all sides and not beyond the image", () => {
  const region = Uint8Array.from([1, 0, 0, 0, 0, 0, 0, 0, 0]);
  const extent = { height: 3, width: 3 };
  assert.equal([...widened(region, extent, 1)], [1, 1, 0, 1, 1, 0, 0, 0, 0]);
  assert.equal([...widened(region, extent, 0)], [...region]);
});

test("the share counts positive values alone; a map without any has none", () => {
  const region = Uint8Array.of(1, 1, 0, 0);
  assert.is(shareOn(Float64Array.of(3, -5, 1, -9), region), 0.75);
  assert.ok(Number.isNaN(shareOn(Float64Array.of(-1, 0, -2, 0), region)));
  // A map of two columns over four: 4 on the left falls to 0 on the right, by quarters about the centres.
  const map = enlargedMap([4, 0], { height: 1, width: 2 }, { height: 1, width: 4 });
  assert.equal([...map], [4, 3, 1, 0]);
  assert.is(shareOn(map, region), 7 / 8);
});

test.run();
