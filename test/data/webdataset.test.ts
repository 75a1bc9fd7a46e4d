import { gzipSync } from "fflate";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { loadDataset } from "../../src/data/index.ts";
import { loadWebdataset } from "../../src/data/webdataset.ts";
import { readTar } from "../../src/data/tar.ts";
import { DataError } from "../../src/errors.ts";
import { errorOf, folderOf, removeFolders } from "./folder.ts";
import { image, jpeg, png } from "./images.ts";
import { entry, gnu, link, pax, tar } from "./tars.ts";

const dots = await Promise.all([10, 20, 30, 40].map((red) => png(image(4, 4, [red, 0, 0]))));
const photo = await jpeg(image(4, 4, [50, 50, 50]));

const shard = (...labels: readonly number[]): Uint8Array =>
  tar(
    ...labels.flatMap((label, i) => [
      entry(`${i}.png`, dots[i]!),
      entry(`${i}.cls`, String(label)),
    ]),
  );

test("shards by part; files of one key are one example", async () => {
  const dir = folderOf({
    "shard-train-000000.tar": shard(2, 0),
    "shard-train-000001.tar.gz": gzipSync(
      tar(
        entry("more/5.cls", "1\n"),
        entry("more/5.jpg", photo),
        entry("more/5.txt", "a caption"),
        entry("6.txt", "a caption alone"),
        entry("7.jpg", photo),
        entry("8.gif", "GIF89a\x01\0\x01\0"),
        entry("9.image", dots[3]!),
        entry("9.json", '{"label": 2, "caption": "z"}'),
      ),
    ),
    "shard-test-000000.tar": shard(1),
    "classnames.txt": "cat\ndog\ncow\n",
  });
  const { train, test: second, notes } = await loadWebdataset(dir);
  assert.equal(
    [train.classes, [...train.labels]],
    [
      ["cat", "dog", "cow"],
      [2, 0, 1, 2],
    ],
  );
  assert.equal(train.names, [
    "shard-train-000000.tar/0.png",
    "shard-train-000000.tar/1.png",
    "shard-train-000001.tar.gz/more/5.jpg",
    "shard-train-000001.tar.gz/9.image",
  ]);
  assert.equal(
    [0, 1, 3].map((i) => train.pixels[48 * i]),
    [10, 20, 40],
  );
  assert.equal([...second.labels], [1]);
  assert.match(notes!.join(" "), /3 files passed over: .*1 GIF.*shard-train-000001/);
  assert.match(notes!.join(" "), /1 without an image.*|.*1 without a label/);
});

test("numbers count among classnames.txt, also where these are numbers; without it they are names", async () => {
  const files = { "train.tar": shard(0, 1, 2), "test.tar": shard(1) };
  const names = await loadWebdataset(folderOf({ ...files, "classnames.txt": "2\n3\n1\n" }));
  assert.equal([...names.train.labels, ...names.test.labels], [0, 1, 2, 1]);
  const dir = folderOf({ "train.tar": shard(0, 2), "test.tar": shard(1) });
  assert.match((await errorOf(loadWebdataset(dir))).message, /there is no class "1"/);
});

test("a label in JSON counts where there is no .cls; numbers that JSON rounds are refused", async () => {
  const of = (...labels: readonly string[]): Uint8Array =>
    tar(
      ...labels.flatMap((label, i) => [
        entry(`${i}.json`, `{"label": ${label}}`),
        entry(`${i}.png`, dots[i]!),
      ]),
      ...[entry("7.json", '{"label": [1]}'), entry("7.png", dots[3]!), entry("7.cls", "true")],
      ...[entry("8.cls", String(2n ** 53n)), entry("8.png", dots[3]!)],
      ...[entry("9.cls", String(2n ** 53n + 1n)), entry("9.png", dots[3]!)],
    );
  const load = (part: Uint8Array) =>
    loadWebdataset(folderOf({ "train.tar": part, "test.tar": part }));
  const { train } = await load(of("true", "false", '"true"'));
  const big = ["9007199254740992", "9007199254740993"];
  assert.equal(
    [train.classes, [...train.labels]],
    [
      [...big, "false", "true"],
      [3, 2, 3, 3, 0, 1],
    ],
  );
  for (const [label, message] of [
    [String(2n ** 53n + 1n), /0\.json: its label is 9007199254740992, which other .*as a text/],
    ["[1]", /0\.json: its label is \[1\]; labels are words, numbers, or true and false/],
  ] as const) {
    assert.match((await errorOf(load(of(label)))).message, message);
  }
});

test("names too long for a header, as GNU's tar and Python's have them; labels as words", async () => {
  const long = `${"folder/".repeat(20)}größe`;
  const part = tar(
    gnu(`${long}.png`),
    entry(`${long}.png`, dots[0]!),
    gnu(`${long}.cls`),
    entry(`${long}.cls`, "dog"),
    pax(`${long}2.png`),
    entry(`${long}2.png`, dots[1]!),
    pax(`${long}2.cls`),
    entry(`${long}2.cls`, "cat"),
  );
  const dir = folderOf({ "train/0.tar": part, "val/0.tar": part });
  const { train } = await loadDataset({ name: "webdataset", dir, seed: 1 });
  assert.equal(train.names, [`train/0.tar/${long}.png`, `train/0.tar/${long}2.png`]);
  assert.equal(
    [train.classes, [...train.labels]],
    [
      ["cat", "dog"],
      [1, 0],
    ],
  );
});

test("the image is KEY.png; a mask beside it is passed over and counted, in either order", async () => {
  const mask = dots[3]!;
  const part = tar(
    ...[entry("0.png", dots[0]!), entry("0.seg.png", mask), entry("0.cls", "0")],
    ...[entry("1.seg.png", mask), entry("1.PNG", dots[1]!), entry("1.cls", "1")],
    // The only image of its example; several, and none that is the image by its name.
    ...[entry("2.input.png", dots[2]!), entry("2.cls", "0")],
    ...[entry("3.a.png", mask), entry("3.b.png", mask), entry("3.cls", "1")],
    ...[entry("4.gif", "GIF89a\x01\0\x01\0"), entry("4.seg.png", mask), entry("4.cls", "1")],
  );
  const dir = folderOf({ "train.tar": part, "test.tar": shard(0) });
  const { train, notes } = await loadWebdataset(dir);
  assert.equal(
    [train.names, [...train.labels], [0, 1, 2].map((i) => train.pixels[48 * i])],
    [
      ["train.tar/0.png", "train.tar/1.PNG", "train.tar/2.input.png"],
      [0, 1, 0],
      [10, 20, 30],
    ],
  );
  assert.match(
    notes!.join(" "),
    /6 files passed over: 3 of several images and none .*, 2 beside the image of their example, 1 GIF; the first: train\.tar\/0\.seg\.png/,
  );
});

test("two files that are the same of one example are refused by their names", async () => {
  const one = [entry("2.png", dots[0]!), entry("2.cls", "0")];
  for (const [more, message] of [
    [entry("2.png", dots[1]!), /train\.tar: "2\.png" is in it twice/],
    [entry("2.cls", "1"), /train\.tar: "2\.cls" is in it twice/],
    [entry("2.jpg", photo), /"2\.png" and "2\.jpg" are both the image of one example/],
  ] as const) {
    const dir = folderOf({ "train.tar": tar(...one, more), "test.tar": shard(0) });
    const error = await errorOf(loadWebdataset(dir));
    assert.instance(error, DataError);
    assert.match(error.message, message);
  }
});

test("links are the files they lead to, and counted where they lead nowhere", async () => {
  const long = `${"folder/".repeat(20)}zero`;
  const part = tar(
    ...[entry("./0.png", dots[0]!), entry("./0.cls", "0"), link("./1.png", "./0.png")],
    ...[link("./1.cls", "0.cls"), link("more/2.jpg", "../3.jpg", "2"), entry("more/2.cls", "1")],
    ...[entry("3.jpg", photo), link("3.cls", "./more/2.cls", "2")],
    ...[gnu(`${long}.png`), entry("x", dots[2]!)],
    ...[gnu(`${long}.png`, "K"), gnu("4.png"), link("x", "x"), entry("4.cls", "0")],
    ...[pax(`${long}.png`, "linkpath"), link("5.png", "x", "2"), entry("5.cls", "1")],
    // Before the file that it leads to, out of the archive, in a circle, to a folder; a mask is no image for a lost one.
    ...[link("6.png", "7.png"), entry("6.cls", "0"), link("7.png", "/7.png", "2")],
    ...[entry("7.seg.png", dots[3]!), entry("7.cls", "0"), link("8.png", "../8.png", "2")],
    ...[link("9.png", "9.png", "2"), entry("more/", "", "5"), link("some", "./more", "2")],
  );
  const dir = folderOf({ "train.tar": part, "test.tar": shard(0) });
  const { train, notes } = await loadWebdataset(dir);
  assert.equal(
    train.names!.map((name, i) => [
      name.slice("train.tar/".length),
      train.labels[i],
      train.pixels[48 * i],
    ]),
    [
      ["./0.png", 0, 10],
      ["./1.png", 0, 10],
      ["more/2.jpg", 1, train.pixels[48 * 3]],
      ["3.jpg", 1, train.pixels[48 * 3]],
      ["4.png", 0, 30],
      ["5.png", 1, 30],
    ],
  );
  assert.match(notes!.join(" "), /4 broken link/);
  assert.match(notes!.join(" "), /1 beside the image of their example/);
  assert.throws(
    () => readTar(tar(entry("0.png", dots[0]!), link("1.png", "2.png")), "a.tar"),
    /a\.tar: "1\.png" is a link to no file of the archive; .*with -h\./,
  );
  for (const sparse of [
    [entry("0.png", dots[0]!, "S")],
    [pax("1", "GNU.sparse.major"), link("0.png", "")],
  ]) {
    assert.throws(() => readTar(tar(...sparse), "a.tar"), /"0\.png" is stored as a sparse file/);
  }
});

test("what a name says does not steer the terminal, in errors and notes", async () => {
  const red = "\u001b[31mred";
  const bad = tar(entry(`${red}.png`, "text"), entry(`${red}.cls`, "0"));
  const half = tar(entry(`${red}.png`, dots[0]!), entry("1.png", dots[1]!), entry("1.cls", "0"));
  const error = await errorOf(loadWebdataset(folderOf({ "train.tar": bad, "test.tar": shard(0) })));
  assert.match(error.message, /train\.tar: \u{fffd}\[31mred\.png: neither a JPEG/u);
  const dir = folderOf({ "train.tar": half, "test.tar": half });
  const { notes } = await loadDataset({ name: "webdataset", dir, seed: 1 });
  assert.match(notes!.join(), /the first: train\.tar\/\u{fffd}\[31mred\.png/u);
});

test("bytes after the end of an archive do no harm", async () => {
  const part = Buffer.concat([shard(0, 1), Buffer.from("left over")]);
  const dir = folderOf({ "train.tar": part, "test.tar": part });
  assert.is((await loadWebdataset(dir)).train.count, 2);
});

test("what is damaged or missing is named", async () => {
  const good = shard(0, 1);
  const flipped = Uint8Array.from(good);
  flipped[3]! ^= 1;
  for (const [content, message] of [
    [flipped, /train\.tar: the tar data is damaged/],
    [good.subarray(0, 600), /train\.tar: the tar data is damaged or cut short/],
    [tar(entry("0.png", dots[0]!, "0", "-0000001000")), /the tar data is damaged.* at byte 0/],
    [tar(entry("0.png", dots[0]!, "0", "\x80\0\0\0\0\0\0\0\0\x02\0")), /the tar data is damaged/],
    [good.subarray(0, good.length - 1024), /no end mark, so that it may be cut short/],
    [Buffer.concat([good, good]), /more follows on the end of the tar data.*pack them into one/],
    [tar(entry("0.json", "[".repeat(1e6))), /0\.json: this is no JSON \(.*more than 200 deep/],
    [tar(entry("0.json", "{"), entry("0.png", dots[0]!)), /train\.tar: 0\.json: this is no JSON/],
    [
      tar(
        entry("0.cls", "0"),
        entry("0.png", "text"),
        entry("1.cls", "1"),
        entry("1.png", dots[0]!),
      ),
      /train\.tar: 0\.png: neither a JPEG/,
    ],
    [tar(entry("0.png", dots[0]!)), /training part has no image/],
  ] as const) {
    const dir = folderOf({ "train.tar": content, "test.tar": good });
    const error = await errorOf(loadWebdataset(dir));
    assert.instance(error, DataError);
    assert.match(error.message, message);
  }
  const other = folderOf({ "train.tar": good, "test.tar": shard(7) });
  assert.match(
    (await errorOf(loadWebdataset(other))).message,
    /test\.tar: 0\.png: there is no class "7"/,
  );
  const half = folderOf({ "train.tar": good });
  assert.match((await errorOf(loadWebdataset(half))).message, /no tar file of the part test/);
});

test.after(removeFolders);
test.run();
