import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Dataset, subset } from "../../src/data/dataset.ts";
import { DataError, UsageError } from "../../src/errors.ts";
import { corrupt } from "../../src/scenarios/index.ts";
import { selected } from "../../src/scenarios/selection.ts";
import { syntheticDigits } from "../../src/data/synthetic.ts";

const names = [
  ...["train/cat/1.jpg", "train/cat/2.jpg", "train/dog/1.jpg", "train/dog/ünï x.png"],
  ...["train/dog/deep/3.jpg", "train/fox/9.jpg"],
];
const photos: Dataset = {
  name: "photos",
  classes: ["cat", "dog", "fox"],
  height: 1,
  width: 1,
  channels: 1,
  count: 6,
  pixels: Uint8Array.from([0, 1, 2, 3, 4, 5]),
  labels: Uint16Array.from([0, 0, 1, 1, 1, 2]),
  names,
};
const digits = syntheticDigits(100, 1, "train");
const exam = syntheticDigits(20, 1, "test");

const places = (...of: Parameters<typeof selected>[1]): number[] => [...selected(photos, of, 1)];

const refused = (of: Parameters<typeof selected>[1], says: RegExp, set = photos): void =>
  assert.throws(
    () => selected(set, of, 1),
    (error: Error) => error instanceof DataError && says.test(error.message),
  );

test("names: as they are, with folders before them, or the end that only one image has", () => {
  assert.equal(places({ names: ["train/dog/ünï x.png", "train/cat/2.jpg"] }), [1, 3]);
  assert.equal(places({ names: ["./train/cat/1.jpg"] }), [0]);
  assert.equal(places({ names: ["/home/me/photos/train/fox/9.jpg"] }), [5]);
  assert.equal(places({ names: ["photos\\train\\cat\\1.jpg"] }), [0]);
  assert.equal(places({ names: ["train//cat/./1.jpg ", "././train/cat/2.jpg"] }), [0, 1]);
  assert.equal(places({ names: ["2.jpg", "deep/3.jpg"] }), [1, 4]);
  assert.equal(places({ names: ["2.jpg", "2.jpg"] }), [1]);
  refused(
    [{ names: ["1.jpg"] }],
    /"1\.jpg" is the name of 2 images: train\/cat\/1\.jpg, train\/dog/,
  );
  refused(
    [{ names: ["2.jpg", "train/cat/7.jpg", "x"] }],
    /2 named images are not among the 6 training images of "photos": train\/cat\/7\.jpg, x\. Did you mean train\/cat\/1\.jpg\?/,
  );
  refused([{ names: ["3.jpgg"] }], /Did you mean train\/.*\/3\.jpg\?/);
  refused([{ names: ["nothing-alike"] }], /Images are called, for example, train\/cat\/1\.jpg/);
});

test("names that only some systems have: backslashes, blanks at their ends, line ends", () => {
  const strange = ["train/a\\b.png", "train/c.png ", "train/c.png", "train/d\ne.png", "x", "y"];
  const set = { ...photos, names: strange };
  strange.forEach((name, i) => assert.equal([...selected(set, [{ names: [name] }], 1)], [i]));
  assert.equal([...selected(set, [{ names: ["a\\b.png"] }], 1)], [0]);
});

test("letters composed in another way are the same; two images of one name are told apart by number", () => {
  const apart = "u\u0308n\u0131";
  const set = {
    ...photos,
    classes: ["cat", "dog", apart],
    names: [...photos.names!.slice(0, 4), `train/${apart}/1.jpg`, "train/cat/1.jpg"],
  };
  const chosen = (...of: Parameters<typeof selected>[1]): number[] => [...selected(set, of, 1)];
  assert.equal(chosen({ names: [`train/${apart.normalize()}/1.jpg`] }), [4]);
  assert.equal(chosen({ glob: [`train/${apart.normalize()}/*`] }), [4]);
  assert.equal(chosen({ classes: [apart.normalize()] }), [5]);
  refused(
    [{ names: ["train/cat/1.jpg"] }],
    /"train\/cat\/1\.jpg" is the name of 2 images: .* Their numbers are 0, 5: name them by these\./,
    set,
  );
});

test("numbers are those of the whole set, and a part says that it is one", () => {
  const part = subset(digits, [40, 10, 70]);
  assert.equal([...selected(part, [{ numbers: [70, 40] }], 1)], [0, 2]);
  assert.equal([...selected(part, [{ names: ["10"] }], 1)], [1]);
  refused(
    [{ numbers: [40, 41] }],
    /1 image number is not among the 3 training images taken of .*`trainCount`.*: 41\./,
    part,
  );
  refused([{ numbers: [100] }], /not among the 100 training images of "synthetic"/, digits);
});

test("classes, patterns and a share; together they add up", () => {
  assert.equal(places({ classes: ["cat", "fox"] }), [0, 1, 5]);
  assert.equal(places({ glob: ["train/dog/*"] }), [2, 3]);
  assert.equal(places({ glob: ["train/dog/**"] }), [2, 3, 4]);
  assert.equal(
    places({ glob: ["3.*", "9.*"] }),
    [4, 5],
    "without a slash: the last part of a name",
  );
  assert.equal(places({ classes: ["cat"] }, { glob: ["1.jpg"] }), [0, 1, 2]);
  refused([{ classes: ["bird"] }], /"photos" has no class "bird"; there are: cat, dog, fox\./);
  refused([{ glob: ["*.gif"] }], /no name of the 6 training images of "photos" fits "\*\.gif"/);
  for (const glob of ["!1.jpg", "!*cat*"]) {
    assert.throws(
      () => places({ glob: [glob] }),
      (error: Error) =>
        error instanceof UsageError && /"!" in front would say which stay/.test(error.message),
    );
  }
  assert.equal(places({ glob: ["!(1|2|3).*"] }), [3, 5]);
  const half = selected(digits, [{ share: 0.5 }], 3);
  assert.is(half.length, 50);
  assert.equal(selected(digits, [{ share: 0.5 }], 3), half);
  assert.not.equal(selected(digits, [{ share: 0.5 }], 4), half);
  refused([{ share: 0.01 }], /share of 0\.01 of 6 images is no image/);
});

const chosen = Uint32Array.of(3, 17, 60);

test("a scenario does to the images that are chosen what it does to those it draws", () => {
  const [standard, noise] = ["standard", "label-noise"].map((name) =>
    corrupt(digits, exam, { name }, 5, chosen),
  );
  assert.equal(standard!.forget, chosen);
  assert.is(standard!.retain.length, 97);
  assert.equal(standard!.labels, digits.labels);
  assert.equal(noise!.forget, chosen);
  const wrong = [...digits.labels.keys()].filter((i) => noise!.labels[i] !== digits.labels[i]);
  assert.equal(wrong, [...chosen]);
  const target = [0, 1, 2, 3].find((label) => chosen.every((i) => digits.labels[i] !== label))!;
  const door = { name: "backdoor", target, width: 2, value: 255 };
  const backdoor = corrupt(digits, exam, door, 5, chosen);
  assert.equal(backdoor.forget, chosen);
  assert.ok(chosen.every((i) => backdoor.labels[i] === target));
  assert.ok(chosen.every((i) => backdoor.train.pixels[i * 784] === 255));
});

test("a scenario refuses images that it cannot do it to, and says so where it draws by itself", () => {
  const target = digits.labels[17]!;
  assert.throws(
    () => corrupt(digits, exam, { name: "backdoor", target, width: 2, value: 255 }, 5, chosen),
    /image "17" is of class/,
  );
  assert.throws(
    () => corrupt(digits, exam, { name: "overfit" }, 5, chosen),
    (error: Error) => error instanceof UsageError && /forgets every image/.test(error.message),
  );
  for (const name of ["standard", "label-noise"]) {
    assert.throws(
      () => corrupt(digits, exam, { name }, 5),
      (error: Error) => error instanceof UsageError && /`share`, or name them/.test(error.message),
    );
  }
});

test.run();
