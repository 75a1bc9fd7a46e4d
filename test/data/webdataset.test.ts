import { gzipSync } from "fflate";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { loadDataset } from "../../src/data/index.ts";
import { loadWebdataset } from "../../src/data/webdataset.ts";
import { DataError } from "../../src/errors.ts";
import { errorOf, folderOf, removeFolders } from "./folder.ts";
import { image, jpeg, png } from "./images.ts";
import { entry, gnu, pax, tar } from "./tars.ts";

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
