import { test } from "uvu";
import * as assert from "uvu/assert";
import { DataError } from "../../src/errors.ts";
import { loadDataset } from "../../src/data/index.ts";
import { loadTinyImageNet } from "../../src/data/tiny-imagenet.ts";
import { exists } from "../../src/platform/files.ts";
import { sharedFile, skip } from "../shared.ts";
import { errorOf, folderOf, removeFolders } from "./folder.ts";
import { jpeg, image } from "./images.ts";

type Files = Record<string, Uint8Array | string>;

/** Two of three listed classes, in the order n2, n1. */
async function sample(): Promise<Files> {
  const of = (value: number) => jpeg(image(64, 64, [value, value, value]), value === 90);
  return {
    "wnids.txt": "n2\nn3\nn1\n",
    "words.txt": "n1\tgoldfish, Carassius auratus\nn2\tbus\n",
    "train/n1/images/n1_0.JPEG": await of(10),
    "train/n1/images/n1_1.JPEG": await of(20),
    "train/n1/n1_boxes.txt": "n1_0.JPEG\t0\t0\t1\t1",
    "train/n2/images/n2_0.JPEG": await of(90),
    "val/images/val_0.JPEG": await of(40),
    "val/images/val_1.JPEG": await of(50),
    "val/val_annotations.txt":
      "val_1.JPEG\tn2\t0\t0\t9\t9\nval_7.JPEG\tn3\t0\t0\t9\t9\nval_0.JPEG\tn1\t0\t0\t9\t9\n",
  };
}

test("labels follow wnids.txt, validation images their annotations, grey becomes RGB", async () => {
  const files = await sample();
  const inside = Object.fromEntries(
    Object.entries(files).map(([path, content]) => [`tiny-imagenet-200/${path}`, content]),
  );
  for (const dir of [folderOf(files), folderOf(inside)]) {
    const { train, test: val } = await loadTinyImageNet(dir, { seed: 1 });
    assert.equal(train.classes, ["bus", "goldfish"]);
    assert.equal([...train.labels], [0, 1, 1]);
    assert.equal([train.height, train.width, train.channels], [64, 64, 3]);
    const level = (pixels: ArrayLike<number>, i: number) =>
      Math.round(pixels[i * 64 * 64 * 3]! / 10);
    assert.equal(
      [0, 1, 2].map((i) => level(train.pixels, i)),
      [9, 1, 2],
    );
    assert.equal([...val.labels], [0, 1]);
    assert.ok(train.names!.every((name) => files[name] !== undefined));
    assert.ok(val.names!.every((name) => files[name] !== undefined));
    assert.equal([...train.numbers!], [0, 1, 2]);
    assert.equal(
      [0, 1].map((i) => level(val.pixels, i)),
      [5, 4],
    );
  }
});

test("files that are not called .JPEG are counted aloud", async () => {
  const dir = folderOf({ ...(await sample()), "train/n1/images/n1_2.png": "" });
  const { notes } = await loadTinyImageNet(dir, { seed: 1 });
  assert.equal(notes, [
    "1 file passed over: 1 not called .JPEG; the first: train/n1/images/n1_2.png.",
  ]);
});

test("counts and a size", async () => {
  const dir = folderOf(await sample());
  const { train, test: val } = await loadDataset({
    name: "tiny-imagenet",
    dir,
    trainCount: 2,
    testCount: 2,
    size: 16,
    seed: 1,
  });
  assert.equal(new Set(train.labels), new Set([0, 1]));
  assert.equal([train.height, val.width, val.pixels.length], [16, 16, 2 * 16 * 16 * 3]);
});

test("a size above the published one leaves the images to be enlarged on the GPU", async () => {
  const dir = folderOf(await sample());
  const load = async (size?: number) =>
    (await loadTinyImageNet(dir, { seed: 1, ...(size === undefined ? {} : { size }) })).train;
  const [plain, large] = [await load(), await load(224)];
  assert.equal([large.height, large.width, large.stored], [224, 224, { height: 64, width: 64 }]);
  assert.equal(large.pixels, plain.pixels);
  assert.is(plain.stored, undefined);
});

test("missing and wrong files are named", async () => {
  const cases: [RegExp, (files: Files) => void][] = [
    [/no wnids\.txt in it/, (files) => delete files["wnids.txt"]],
    [/no val\/val_annotations\.txt/, (files) => delete files["val/val_annotations.txt"]],
    [/line 3: .*has no val_0\.JPEG/, (files) => delete files["val/images/val_0.JPEG"]],
    [
      /line 1: expected a file name/,
      (files) => (files["val/val_annotations.txt"] = "val_0.JPEG n1"),
    ],
    [
      /n2\/images: no images/,
      (files) => {
        delete files["train/n2/images/n2_0.JPEG"];
        files["train/n2/images/notes.txt"] = "";
      },
    ],
    [
      /n1_1\.JPEG: .* damaged|n1_1\.JPEG: neither/,
      (files) => (files["train/n1/images/n1_1.JPEG"] = "no"),
    ],
  ];
  for (const [message, spoil] of cases) {
    const files = await sample();
    spoil(files);
    const error = await errorOf(loadTinyImageNet(folderOf(files), { seed: 1 }));
    assert.instance(error, DataError);
    assert.match(error.message, message);
  }
});

test("the real archive's subset: 100 classes of 200 and 20 images", async () => {
  const archive = sharedFile("data/tiny-imagenet/tiny-imagenet-100c.tar.gz");
  if (!(await exists(archive))) return skip("data/tiny-imagenet");
  const { execFileSync } = await import("node:child_process");
  const dir = folderOf();
  execFileSync("tar", ["xzf", archive, "-C", dir]);
  const { train, test: val } = await loadTinyImageNet(dir, {
    trainCount: 300,
    testCount: 100,
    seed: 1,
  });
  assert.is(train.classes.length, 100);
  assert.equal(new Set(train.labels).size, 100);
  assert.equal(
    [...val.labels].sort((a, b) => a - b),
    [...Array(100).keys()],
  );
});

test.after(removeFolders);
test.run();
