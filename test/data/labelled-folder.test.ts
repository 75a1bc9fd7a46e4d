import { test } from "uvu";
import * as assert from "uvu/assert";
import { nearestNames } from "../../src/data/class-names.ts";
import { loadLabelledFolder } from "../../src/data/labelled-folder.ts";
import { DataError, UsageError } from "../../src/errors.ts";
import { errorOf, folderOf, removeFolders } from "./folder.ts";
import { image, png } from "./images.ts";

const colour = (red: number) => png(image(4, 4, [red, 80, 250]));
const classes = ["cat", "dog", "horse", "truck"];

test("DIR/CLASS/… with the labels of the classes there are", async () => {
  const dir = folderOf({
    "dog/1.png": await colour(1),
    "dog/more/2.png": await colour(2),
    "truck/3.png": await colour(3),
    "truck/notes.txt": "",
    "stray.png": await colour(9),
  });
  const { dataset, notes } = await loadLabelledFolder(dir, { classes });
  assert.equal(dataset.classes, classes);
  assert.equal([...dataset.labels], [1, 1, 3]);
  assert.equal(dataset.names, ["dog/1.png", "dog/more/2.png", "truck/3.png"]);
  assert.equal([...dataset.numbers!], [0, 1, 2]);
  assert.equal([dataset.count, dataset.height, dataset.width, dataset.channels], [3, 4, 4, 3]);
  assert.equal(
    [0, 1, 2].map((i) => dataset.pixels[48 * i]),
    [1, 2, 3],
  );
  assert.equal(notes, [
    "1 file passed over: 1 .txt; the first: truck/notes.txt.",
    `${dir}: 1 image has no class and is left out; the first: stray.png.`,
  ]);
  const own = await loadLabelledFolder(dir, { grey: true, size: 2 });
  assert.equal(
    [own.dataset.classes, [...own.dataset.labels]],
    [
      ["dog", "truck"],
      [0, 0, 1],
    ],
  );
  assert.equal([own.dataset.channels, own.dataset.pixels.length], [1, 3 * 4]);
});

test("of many images only some are taken and decoded, and the loading can be stopped", async () => {
  const many = Array.from({ length: 6 }, async (_, i) => [`${i % 2}/${i}.png`, await colour(i)]);
  const files = Object.fromEntries(await Promise.all(many)) as Record<string, Uint8Array>;
  const { dataset, notes } = await loadLabelledFolder(folderOf(files), { most: 4, seed: 1 });
  assert.equal(
    [...dataset.labels].sort((a, b) => a - b),
    [0, 0, 1, 1],
  );
  assert.equal(
    dataset.names,
    [...dataset.numbers!].map((at) => ["0/0", "0/2", "0/4", "1/1", "1/3", "1/5"][at] + ".png"),
  );
  assert.equal(notes, ["4 of 6 images, chosen at random, are taken."]);
  const all = await loadLabelledFolder(folderOf(files), { most: 6 });
  assert.equal([all.dataset.count, all.notes], [6, []]);

  const ended = new Error("enough");
  const watch = { signal: AbortSignal.abort(ended) };
  const dir = folderOf({ ...files, "0/2.png": "damaged" });
  assert.is(await errorOf(loadLabelledFolder(dir, { label: "0", watch, size: 4 })), ended);
});

test("metadata.csv, by name or by number of a class", async () => {
  const dir = folderOf({
    "a.png": await colour(1),
    "b.png": await colour(2),
    "metadata.csv": "file_name,label\nb.png,horse\na.png,3\n",
  });
  const { dataset, notes } = await loadLabelledFolder(dir, { classes });
  assert.equal([dataset.names, [...dataset.labels], notes], [["b.png", "a.png"], [2, 3], []]);
});

test("one label for all images, wherever they lie", async () => {
  const dir = folderOf({ "a.png": await colour(1), "x/y/b.png": await colour(2) });
  const { dataset } = await loadLabelledFolder(dir, { classes, label: "horse" });
  assert.equal(
    [dataset.names, [...dataset.labels]],
    [
      ["a.png", "x/y/b.png"],
      [2, 2],
    ],
  );
  assert.equal((await loadLabelledFolder(dir, { label: "pony" })).dataset.classes, ["pony"]);
  const error = await errorOf(loadLabelledFolder(dir, { classes, label: "hose" }));
  assert.instance(error, UsageError);
  assert.match(error.message, /no class "hose"; did you mean "horse" or/);
});

test("an unknown class names the nearest; missing classes and images say what to do", async () => {
  const refused = async (files: Record<string, Uint8Array | string>, message: RegExp) => {
    const error = await errorOf(loadLabelledFolder(folderOf(files), { classes }));
    assert.instance(error, DataError);
    assert.match(error.message, message);
  };
  const dot = await colour(1);
  await refused({ "Trucks/a.png": dot }, /no class "Trucks"; did you mean "truck" or .*4 classes/);
  await refused({ "9/a.png": dot }, /no class "9"/);
  await refused({ "a.png": dot }, /1 images? in it has no class; .*metadata\.csv.*`label`/);
  await refused({ "dog/a.txt": "" }, /no \.jpg.*1 file passed over: 1 \.txt/);
  const missing = await errorOf(loadLabelledFolder("/nowhere/at/all"));
  assert.match(missing.message, /\/nowhere\/at\/all: there is no such folder/);
});

test("nearest names count letters, not their case", () => {
  assert.equal(nearestNames("AUTOMOBIL", ["bird", "automobile", "truck"], 1), ["automobile"]);
  assert.equal(nearestNames("x", []), []);
});

test.after(removeFolders);
test.run();
