import { test } from "uvu";
import * as assert from "uvu/assert";
import { cifar10 as cifar10Source, loadCifar } from "../../src/data/cifar.ts";
import { DataError } from "../../src/errors.ts";
import { errorOf, folderOf, removeFolders } from "./folder.ts";

/** A record whose red, green and blue planes are `base`, `base + 1`, `base + 2`, but for one pixel. */
function record(labels: number[], base: number): number[] {
  const planes = [0, 1, 2].flatMap((c) => Array.from({ length: 1024 }, () => base + c));
  // Row 1, column 2 of the green plane.
  planes[1024 + 32 + 2] = 200;
  return [...labels, ...planes];
}

const cifar10 = Object.fromEntries([
  ...[1, 2, 3, 4, 5].map((i) => [
    `data_batch_${i}.bin`,
    Uint8Array.from([...record([i], 10 * i), ...record([i + 1], 10 * i + 5)]),
  ]),
  ["test_batch.bin", Uint8Array.from(record([9], 100))],
]) as { [file: string]: Uint8Array };

test("CIFAR-10 batches come in order, planes as interleaved RGB", async () => {
  const { train, test } = await loadCifar("cifar10", folderOf(cifar10));
  assert.equal([train.count, train.height, train.width, train.channels], [10, 32, 32, 3]);
  assert.equal([...train.labels], [1, 2, 2, 3, 3, 4, 4, 5, 5, 6]);
  assert.equal([...train.pixels.subarray(0, 6)], [10, 11, 12, 10, 11, 12]);
  assert.equal([...train.pixels.subarray(3072, 3075)], [15, 16, 17]);
  const odd = 3 * (32 + 2);
  assert.equal([...train.pixels.subarray(odd, odd + 3)], [10, 200, 12]);
  assert.equal([test.count, ...test.labels], [1, 9]);
  assert.equal(train.classes, ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
});

test("the folder inside the archive is found, with its class names", async () => {
  const names = "airplane automobile bird cat deer dog frog horse ship truck".split(" ");
  const files = Object.entries({ ...cifar10, "batches.meta.txt": `${names.join("\n")}\n\n` });
  const dir = folderOf(
    Object.fromEntries(files.map(([name, bytes]) => [`cifar-10-batches-bin/${name}`, bytes])),
  );
  const { train } = await loadCifar("cifar10", dir);
  assert.is(train.count, 10);
  assert.equal(train.classes, names);
});

test("CIFAR-100 takes the fine label", async () => {
  const dir = folderOf({
    "train.bin": Uint8Array.from([...record([3, 77], 1), ...record([19, 0], 2)]),
    "test.bin": Uint8Array.from(record([0, 99], 3)),
  });
  const { train, test } = await loadCifar("cifar100", dir);
  assert.equal([...train.labels, ...test.labels], [77, 0, 99]);
  assert.is(train.classes.length, 100);
  assert.equal([...test.pixels.subarray(0, 3)], [3, 4, 5]);
});

test("where files lack, those that are there are one set", async () => {
  const { "data_batch_3.bin": third, "test_batch.bin": last } = cifar10;
  const dir = folderOf({ "data_batch_3.bin": third!, "test_batch.bin": last! });
  assert.equal([...(await cifar10Source.incomplete!(dir))!.labels], [3, 4, 9]);
  assert.is(await cifar10Source.incomplete!(folderOf(cifar10)), undefined);
});

test("missing, shortened and foreign files are named", async () => {
  const { "data_batch_3.bin": third, ...rest } = cifar10;
  const cases: [{ [file: string]: Uint8Array | string }, RegExp][] = [
    [rest, /no data_batch_3\.bin in .*rewind fetch cifar10/],
    [{ ...rest, "data_batch_3.bin": third!.subarray(0, 3080) }, /data_batch_3.*3080 bytes is not/],
    [{ ...rest, "data_batch_3.bin": new Uint8Array(0) }, /data_batch_3.* 0 bytes is not/],
    [
      { ...cifar10, "test_batch.bin": Uint8Array.from(record([10], 0)) },
      /test_batch.*record 0 has label 10, expected 0 to 9/,
    ],
    [{ ...cifar10, "batches.meta.txt": "cat\ndog\n" }, /2 class names, expected 10/],
  ];
  for (const [files, pattern] of cases) {
    const error = await errorOf(loadCifar("cifar10", folderOf(files)));
    assert.instance(error, DataError);
    assert.match(error.message, pattern);
  }
});

test.after(removeFolders);
test.run();
