// Image folders as people have them: what is read, and what is said of the rest.
import { spawnSync } from "node:child_process";
import { mkdirSync, symlinkSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { loadImageFolder } from "../../src/data/image-folder.ts";
import { DataError } from "../../src/errors.ts";
import { errorOf, folderOf, removeFolders } from "./folder.ts";
import { image, jpeg, png } from "./images.ts";
import { pngKinds } from "./png-kinds.ts";

type Files = Record<string, Uint8Array | string>;

const dot = await png(image(4, 4, [40, 80, 250]));
const photo = await jpeg(image(4, 4, [40, 80, 250]));
const webp = new Uint8Array(
  Buffer.from("UklGRh4AAABXRUJQVlA4TBEAAAAvA8AAAAdQqKJUv/+BiOh/AAA=", "base64"),
);
const gif = Buffer.from("GIF89a\x01\0\x01\0", "latin1");

/** Six training and three test images of each class. */
function base(...classes: readonly string[]): Files {
  const files: Files = {};
  for (const name of classes) {
    for (let i = 0; i < 6; i++) files[`train/${name}/p${i}.png`] = dot;
    for (let i = 0; i < 3; i++) files[`test/${name}/p${i}.png`] = dot;
  }
  return files;
}

const load = (files: Files) => loadImageFolder(folderOf(files));

const counts = async (files: Files): Promise<number[]> => {
  const { train } = await load(files);
  return train.classes.map((_, label) => train.labels.filter((l) => l === label).length);
};

test("folders within that of a class are walked down; its own files come first", async () => {
  const files = base("a", "b");
  for (let i = 0; i < 50; i++) files[`train/a/more/deep/q${i}.png`] = dot;
  const { train, notes } = await load(files);
  assert.is(train.labels.filter((label) => label === 0).length, 56);
  assert.equal(train.names!.slice(5, 7), ["train/a/p5.png", "train/a/more/deep/q0.png"]);
  assert.equal(notes, []);
  // A folder whose name ends as an image's.
  assert.equal(await counts({ ...base("a", "b"), "train/a/album.jpg/x.png": dot }), [7, 6]);
});

test("files are told by content; what is not read is counted aloud", async () => {
  const files = {
    ...base("a", "b"),
    "train/a/x.JPG": photo,
    "train/a/x.jfif": photo,
    "train/a/png.jpg": dot,
    "train/a/no suffix": photo,
    "train/a/x.gif": gif,
    "train/a/gif.jpg": gif,
    "train/a/notes.txt": "text",
    "train/b/Makefile": "text",
    "train/list.csv": "text",
  };
  const { train, notes } = await load(files);
  assert.equal(train.names!.slice(0, 4), [
    "train/a/no suffix",
    "train/a/p0.png",
    "train/a/p1.png",
    "train/a/p2.png",
  ]);
  assert.is(train.count, 16);
  assert.equal(notes, [
    "5 files passed over: 2 GIF, 1 .csv, 1 .txt, 1 without a suffix; the first: train/list.csv. " +
      "Convert images of other kinds to PNG or JPEG to use them.",
  ]);
});

test("WebP images are read, whatever their suffix", async () => {
  const files: Files = { ...base("a", "b"), "train/a/z.jpg": webp };
  for (let i = 0; i < 6; i++) files[`train/c/p${i}.webp`] = webp;
  const { train } = await load(files);
  assert.equal([train.count, train.classes], [19, ["a", "b", "c"]]);
  assert.equal([...train.pixels.subarray(6 * 48, 6 * 48 + 3)], [40, 80, 250]);
});

test("a file that is no image though its suffix says so is refused by name", async () => {
  for (const [content, message] of [
    ["text", /train\/a\/z\.jpg: neither a JPEG/],
    ["", /train\/a\/z\.jpg: an empty file/],
    ["version https://git-lfs.github.com/spec/v1", /train\/a\/z\.jpg: a Git LFS pointer/],
  ] as const) {
    const error = await errorOf(load({ ...base("a", "b"), "train/a/z.jpg": content }));
    assert.instance(error, DataError);
    assert.match(error.message, message);
  }
});

test("what systems and editors leave behind is passed over", async () => {
  const files: Files = {
    ...base("a", "b"),
    "train/__MACOSX/a/._p0.png": "litter",
    "train/a/._p0.png": "\0\x05\x16\x07",
    "train/.DS_Store": "x",
    "train/a/Thumbs.db": "x",
    "train/.ipynb_checkpoints/p0.png": dot,
    "train/a/.ipynb_checkpoints/p0.png": dot,
  };
  const { train, notes } = await load(files);
  assert.equal([train.classes, train.count], [["a", "b"], 12]);
  assert.equal(notes, [
    "6 files passed over: 6 hidden or of the system; the first: train/.DS_Store.",
  ]);
});

test("classes come in the order of code points", async () => {
  const of = async (...names: string[]) => (await load(base(...names))).train.classes;
  assert.equal(await of("\u{1F600}", "\uFF21"), ["\uFF21", "\u{1F600}"]);
  assert.equal(await of("B", "a", "C", "b"), ["B", "C", "a", "b"]);
  assert.equal(await of("2", "10", "1"), ["1", "10", "2"]);
  const { train } = await load(base("größe", "black cat", "犬 dog", "it's"));
  assert.equal(train.classes, ["black cat", "größe", "it's", "犬 dog"]);
  assert.is(train.names![0], "train/black cat/p0.png");
});

test("the second part by its other names; of several, the first with images in classes", async () => {
  const renamed = (name: string): Files =>
    Object.fromEntries(
      Object.entries(base("a", "b")).map(([path, file]) => [path.replace(/^test/, name), file]),
    );
  for (const name of ["test", "val", "valid", "validation"]) {
    const { test: second, notes } = await load(renamed(name));
    assert.equal([second.count, notes], [6, []], name);
    assert.is(second.names![0], `${name}/a/p0.png`);
  }
  const both = await load({ ...renamed("valid"), "test/001.png": dot });
  assert.is(both.test.names![0], "valid/a/p0.png");
  assert.equal(both.notes, ["test/ is not used: valid/ is taken for the test images."]);
  const error = await errorOf(load({ "train/a/x.png": dot }));
  assert.match(error.message, /no test\/ or val\/ in it; .*others that it is measured on/);
});

test("a class without an image, in either part", async () => {
  const files: Files = { ...base("a", "b"), "train/c/p.png": dot };
  assert.equal((await load(files)).notes, ["test/ has no image of 1 of the 3 classes: c."]);
  const error = await errorOf(load({ ...base("a"), "train/c/p.gif": gif }));
  assert.match(error.message, /train\/c: no \.jpg.*1 file passed over: 1 GIF/);
  const dir = folderOf(base("a", "b"));
  mkdirSync(`${dir}/train/empty`);
  assert.match((await errorOf(loadImageFolder(dir))).message, /train\/empty: no \.jpg/);
});

test("images outside the folders of classes are counted aloud", async () => {
  const { train, notes } = await load({
    ...base("a", "b"),
    "train/x.png": dot,
    "train/y.png": dot,
  });
  assert.is(train.count, 12);
  assert.equal(notes, ["train/: 2 images have no class and are left out; the first: train/x.png."]);
});

test("links are followed; one that leads nowhere is passed over, one that leads back refused", async () => {
  const dir = folderOf({ ...base("a", "b"), "elsewhere/x.png": dot });
  symlinkSync(`${dir}/elsewhere`, `${dir}/train/a/linked`);
  symlinkSync(`${dir}/nowhere.png`, `${dir}/train/a/lost.png`);
  const { train, notes } = await loadImageFolder(dir);
  assert.is(train.count, 13);
  assert.equal(notes, ["1 file passed over: 1 broken link; the first: train/a/lost.png."]);
  symlinkSync(`${dir}/train/a`, `${dir}/train/a/back`);
  assert.match((await errorOf(loadImageFolder(dir))).message, /does a link lead back/);
});

test("turned and transparent images are counted aloud, from the cache as well", async () => {
  const exif = [
    ...[0xff, 0xe1, 0, 34, ...Buffer.from("Exif\0\0MM\0*", "latin1"), 0, 0, 0, 8, 0, 1],
    ...[0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0],
  ];
  const plain = await jpeg(image(8, 8, [1, 2, 3]));
  const turned = Uint8Array.from([...plain.subarray(0, 2), ...exif, ...plain.subarray(2)]);
  const files: Files = {};
  for (const part of ["train", "test"]) {
    for (let i = 0; i < 3; i++) {
      files[`${part}/a/${i}.png`] = pngKinds["rgb8"]![0];
      files[`${part}/b/${i}.jpg`] = i > 0 && part === "train" ? turned : plain;
    }
  }
  for (let i = 0; i < 520; i++) files[`train/a/more/${i}.png`] = pngKinds["rgb8"]![0];
  files["train/a/more/7.png"] = pngKinds["rgba8, clear"]![0];
  const dir = folderOf(files);
  const before = process.env["REWIND_CACHE"];
  process.env["REWIND_CACHE"] = folderOf();
  try {
    for (let start = 0; start < 2; start++) {
      assert.equal((await loadImageFolder(dir)).notes, [
        "2 images: each is to be turned for display (EXIF orientation), which is left aside; " +
          "the first: train/b/1.jpg.",
        "1 image is transparent in parts, which is left aside; the first: train/a/more/7.png.",
      ]);
    }
  } finally {
    if (before === undefined) delete process.env["REWIND_CACHE"];
    else process.env["REWIND_CACHE"] = before;
  }
});

test("metadata.csv and metadata.jsonl label the images of a part, or of the whole", async () => {
  const csv = (text: string): Files => ({
    "train/metadata.csv": text,
    "train/1.png": dot,
    "train/more/2.jpg": photo,
    "train/3.png": dot,
    "test/metadata.jsonl": '{"file_name":"x.png","label":"cat","caption":"a"}\n\n',
    "test/x.png": dot,
  });
  const good = '\uFEFFfile_name,label,caption\n3.png,dog,"a, b"\nmore/2.jpg,cat,c\n1.png,cat,d\n';
  const { train, test: second, notes } = await load(csv(good));
  assert.equal(train.classes, ["cat", "dog"]);
  assert.equal(train.names, ["train/3.png", "train/more/2.jpg", "train/1.png"]);
  assert.equal([[...train.labels], [...second.labels]], [[1, 0, 0], [0]]);
  assert.equal(notes, ["test/ has no image of 1 of the 2 classes: dog."]);
  const whole = await load({
    "metadata.jsonl":
      '{"file_name":"train/1.png","label":10}\n{"file_name":"train/2.png","label":9}\n' +
      '{"file_name":"./val/3.png","label":9}\n',
    "train/1.png": dot,
    "train/2.png": dot,
    "train/4.png": dot,
    "val/3.png": dot,
  });
  assert.equal(
    [whole.train.classes, [...whole.train.labels]],
    [
      ["9", "10"],
      [1, 0],
    ],
  );
  assert.match(whole.notes!.join(" "), /train\/: 1 image has no class .*train\/4\.png/);
  for (const [text, message] of [
    ["file_name,label\n9.png,cat\n", /metadata\.csv, line 2: there is no file 9\.png/],
    ["file_name,text\n1.png,cat\n", /line 2: no column "label"; it has file_name, text/],
    ["file_name,label\n1.png,cat\n3.png,\n", /line 3: no label there/],
    ["file_name,label\n1.png,a\n1.png,b\n", /line 3: 1\.png was named before, in line 2/],
    ['file_name,label\n1.png,"cat\n3.png,dog\n', /metadata\.csv: a quote \("\) is not ended/],
    [
      "file_name,label\n1.png,a,b\n",
      /line 2: 3 values for 2 columns; put what has commas in quotes/,
    ],
    ["file_name,label,label\n1.png,a,b\n", /two columns are called "label"/],
    ["file_name,label\n../1.png,a\n", /line 2: "\.\.\/1\.png" lies outside/],
  ] as const) {
    assert.match((await errorOf(load(csv(text)))).message, message);
  }
  const latin = Buffer.from("file_name,label\n1.png,h\xfchner\n", "latin1");
  const error = await errorOf(load({ ...csv(""), "train/metadata.csv": latin }));
  assert.match(error.message, /metadata\.csv" is no text in UTF-8; save it in that encoding/);
  const lines = { ...csv(good), "test/metadata.jsonl": "x" };
  assert.match((await errorOf(load(lines))).message, /metadata\.jsonl, line 1: this is no JSON/);
});

test("a pipe that nobody writes to is passed over", async () => {
  const dir = folderOf({ "train/a/1.png": dot, "train/b/1.png": dot, "test/a/1.png": dot });
  const { status } = spawnSync("mkfifo", [`${dir}/train/a/2.png`]);
  if (status !== 0) {
    console.log("skipped: needs mkfifo");
    return;
  }
  const { train, notes } = await loadImageFolder(dir);
  assert.is(train.count, 2);
  assert.match(notes!.join(), /1 file passed over: 1 pipe; the first: train\/a\/2\.png/);
});

test.after(removeFolders);
test.run();
