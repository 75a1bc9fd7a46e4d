import { readFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { loadDataset } from "../../src/data/index.ts";
import { loadParquet } from "../../src/data/parquet.ts";
import { DataError } from "../../src/errors.ts";
import { errorOf, folderOf, removeFolders } from "./folder.ts";
import { image, jpeg, png } from "./images.ts";
import { file, numbers } from "./parquet-file.ts";

const dots = await Promise.all([10, 20, 30, 40].map((red) => png(image(4, 4, [red, 0, 0]))));
const photo = await jpeg(image(4, 4, [50, 0, 0]), true);

const features = {
  info: {
    features: {
      img: { _type: "Image" },
      coarse: { _type: "ClassLabel", names: ["x", "y"] },
      fine: { _type: "ClassLabel", names: ["cat", "dog", "cow"] },
    },
  },
};

test("Hugging Face's files: features name columns and classes, paths name parts", async () => {
  const options = { metadata: features, name: "img" };
  const dir = folderOf({
    "data/train-00000-of-00002-a0b1.parquet": file(
      [dots[0]!, dots[1]!],
      { coarse: numbers(0, 1), fine: numbers(2, 0) },
      options,
    ),
    "data/train-00001-of-00002-c2d3": file(
      [dots[2]!],
      { coarse: numbers(0), fine: numbers(1) },
      options,
    ),
    "data/validation-00000-of-00001.parquet": file(
      [photo, dots[3]!],
      { coarse: numbers(0, 0), fine: numbers(1, -1) },
      options,
    ),
    "README.md": "text",
  });
  const { train, test: second, notes } = await loadParquet(dir);
  // The first class label in the order of the columns.
  assert.equal(train.classes, ["x", "y"]);
  assert.equal(
    [[...train.labels], [...second.labels]],
    [
      [0, 1, 0],
      [0, 0],
    ],
  );
  assert.equal(
    [0, 1, 2].map((i) => train.pixels[48 * i]),
    [10, 20, 30],
  );
  assert.ok(Math.abs(second.pixels[0]! - 50 * 0.299) < 3);
  assert.equal(train.names, [
    "data/train-00000-of-00002-a0b1.parquet/0.png",
    "data/train-00000-of-00002-a0b1.parquet/1.png",
    "data/train-00001-of-00002-c2d3/0.png",
  ]);
  assert.equal(notes, ['classes are those of column "coarse", not of "fine".']);
});

test("without features: a column with bytes in it, and `label` as words or numbers", async () => {
  const words = { label: { data: ["dog", "cat", "dog"], type: "STRING" as const } };
  const part = file(dots.slice(0, 3), words);
  const dir = folderOf({ "train.parquet": part, "test.parquet": part });
  const { train } = await loadDataset({ name: "parquet", dir, trainCount: 2, size: 8, seed: 1 });
  assert.equal([train.classes, new Set(train.labels)], [["cat", "dog"], new Set([0, 1])]);
  assert.equal([train.height, train.stored], [8, { height: 4, width: 4 }]);
  const unlabelled = folderOf({
    "train.parquet": file(dots.slice(0, 2), { label: numbers(10, 9) }),
    "test.parquet": file(dots.slice(0, 2), { label: numbers(9, -1) }),
  });
  const other = await loadParquet(unlabelled);
  assert.equal(
    [other.train.classes, [...other.train.labels]],
    [
      ["9", "10"],
      [1, 0],
    ],
  );
  assert.is(other.test.count, 1);
  assert.equal(other.notes, ["images left out for want of a label (-1): 1."]);
});

test("numbers are places among classes that have names, also where the names are numbers", async () => {
  const labelsOf = async (names: string[], train: number[], other: number[]) => {
    const options = { metadata: { info: { features: { label: { _type: "ClassLabel", names } } } } };
    const part = (labels: number[]) =>
      file(dots.slice(0, labels.length), { label: numbers(...labels) }, options);
    const dir = folderOf({ "train.parquet": part(train), "test.parquet": part(other) });
    const set = await loadParquet(dir);
    return [set.train.classes, [...set.train.labels], [...set.test.labels]];
  };
  for (const names of [
    ["1", "2", "3"],
    ["0", "1", "10", "2"],
  ]) {
    assert.equal(await labelsOf(names, [0, 1, 2], [2]), [names, [0, 1, 2], [2]]);
  }
  const error = await errorOf(labelsOf(["1", "2", "3"], [0, 1], [3]));
  assert.match(error.message, /test\.parquet, row 0.*its label is 3, and there are 3 classes/);
});

test("without names a label of the test images that the training images lack is refused", async () => {
  const part = (...labels: number[]) =>
    file(dots.slice(0, labels.length), { label: numbers(...labels) });
  const dir = folderOf({ "train.parquet": part(0, 2), "test.parquet": part(2, 1) });
  assert.match((await errorOf(loadParquet(dir))).message, /row 1.*there is no class "1"/);
});

test("whole numbers beyond 2^53 stay apart, and true and false are classes", async () => {
  const big = 2n ** 53n;
  for (const [label, classes, labels] of [
    [{ data: [big + 1n, big, 7n] }, ["7", String(big), String(big + 1n)], [2, 1, 0]],
    [{ data: [true, false, true], type: "BOOLEAN" }, ["false", "true"], [1, 0, 1]],
  ] as const) {
    const part = file(dots.slice(0, 3), { label: { ...label, data: [...label.data] } });
    const { train } = await loadParquet(folderOf({ "train.parquet": part, "test.parquet": part }));
    assert.equal([train.classes, [...train.labels]], [classes, labels]);
  }
});

test("of several columns of images the one called image is taken, and a note says so", async () => {
  const metadata = {
    info: { features: { a_mask: { _type: "Image" }, image: { _type: "Image" } } },
  };
  const part = file(dots.slice(0, 2), { label: numbers(0, 1) }, { metadata, masks: dots[3]! });
  const { train, notes } = await loadParquet(
    folderOf({ "train.parquet": part, "test.parquet": part }),
  );
  assert.equal([train.pixels[0], train.pixels[48]], [10, 20]);
  assert.equal(notes, ['images are those of column "image", not of "a_mask".']);
});

test("what is damaged or missing is named", async () => {
  const good = file(dots.slice(0, 2), { label: numbers(0, 1) });
  const flipped = good.slice();
  flipped.fill(255, 20, 40);
  for (const [content, message] of [
    [
      good.subarray(0, good.length - 20),
      /train\.parquet: this parquet file is damaged or cut short/,
    ],
    [flipped, /train\.parquet/],
    [file([dots[0]!], { kind: numbers(0) }), /no column of labels; it has image, kind/],
    [
      file([dots[0]!, null], { label: numbers(0, 1) }),
      /train\.parquet, row 1: no image in column "image"/,
    ],
    [
      file([dots[0]!], { label: { data: [null], type: "INT64" } }),
      /train\.parquet, row 0: no label in column "label"/,
    ],
    [
      file([dots[0]!], { label: { data: [Number.NaN], type: "DOUBLE" } }),
      /row 0: no label in column "label"/,
    ],
    [
      file([dots[0]!], { label: { data: [Uint8Array.from([1])], type: "BYTE_ARRAY" } }),
      /row 0, column "label": its label is a Uint8Array; labels are words, numbers, or true and false/,
    ],
    [
      file([Uint8Array.from([1, 2]), dots[0]!], { label: numbers(0, 1) }),
      /train\.parquet, row 0 \(0\.png\): neither a JPEG/,
    ],
  ] as const) {
    const dir = folderOf({ "train.parquet": content, "test.parquet": good });
    const error = await errorOf(loadParquet(dir));
    assert.instance(error, DataError);
    assert.match(error.message, message);
  }
  const half = folderOf({ "train.parquet": good });
  assert.match((await errorOf(loadParquet(half))).message, /no parquet file of the part test/);
  const none = folderOf({ "train.parquet": "no parquet" });
  assert.match((await errorOf(loadParquet(none))).message, /no parquet files in it/);
  assert.ok(readFileSync(`${half}/train.parquet`).length > 0);
});

test("what claims more than it holds is refused before it is believed", async () => {
  const label = { label: numbers(0, 1, 0, 1) };
  const good = Buffer.from(file(dots, label, { plain: true }));
  // Levels of the label: eight packed bits, before its first numbers, 0 and 1.
  const levels = good.indexOf(Buffer.from([3, 15, 0, 0, 0, 0, 0, 0, 0, 0, 1]));
  const longer = Buffer.from(good);
  longer.set([0xfe, 0x7f], levels);
  // The image has 63 columns in it, by the schema.
  const children = Buffer.from(good);
  const at = good.indexOf(Buffer.from("image\x15\x04", "latin1"));
  assert.ok(levels > 0 && at > 0);
  children[at + 6] = 0x7e;
  for (const [content, message] of [
    [longer, /train\.parquet: this parquet file is damaged/],
    [children, /train\.parquet: this parquet file is damaged/],
  ] as const) {
    const error = await errorOf(
      loadParquet(folderOf({ "train.parquet": content, "test.parquet": good })),
    );
    assert.instance(error, DataError);
    assert.match(error.message, message);
  }
});

test.after(removeFolders);
test.run();
