import { existsSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { DataError } from "../../src/errors.ts";
import { loadMnist, mnist, parseIdx } from "../../src/data/mnist.ts";
import { sharedFile, skip } from "../shared.ts";
import { errorOf, folderOf, removeFolders } from "./folder.ts";

/** An IDX file of bytes that count up from `start`. */
function idx(shape: number[], start = 0, modulus = 256): Uint8Array {
  const header = [0, 0, 8, shape.length, ...shape.flatMap((n) => [0, 0, n >> 8, n & 255])];
  const size = shape.reduce((a, b) => a * b, 1);
  return Uint8Array.from([
    ...header,
    ...Array.from({ length: size }, (_, i) => (start + i) % modulus),
  ]);
}

const plain = {
  "train-images-idx3-ubyte": idx([3, 2, 2]),
  "train-labels-idx1-ubyte": idx([3], 7, 10),
  "t10k-images-idx3-ubyte": idx([2, 2, 2], 100),
  "t10k-labels-idx1-ubyte": idx([2], 1),
};

test("reads plain files, gzip files, and names with a dot", async () => {
  const entries = Object.entries(plain);
  const layouts = [
    plain,
    Object.fromEntries(entries.map(([name, bytes]) => [`${name}.gz`, gzipSync(bytes)])),
    Object.fromEntries(entries.map(([name, bytes]) => [name.replace("-idx", ".idx"), bytes])),
  ];
  for (const files of layouts) {
    const { train, test } = await loadMnist(folderOf(files));
    assert.equal([train.count, train.height, train.width, train.channels], [3, 2, 2, 1]);
    assert.equal([...train.pixels], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    assert.equal([...train.labels], [7, 8, 9]);
    assert.is(train.classes.length, 10);
    assert.equal([test.count, ...test.pixels], [2, 100, 101, 102, 103, 104, 105, 106, 107]);
    assert.equal([...test.labels], [1, 2]);
  }
});

test("a missing file is named, with where it was sought and what to do", async () => {
  const { "t10k-labels-idx1-ubyte": _, ...rest } = plain;
  const dir = folderOf(rest);
  const error = await errorOf(loadMnist(dir));
  assert.instance(error, DataError);
  for (const part of ["t10k-labels-idx1-ubyte", dir, "rewind fetch mnist"]) {
    assert.ok(error.message.includes(part), error.message);
  }
});

test("where files lack, the part that is there is a set of its own", async () => {
  const train = Object.fromEntries(
    Object.entries(plain).filter(([name]) => name.startsWith("train")),
  );
  const some = await mnist.incomplete!(folderOf(train));
  assert.equal([some!.count, ...some!.labels], [3, 7, 8, 9]);
  for (const files of [plain, {}]) assert.is(await mnist.incomplete!(folderOf(files)), undefined);
});

test("damage is named: magic, length, label count, label value, gzip", async () => {
  const name = "train-images-idx3-ubyte";
  const cases: [{ [file: string]: Uint8Array }, RegExp][] = [
    [{ [name]: idx([12]) }, /train-images.*0 0 8 1, expected 0 0 8 3/],
    [{ [name]: plain[name].subarray(0, 20) }, /announces 3×2×2 = 12 bytes of data but has 4/],
    [{ [name]: plain[name].subarray(0, 10) }, /cut short in its header/],
    [{ [name]: new Uint8Array(0) }, /begins with the bytes/],
    [{ [name]: idx([4, 2, 2]) }, /holds 4 images but .* 3 labels/],
    [{ "train-labels-idx1-ubyte": idx([3], 9) }, /label 1 is 10, expected 0 to 9/],
    [{ "t10k-images-idx3-ubyte": idx([2, 3, 3]) }, /2×2, test images 3×3/],
    [{ [name]: gzipSync(Buffer.alloc(2 ** 26 + 1)) }, /gzip data unpack to more than 67108864/],
    [{ [name]: gzipSync(plain[name]).subarray(0, 25) }, /gzip data is damaged or cut short/],
  ];
  for (const [files, pattern] of cases) {
    const error = await errorOf(loadMnist(folderOf({ ...plain, ...files })));
    assert.instance(error, DataError);
    assert.match(error.message, pattern);
  }
});

test("IDX sizes are big-endian", () => {
  const bytes = idx([258]);
  assert.equal(parseIdx(bytes, 1, "x").shape, [258]);
});

const real = sharedFile("data/mnist");
if (existsSync(real)) {
  test("the real MNIST has its known counts, first labels and mean", async () => {
    const { train, test } = await loadMnist(real);
    assert.equal([train.count, test.count, train.height, train.width], [60000, 10000, 28, 28]);
    assert.equal([...train.labels.subarray(0, 5)], [5, 0, 4, 1, 9]);
    assert.equal([...test.labels.subarray(0, 5)], [7, 2, 1, 0, 4]);
    // The mean every tutorial normalises by.
    const mean = [...train.pixels].reduce((sum, v) => sum + v, 0) / train.pixels.length / 255;
    assert.ok(Math.abs(mean - 0.1307) < 5e-5, `mean ${mean}`);
  });
} else {
  skip("data/mnist, the real MNIST files,");
}

test.after(removeFolders);
test.run();
