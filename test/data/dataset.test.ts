import { test } from "uvu";
import * as assert from "uvu/assert";
import { DataError, UsageError } from "../../src/errors.ts";
import {
  type Dataset,
  imageName,
  pixelArray,
  withinMemory,
  subset,
  takeBalanced,
} from "../../src/data/dataset.ts";

/** Images of 1×2 RGB pixels whose bytes tell their index. */
function make(labels: number[], classes: string[]): Dataset {
  const pixels = Uint8Array.from({ length: labels.length * 6 }, (_, i) => i % 251);
  return {
    name: "made",
    classes,
    height: 1,
    width: 2,
    channels: 3,
    count: labels.length,
    pixels,
    labels: Uint16Array.from(labels),
  };
}

const counts = (dataset: Dataset) =>
  dataset.classes.map((_, label) => dataset.labels.filter((l) => l === label).length);

test("subset copies images and labels in the given order", () => {
  const all = make([0, 1, 0], ["a", "b"]);
  const part = subset(all, [2, 0, 2]);
  assert.is(part.count, 3);
  assert.equal([...part.labels], [0, 0, 0]);
  assert.equal([...part.pixels.subarray(0, 6)], [12, 13, 14, 15, 16, 17]);
  assert.equal([...part.pixels.subarray(6, 12)], [0, 1, 2, 3, 4, 5]);
  part.pixels[0] = 99;
  assert.is(all.pixels[12], 12);
});

test("images keep their names and their numbers through parts of parts", () => {
  const all = make([0, 1, 0, 1], ["a", "b"]);
  const part = subset(subset(all, [3, 1, 0]), [2, 0]);
  assert.equal([...part.numbers!], [0, 3]);
  assert.equal([imageName(all, 2), imageName(part, 1)], ["2", "3"]);
  const named = subset({ ...all, names: ["w", "x", "y", "z"] }, [3, 1]);
  assert.equal([...named.names!], ["z", "x"]);
  assert.is(imageName(named, 0), "z");
});

test("subset refuses an index outside", () => {
  for (const bad of [3, -1, 0.5]) {
    assert.throws(
      () => subset(make([0, 1, 0], ["a", "b"]), [bad]),
      (error: Error) => error instanceof UsageError && error.message.includes(String(bad)),
    );
  }
});

test("takeBalanced takes equal shares, the remainder one each", () => {
  const all = make(
    Array.from({ length: 90 }, (_, i) => Math.floor(i / 30)),
    ["a", "b", "c"],
  );
  assert.equal(counts(takeBalanced(all, 30, 1)), [10, 10, 10]);
  assert.equal(
    counts(takeBalanced(all, 31, 1)).sort((a, b) => a - b),
    [10, 10, 11],
  );
  assert.equal(counts(takeBalanced(all, 90, 1)), [30, 30, 30]);
  assert.is(takeBalanced(all, 0, 1).count, 0);
});

test("takeBalanced fills up from the others when a class runs out", () => {
  const all = make([0, 0, 0, 0, 0, 0, 1, 1, 2], ["a", "b", "c"]);
  assert.equal(counts(takeBalanced(all, 7, 3)), [4, 2, 1]);
});

test("takeBalanced repeats for a seed, differs between seeds, and takes nothing twice", () => {
  const all = make(
    Array.from({ length: 40 }, (_, i) => i % 2),
    ["a", "b"],
  );
  const firstBytes = (seed: number) =>
    Array.from({ length: 20 }, (_, i) => takeBalanced(all, 20, seed).pixels[6 * i]!);
  assert.equal(firstBytes(5), firstBytes(5));
  assert.not.equal(firstBytes(5), firstBytes(6));
  assert.is(new Set(firstBytes(5)).size, 20);
});

test("takeBalanced refuses more than there is", () => {
  assert.throws(() => takeBalanced(make([0, 1], ["a", "b"]), 3, 0), /has 2 images: 3 cannot/);
  assert.throws(() => takeBalanced(make([0, 1], ["a", "b"]), 0.5, 0), /cannot be taken/);
});

test("images that no array holds are refused with what to do", () => {
  assert.is(pixelArray(2, 3, 5, 3).length, 90);
  assert.throws(
    () => pixelArray(2 ** 40, 224, 224, 3),
    (error: Error) =>
      error instanceof DataError && /GiB, .*fewer \(`trainCount`/.test(error.message),
  );
});

test("arrays that cannot be made are told as such, and nothing else is", async () => {
  const error = await withinMemory(async () => new Uint8Array(2 ** 60)).catch((cause) => cause);
  assert.match(error.message, /^the images take more memory than there is: take fewer/);
  const other = new RangeError("something else");
  assert.is(await withinMemory(() => Promise.reject(other)).catch((cause) => cause), other);
});

test.run();
