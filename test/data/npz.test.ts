import { test } from "uvu";
import * as assert from "uvu/assert";
import { loadNpz } from "../../src/data/npz.ts";
import { loadDataset } from "../../src/data/index.ts";
import { DataError } from "../../src/errors.ts";
import { errorOf, folderOf, removeFolders } from "./folder.ts";
import { archive, bytesOf, npy } from "./npy-files.ts";

const count = 6;
/** [6, 2, 3, 3]. */
const pixels = Uint8Array.from({ length: count * 18 }, (_, i) => (i * 7) % 256);
const labels = Uint8Array.from([0, 1, 2, 0, 1, 2]);
const bytes = npy("|u1", [count, 2, 3, 3], pixels);
const classOf = npy("|u1", [count], labels);

const load = (content: Uint8Array) => loadNpz(`${folderOf({ "a.npz": content })}/a.npz`);

test("arrays by Keras's and by MedMNIST's names, packed or not, in one file", async () => {
  for (const [names, level] of [
    [["x_train", "y_train", "x_test", "y_test"], 0],
    [["train_images", "train_labels", "val_images", "val_labels"], 6],
    [["X_train", "Y_train", "X_valid", "Y_valid"], 0],
  ] as const) {
    const [x, y, u, v] = names;
    const { train, test: second } = await load(
      archive({ [x]: bytes, [y]: classOf, [u]: bytes, [v]: classOf }, level),
    );
    assert.equal([train.count, train.height, train.width, train.channels], [6, 2, 3, 3]);
    assert.equal([train.pixels, second.pixels], [pixels, pixels]);
    assert.equal([[...train.labels], train.classes], [[...labels], ["0", "1", "2"]]);
  }
});

test("one file a part, told by its name", async () => {
  const part = archive({ images: bytes, labels: classOf });
  const dir = folderOf({ "my_train.npz": part, "sub/my_test": part, "notes.txt": "" });
  const { train, test: second } = await loadDataset({ name: "npz", dir, trainCount: 3, seed: 1 });
  assert.equal([train.count, second.count], [3, 6]);
  assert.equal(new Set(train.labels), new Set([0, 1, 2]));
});

test("channels first, Fortran's order, grey images and one-hot labels come out the same", async () => {
  const at = (i: number, r: number, c: number, ch: number): number =>
    pixels[((i * 2 + r) * 3 + c) * 3 + ch]!;
  const each = (order: (i: number, r: number, c: number, ch: number) => number): Uint8Array => {
    const out = new Uint8Array(pixels.length);
    for (let i = 0; i < count; i++) {
      for (let r = 0; r < 2; r++) {
        for (let c = 0; c < 3; c++) {
          for (let ch = 0; ch < 3; ch++) out[order(i, r, c, ch)] = at(i, r, c, ch);
        }
      }
    }
    return out;
  };
  // A side of 2 or 3 might be taken for channels: [6, 3, 2, 3] is [N, H, W, C].
  const first = each((i, r, c, ch) => ((i * 3 + ch) * 2 + r) * 5 + c);
  const wide = new Uint8Array(count * 3 * 2 * 5);
  wide.set(first.subarray(0, wide.length));
  const fortran = each((i, r, c, ch) => i + count * (r + 2 * (c + 3 * ch)));
  const hot = Uint8Array.from([...labels].flatMap((label) => [0, 1, 2].map((j) => +(j === label))));
  const { train, test: second } = await load(
    archive({
      x_train: npy("|u1", [count, 2, 3, 3], fortran, true),
      y_train: npy("|u1", [count, 3], hot),
      x_test: npy("|u1", [count, 2, 3], pixels.subarray(0, 36)),
      y_test: npy("|u1", [count, 1], labels),
    }),
  );
  assert.equal([train.pixels, [...train.labels]], [pixels, [...labels]]);
  assert.equal([second.channels, second.pixels], [1, pixels.slice(0, 36)]);
  const planes = Uint8Array.from({ length: count * 3 * 4 * 5 }, (_, i) => i % 251);
  const channelsFirst = (
    await load(
      archive({
        x_train: npy("|u1", [count, 3, 4, 5], planes),
        y_train: classOf,
        x_test: npy("|u1", [count, 3, 4, 5], planes),
        y_test: classOf,
      }),
    )
  ).train;
  assert.equal([channelsFirst.height, channelsFirst.width, channelsFirst.channels], [4, 5, 3]);
  const pixel = [...channelsFirst.pixels.subarray(3 * 7, 3 * 7 + 3)];
  assert.equal(pixel, [planes[7], planes[20 + 7], planes[40 + 7]]);
});

test("one-hot labels have as many classes as columns, also where the last has no image", async () => {
  const hot = npy("|u1", [2, 3], [0, 1, 0, 1, 0, 0]);
  const x = npy("|u1", [2, 2, 3, 3], pixels.subarray(0, 36));
  const { train, test: second } = await load(
    archive({ x_train: x, y_train: hot, x_test: x, y_test: hot }),
  );
  assert.equal(
    [train.classes, [...train.labels]],
    [
      ["0", "1", "2"],
      [1, 0],
    ],
  );
  assert.equal(second.classes, train.classes);
});

test("numbers of other kinds: floats to 1 or to 255, integers, bools, either order of bytes", async () => {
  const unit = Float32Array.from(pixels, (value) => value / 255);
  const doubles = Float64Array.from(pixels);
  const big = bytesOf(doubles).slice();
  for (let i = 0; i < big.length; i += 8) big.subarray(i, i + 8).reverse();
  const longs = BigInt64Array.from(pixels, BigInt);
  const wholeLabels = npy("<i8", [count], bytesOf(BigInt64Array.from(labels, BigInt)));
  const shape = [count, 2, 3, 3];
  for (const [x, note] of [
    [npy("<f4", shape, bytesOf(unit)), /floats are taken as from 0 to 1 and kept in 8 bits/],
    [npy("<f8", shape, bytesOf(doubles)), /floats are taken as from 0 to 255/],
    [npy(">f8", shape, big), /0 to 255/],
    [npy("<i8", shape, bytesOf(longs)), /^$/],
  ] as const) {
    const { train, notes } = await load(
      archive({ x_train: x, y_train: wholeLabels, x_test: x, y_test: wholeLabels }),
    );
    assert.equal(train.pixels, pixels);
    assert.match(notes!.join(" "), note);
  }
  const bits = npy("|b1", [2, 1, 2], [0, 1, 1, 0]);
  const two = npy("|u1", [2], [0, 1]);
  const { train } = await load(archive({ x_train: bits, y_train: two, x_test: bits, y_test: two }));
  assert.equal([...train.pixels], [0, 255, 255, 0]);
});

test("normalised images and vectors are kept as floats", async () => {
  const normalised = Float32Array.from(pixels, (value) => value / 100 - 1);
  const shape = [count, 2, 3, 3];
  const x = npy("<f4", shape, bytesOf(normalised));
  const vectors = npy("<f8", [count, 18], bytesOf(Float64Array.from(normalised)));
  for (const [images, sizes] of [
    [x, [2, 3, 3]],
    [vectors, [1, 1, 18]],
  ] as const) {
    const parts = { x_train: images, y_train: classOf, x_test: images, y_test: classOf };
    const { train, notes } = await load(archive(parts));
    assert.equal([train.height, train.width, train.channels], sizes);
    assert.equal(train.pixels, normalised);
    assert.match(
      notes!.join(" "),
      /values from -1 to 1\.5\d* are taken as they are, not as colours/,
    );
  }
  const bytesOnly = npy("|u1", [count, 18], pixels);
  const parts = { x_train: bytesOnly, y_train: classOf, x_test: bytesOnly, y_test: classOf };
  const { train, notes } = await load(archive(parts));
  assert.equal([train.channels, train.pixels, notes], [18, pixels, []]);
});

test("class names from an array of words", async () => {
  const words = ["größe", "b", "犬"];
  const points = words.flatMap((word) =>
    Array.from(word.padEnd(5, "\0"), (c) => c.codePointAt(0)!),
  );
  const { train } = await load(
    archive({
      ...{ x_train: bytes, y_train: classOf, x_test: bytes, y_test: classOf },
      classes: npy("<U5", [3], bytesOf(Uint32Array.from(points))),
    }),
  );
  assert.equal(train.classes, words);
});

test("what is damaged, missing or out of range is named", async () => {
  const good = { x_train: bytes, y_train: classOf, x_test: bytes, y_test: classOf };
  const file = archive(good);
  const flipped = file.slice();
  flipped[200]! ^= 4;
  const floats = (value: number) => npy("<f4", [1, 1, 2], bytesOf(Float32Array.from([0.5, value])));
  const one = npy("|u1", [1], [0]);
  const unlike = { x_train: floats(1), y_train: one, x_test: floats(-2), y_test: one };
  const brighter = { ...unlike, x_train: floats(255), x_test: floats(1) };
  for (const [content, message] of [
    [flipped, /a\.npz" is damaged: "x_train\.npy" .* does not have its checksum/],
    [file.subarray(0, file.length - 40), /a\.npz" is a zip archive that is damaged or cut short/],
    [Buffer.from("text"), /this is no \.npz file/],
    [
      archive({ x_train: bytes, y_train: classOf }),
      /no arrays of the test part .*has x_train, y_train/,
    ],
    [archive({ x: bytes, y: classOf }), /no arrays of the train part/],
    [archive(unlike), /array "x_test": image 0 has a value of -2, .*save both parts alike/],
    [archive(brighter), /array "x_test": .* from 0 to 1, .* from 0 to 255; save both parts alike/],
    [
      archive({ ...brighter, x_train: npy("|u1", [1, 1, 2], [0, 255]) }),
      /array "x_test": .* from 0 to 1, .*save both parts alike/,
    ],
    [archive({ ...good, x_train: npy("|O", [1], [1]) }), /holds Python objects/],
    [
      archive({ ...good, x_train: npy("<c8", [1], [1, 2, 3, 4, 5, 6, 7, 8]) }),
      /type "<c8" are not read/,
    ],
    [archive({ ...good, x_train: npy("|u1", [9], pixels.subarray(0, 9)) }), /of shape \[9\]/],
    [
      archive({ ...good, y_test: npy("|u1", [6], [0, 1, 2, 0, 1, 3]) }),
      /array "y_test": image 5 has label 3; labels .* from 0 to 2/,
    ],
    [
      archive({ ...good, y_train: npy("|i1", [6], [0, 1, 255, 0, 1, 2]) }),
      /npz, array "y_train": image 2 has label -1/,
    ],
    [
      archive({ ...good, y_train: npy("|u1", [], [1]) }),
      /a\.npz, array "y_train": its labels have the shape \[\]; they are \[N\]\.$/,
    ],
    [
      archive({
        ...good,
        y_test: npy(
          "|u1",
          [6, 2],
          Array.from({ length: 12 }, (_, i) => (i + 1) % 2),
        ),
      }),
      /array "y_test": rows of 2 classes, and there are 3/,
    ],
    [
      archive({ ...good, y_test: npy("|u1", [6, 3], new Uint8Array(18)) }),
      /^[^:]*array "y_test": row 0 of its labels is no class/,
    ],
    [
      archive({ ...good, y_train: npy("|u1", [5], [0, 1, 2, 0, 1]) }),
      /array "y_train": 6 images need as many labels, got 5/,
    ],
    [archive({ ...good, x_train: npy("|u1", [7, 2, 3, 3], pixels) }), /cut short or damaged/],
    [archive({ ...good, x_train: npy("|u1", [-6, -18], pixels) }), /cut short or damaged \(-6×-18/],
    [archive({ ...good, classes: npy("<U0", [2 ** 52], []) }), /array "classes": it is cut short/],
    [
      archive({ ...good, classes: npy("<U1", [1], [0, 0, 0x11, 0]) }),
      /array "classes": it is damaged: 1114112 is no character/,
    ],
    [
      archive({
        ...good,
        classes: Uint8Array.from([0x93, ...Buffer.from("NUMPY"), 2, 0, 0, 0, 9, 0]),
      }),
      /array "classes": its header is damaged or cut short/,
    ],
  ] as const) {
    const error = await errorOf(load(content));
    assert.instance(error, DataError);
    assert.match(error.message, message);
  }
  const several = folderOf({ "a.npz": file, "b.npz": file });
  assert.match((await errorOf(loadNpz(several))).message, /several \.npz files, .*a\.npz and/);
  assert.match((await errorOf(loadNpz(folderOf()))).message, /no \.npz files in it/);
});

test("an archive that unpacks to far more than it takes is refused before it is unpacked", async () => {
  const error = await errorOf(load(archive({ x_train: new Uint8Array(2 ** 26 + 1) }, 6)));
  assert.instance(error, DataError);
  assert.match(error.message, /a\.npz": "x_train\.npy" .* claims 67108865 bytes unpacked/);
});

test.after(removeFolders);
test.run();
