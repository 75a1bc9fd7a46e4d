import { test } from "uvu";
import * as assert from "uvu/assert";
import { DataError, UsageError } from "../../src/errors.ts";
import { loadDataset } from "../../src/data/index.ts";
import { errorOf, folderOf, removeFolders } from "./folder.ts";

test("the synthetic set needs no files", async () => {
  const { train, test } = await loadDataset({
    name: "synthetic",
    trainCount: 30,
    testCount: 20,
    seed: 1,
  });
  assert.equal([train.count, test.count], [30, 20]);
  assert.not.equal(train.pixels.slice(0, 784), test.pixels.slice(0, 784));
});

test("counts take a balanced part of a set from files", async () => {
  const record = (label: number) => [label, ...Array.from({ length: 3072 }, () => label)];
  const batch = Uint8Array.from([0, 1, 2, 3].flatMap(record));
  const files = Object.fromEntries(
    [1, 2, 3, 4, 5].map((i) => [`data_batch_${i}.bin`, batch] as const),
  );
  const dir = folderOf({ ...files, "test_batch.bin": batch });
  const { train, test } = await loadDataset({ name: "cifar10", dir, trainCount: 8, seed: 2 });
  assert.equal(
    [...train.labels].sort((a, b) => a - b),
    [0, 0, 1, 1, 2, 2, 3, 3],
  );
  assert.is(test.count, 4);
});

test("the images of some classes are taken alone, and these become the only ones", async () => {
  const wanted = { name: "synthetic", trainCount: 6, testCount: 4, seed: 1 };
  const { train, test } = await loadDataset({ ...wanted, classes: ["7", "0"] });
  assert.equal([train.classes, train.count, test.count], [["0", "7"], 6, 4]);
  assert.equal(train.labels.toSorted().join(""), "000111");
  // Files are read whole: of five images of each class, all of class 1 and 3.
  const record = (label: number) => [label, ...Array.from({ length: 3072 }, () => label)];
  const batch = Uint8Array.from([0, 1, 2, 3].flatMap(record));
  const names = [1, 2, 3, 4, 5].map((i) => `data_batch_${i}.bin`);
  const dir = folderOf(Object.fromEntries([...names, "test_batch.bin"].map((n) => [n, batch])));
  const cifar = { name: "cifar10", dir, seed: 2, classes: ["1", "3"] };
  const read = await loadDataset(cifar);
  assert.equal([read.train.count, read.train.classes], [10, ["1", "3"]]);
  const ofPixels = [...read.train.labels].map((_, i) => read.train.pixels[i * 3072]);
  assert.equal(
    [...read.train.labels].map((label) => [1, 3][label]),
    ofPixels,
  );
  const error = await errorOf(loadDataset({ ...cifar, classes: ["6"] }));
  assert.ok(error instanceof DataError);
  assert.match(error.message, /has no image of the classes 6/);
});

test("a size above the images' own is left to the GPU, one below it is not", async () => {
  const load = (size: number) =>
    loadDataset({ name: "synthetic", trainCount: 3, testCount: 2, seed: 1, size });
  const { train, test } = await load(56);
  for (const part of [train, test]) {
    assert.equal([part.height, part.width, part.stored], [56, 56, { height: 28, width: 28 }]);
    assert.is(part.pixels.length, part.count * 28 * 28);
  }
  const same = await load(28);
  assert.equal(same.train.pixels, train.pixels);
  assert.is(same.train.stored, undefined);
  const small = (await load(14)).train;
  assert.equal([small.pixels.length, small.stored], [3 * 14 * 14, undefined]);
});

test("an unknown name lists the known ones", async () => {
  const error = await errorOf(loadDataset({ name: "svhn", dir: "x", seed: 0 }));
  assert.instance(error, UsageError);
  assert.match(
    error.message,
    /"svhn"; there are: synthetic, mnist, cifar10, cifar100, tiny-imagenet, image-folder/,
  );
});

test("a set from files asks for its directory", async () => {
  assert.match((await errorOf(loadDataset({ name: "mnist", seed: 0 }))).message, /`dir=DIR`/);
});

test("images beyond any memory are an error that says what to do", async () => {
  const error = await errorOf(
    loadDataset({ name: "synthetic", trainCount: 2 ** 45, testCount: 2, seed: 0 }),
  );
  assert.instance(error, DataError);
  assert.match(error.message, /take more memory than there is: take fewer \(`trainCount`/);
});

test.after(removeFolders);
test.run();
