import { test } from "uvu";
import * as assert from "uvu/assert";
import { DataError } from "../../src/errors.ts";
import { loadImageFolder } from "../../src/data/image-folder.ts";
import { loadDataset } from "../../src/data/index.ts";
import { errorOf, folderOf, removeFolders } from "./folder.ts";
import { type Colour, jpeg, image, png } from "./images.ts";

const red: Colour = [200, 20, 40];
const blue: Colour = [10, 30, 220];
const grey: Colour = [90, 90, 90];

/** Two classes, both formats, upper-case ending, a grey JPEG, and files to pass over. */
async function sample(): Promise<{ [path: string]: Uint8Array | string }> {
  return {
    "train/zebra/a.png": await png(image(8, 8, red, blue)),
    "train/zebra/b.JPEG": await jpeg(image(8, 8, blue)),
    "train/ape/one.jpg": await jpeg(image(8, 8, grey), true),
    "train/ape/notes.txt": "not an image",
    "train/ape/.hidden.png": "not an image either",
    "train/README": "not a class",
    "test/zebra/c.png": await png(image(8, 8, grey)),
  };
}

const near = (got: ArrayLike<number>, expected: readonly number[], within: number) =>
  expected.forEach((value, i) => {
    assert.ok(Math.abs(got[i]! - value) <= within, `${Array.from(got)} is not ${expected}`);
  });

test("classes are the sorted folder names; PNG is exact, JPEG near, grey becomes RGB", async () => {
  const { train, test } = await loadImageFolder(folderOf(await sample()));
  assert.equal(train.classes, ["ape", "zebra"]);
  assert.equal([train.count, train.height, train.width, train.channels], [3, 8, 8, 3]);
  assert.equal([...train.labels], [0, 1, 1]);
  const at = (i: number) => train.pixels.subarray(i * 192, i * 192 + 6);
  // Even areas survive JPEG but for rounding between colour spaces.
  near(at(0), [90, 90, 90, 90, 90, 90], 2);
  assert.equal([...at(1)], [...red, ...blue]);
  near(at(2), [...blue, ...blue], 4);
  assert.equal([test.count, ...test.labels, ...test.pixels.subarray(0, 3)], [1, 1, 90, 90, 90]);
});

test("grey output is Rec. 601 luma", async () => {
  const { train } = await loadImageFolder(folderOf(await sample()), { grey: true });
  assert.equal([train.channels, train.pixels.length], [1, 3 * 64]);
  const luma = ([r, g, b]: Colour) => Math.round(0.299 * r + 0.587 * g + 0.114 * b);
  near(train.pixels.subarray(64, 66), [luma(red), luma(blue)], 1);
});

test("counts take equal shares, decode only those, and repeat for a seed", async () => {
  const files: { [path: string]: Uint8Array } = {};
  for (let i = 0; i < 10; i++) {
    files[`train/a/${i}.png`] = await png(image(2, 2, [i, 0, 0]));
    files[`train/b/${i}.png`] = await png(image(2, 2, [100 + i, 0, 0]));
    files[`val/b/${i}.png`] = await png(image(2, 2, [200, 0, 0]));
  }
  const dir = folderOf(files);
  const reds = async (seed: number) => {
    const { train, test } = await loadImageFolder(dir, { trainCount: 6, testCount: 3, seed });
    assert.is(train.labels.filter((label) => label === 1).length, 3);
    assert.equal([...test.labels], [1, 1, 1]);
    const values = Array.from({ length: 6 }, (_, i) => train.pixels[12 * i]!);
    assert.ok(values.every((value, i) => value >= 100 === (train.labels[i] === 1)));
    // The colour tells which file an image was.
    const file = (value: number): string =>
      value >= 100 ? `train/b/${value - 100}.png` : `train/a/${value}.png`;
    assert.equal([...train.names!], values.map(file));
    assert.equal(
      [...train.numbers!],
      values.map((value) => (value >= 100 ? value - 90 : value)),
    );
    return values;
  };
  assert.equal(await reds(1), await reds(1));
  assert.not.equal(await reds(1), await reds(2));
  assert.match((await errorOf(loadImageFolder(dir, { trainCount: 21 }))).message, /has 20 images/);
});

test("the first odd size is named", async () => {
  const small = await png(image(7, 8, red));
  const cases: [string, { [path: string]: Uint8Array }][] = [
    ["train/zebra/b.png: 7×8 pixels", { "train/zebra/b.png": small }],
    ["test/zebra/z.png: 7×8 pixels", { "test/zebra/z.png": small }],
    ["train/ape/a.png: 7×8 pixels", { "train/ape/a.png": small }],
  ];
  for (const [expected, odd] of cases) {
    const error = await errorOf(loadImageFolder(folderOf({ ...(await sample()), ...odd })));
    assert.instance(error, DataError);
    assert.ok(error.message.includes(expected), error.message);
  }
});

test("with a size, images of any shape become the largest square in their middle", async () => {
  const files = await sample();
  // Left and right edges lie outside the square in the middle.
  const wide = image(8, 4, red);
  for (let row = 0; row < 4; row++) {
    for (const column of [0, 1, 6, 7]) wide.data.set(blue, 4 * (8 * row + column));
  }
  const dir = folderOf({ ...files, "train/zebra/a.png": await png(wide) });
  const { train } = await loadImageFolder(dir, { size: 4 });
  assert.equal([train.height, train.width], [4, 4]);
  for (let p = 0; p < 16; p++) {
    assert.equal([...train.pixels.subarray(48 + 3 * p, 51 + 3 * p)], [...red]);
  }
});

test("images of one smaller size are left to be enlarged on the GPU; of several, resized", async () => {
  const files = await sample();
  const even = await loadImageFolder(folderOf(files), { size: 12 });
  for (const part of [even.train, even.test]) {
    assert.equal([part.height, part.width, part.stored], [12, 12, { height: 8, width: 8 }]);
    assert.is(part.pixels.length, part.count * 8 * 8 * 3);
  }
  const odd = { ...files, "train/zebra/z.png": await png(image(7, 8, red)) };
  const mixed = await loadImageFolder(folderOf(odd), { size: 12 });
  assert.equal([mixed.train.height, mixed.train.stored], [12, undefined]);
  assert.is(mixed.train.pixels.length, 4 * 12 * 12 * 3);
  // Each part as its own files are.
  assert.equal(mixed.test, even.test);
});

/** Twenty images of each of two classes, in one folder or in `train`. */
async function oneSet(train = ""): Promise<Record<string, Uint8Array>> {
  const files: Record<string, Uint8Array> = {};
  for (const [at, name] of ["ape", "zebra"].entries()) {
    for (let i = 0; i < 20; i++) {
      files[`${train}${name}/${i}.png`] = await png(image(4, 4, [10 * i, 100 * at, 0]));
    }
  }
  return files;
}

test("of a folder that is one set a share is held back to test on, by the images' names", async () => {
  const files = await oneSet();
  const whole = await loadImageFolder(folderOf(files), { testShare: 0.3 });
  const names = (set: { readonly names?: readonly string[] | undefined }): string[] => [
    ...set.names!,
  ];
  assert.equal(
    [...names(whole.train), ...names(whole.test)].sort(),
    Object.keys(files).sort(),
    "each image is in one of the two",
  );
  const held = whole.test.count;
  assert.ok(held >= 5 && held <= 19, `${held} of 40`);
  assert.equal(whole.train.classes, whole.test.classes);
  assert.match(whole.notes!.join(" "), new RegExp(`${held} of the 40 images are held back`));
  // Whatever goes or comes, the others stay where they are: no image that was learnt is tested on later.
  const gone = names(whole.train).slice(0, 7);
  const fewer = Object.fromEntries(Object.entries(files).filter(([name]) => !gone.includes(name)));
  const later = await loadImageFolder(folderOf({ ...fewer, "ape/new.png": files["ape/0.png"]! }), {
    testShare: 0.3,
    seed: 9,
  });
  const without = (list: string[]): string[] => list.filter((name) => name !== "ape/new.png");
  assert.equal(without(names(later.test)), names(whole.test));
  assert.equal(
    without(names(later.train)),
    names(whole.train).filter((name) => !gone.includes(name)),
  );
  const half = await loadImageFolder(folderOf(await oneSet("train/")), { testShare: 0.5 });
  assert.match(names(half.train)[0]!, /^train\/ape\//);
  const most = await loadImageFolder(folderOf(files), { testShare: 0.999 });
  assert.equal([...most.train.labels], [0, 1], "an image of each class stays to be learnt");
  const none = await loadImageFolder(folderOf(files), { testShare: 0 });
  assert.equal([none.train.count, none.test.count], [40, 0]);
  assert.match(none.notes!.join(" "), /No image is held back/);
});

test("a share is held back where nothing else is there to test on, and of no other set", async () => {
  const both = await errorOf(loadImageFolder(folderOf(await sample()), { testShare: 0.2 }));
  assert.match(both.message, /its test\/ is there to test on.*`testShare`/);
  const one = await errorOf(loadImageFolder(folderOf(await oneSet())));
  assert.match(one.message, /no train\/ in it.*`testShare` holds a share back/);
  const drawn = await errorOf(loadDataset({ name: "synthetic", testShare: 0.2, seed: 1 }));
  assert.match(drawn.message, /"synthetic" has a part to test on: `testShare`/);
});

test("a corrupt file is named, and the decoder works on afterwards", async () => {
  const files = await sample();
  const goodPng = files["train/zebra/a.png"] as Uint8Array;
  const goodJpeg = files["train/zebra/b.JPEG"] as Uint8Array;
  const broken = goodPng.slice();
  broken.fill(0, 8, 40);
  const brokenJpeg = goodJpeg.slice();
  brokenJpeg.fill(0, 4, goodJpeg.length - 40);
  const cases: [string, Uint8Array | string][] = [
    ["cut.png", goodPng.subarray(0, goodPng.length - 30)],
    ["broken.png", broken],
    ["cut.jpg", goodJpeg.subarray(0, goodJpeg.length - 20)],
    ["broken.jpg", brokenJpeg],
    ["text.jpg", "no image at all"],
    ["empty.png", ""],
  ];
  for (const [name, content] of cases) {
    const dir = folderOf({ ...files, [`train/zebra/${name}`]: content });
    const error = await errorOf(loadImageFolder(dir));
    assert.instance(error, DataError);
    assert.ok(error.message.startsWith(`${dir}/train/zebra/${name}: `), error.message);
    assert.is((await loadImageFolder(folderOf(files))).train.count, 3);
  }
});

test("missing folders and empty classes are named", async () => {
  const files = await sample();
  const without = (start: string) =>
    Object.fromEntries(Object.entries(files).filter(([path]) => !path.startsWith(start)));
  const cases: [{ [path: string]: Uint8Array | string }, RegExp][] = [
    [without("train"), /no train\/ in it/],
    [without("test"), /no test\/ or val\/ in it/],
    [without("train/ape/one"), /train\/ape: no \.jpg/],
    [{ ...files, "test/yak/x.png": "" }, /test\/yak: .*no class of that name/],
    [{ ...without("test"), "test/zebra/x.txt": "" }, /test: no \.jpg/],
    [{ ...without("train"), "train/x.txt": "" }, /no class folders/],
  ];
  for (const [content, pattern] of cases) {
    assert.match((await errorOf(loadImageFolder(folderOf(content)))).message, pattern);
  }
});

test.after(removeFolders);
test.run();
