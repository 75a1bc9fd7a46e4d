import { test } from "uvu";
import * as assert from "uvu/assert";
import { z } from "zod";
import { DataError, UsageError } from "../../src/errors.ts";
import { stamp } from "../../src/scenarios/backdoor.ts";
import { corrupt, scenarios } from "../../src/scenarios/index.ts";
import { defineScenario } from "../../src/scenarios/scenario.ts";
import { syntheticDigits } from "../../src/data/synthetic.ts";

const train = syntheticDigits(100, 1, "train");
const exam = syntheticDigits(50, 1, "test");

test("standard: a random half is D_f, and nothing is changed", () => {
  const {
    train: same,
    labels,
    forget,
    retain,
  } = corrupt(train, exam, { name: "standard", share: 0.5 }, 3);
  assert.is(forget.length, 50);
  assert.equal(
    [...forget, ...retain].sort((a, b) => a - b),
    [...train.labels.keys()],
  );
  assert.is(same, train);
  assert.equal(labels, train.labels);
  const other = corrupt(train, exam, { name: "standard", share: 0.5 }, 4);
  assert.not.equal(other.forget, forget);
});

test("label-noise: exactly D_f has wrong labels", () => {
  const { labels, forget } = corrupt(train, exam, { name: "label-noise", share: 0.2 }, 3);
  const wrong = [...labels.keys()].filter((i) => labels[i] !== train.labels[i]);
  assert.equal(wrong, [...forget]);
  assert.is(forget.length, 20);
});

test("backdoor: D_f has the signature and the target's label, and comes from other classes", () => {
  const scenario = { name: "backdoor", share: 0.2, target: 3, width: 2, value: 255 } as const;
  const { train: marked, labels, forget, retain, sets } = corrupt(train, exam, scenario, 3);
  const [size, w] = [28 * 28, 28];
  for (const i of forget) {
    assert.is.not(train.labels[i], 3);
    assert.is(marked.labels[i], train.labels[i], "true labels stay");
    assert.is(labels[i], 3);
    for (let y = 0; y < 28; y++) {
      const row = marked.pixels.slice(i * size + y * w, i * size + (y + 1) * w);
      const before = train.pixels.slice(i * size + y * w, i * size + (y + 1) * w);
      assert.equal([...row], [255, 255, ...before.slice(2)]);
    }
  }
  for (const i of retain) {
    assert.is(labels[i], train.labels[i]);
    const at = [i * size, (i + 1) * size] as const;
    assert.equal(marked.pixels.slice(...at), train.pixels.slice(...at));
  }
  assert.is(sets!["triggered"]!.count, [...exam.labels].filter((label) => label !== 3).length);
  assert.ok(sets!["triggered"]!.labels.every((label) => label === 3));
  assert.ok([0, 1, 28, 29].every((at) => sets!["triggered"]!.pixels[at] === 255));
});

test("a signature is columns of the stored images where they are enlarged", async () => {
  const large = { ...train, height: 56, width: 56, stored: { height: 28, width: 28 } };
  const mark = { width: 2, value: 9 };
  const marked = stamp(large, [1, 99], mark);
  assert.equal(marked.pixels, stamp(train, [1, 99], mark).pixels);
  assert.equal([marked.height, marked.stored], [56, large.stored]);
  assert.throws(() => stamp(large, [0], { width: 29, value: 0 }), /does not fit images 28 wide/);
});

test("a signature on images that are floats has their white", () => {
  const floats = { ...train, pixels: Float32Array.from(train.pixels, (value) => value / 255) };
  const mark = { width: 2, value: 51 };
  const want = Float32Array.from(stamp(train, [1, 99], mark).pixels, (value) => value / 255);
  assert.equal(stamp(floats, [1, 99], mark).pixels, want);
});

test("overfit: everything is D_f", () => {
  const { forget, retain } = corrupt(train, exam, { name: "overfit" }, 3);
  assert.is(forget.length, 100);
  assert.is(retain.length, 0);
});

test("a D_f of nothing or of everything, unknown targets and wide signatures are refused", () => {
  const refuses = (build: () => unknown, message: RegExp): void =>
    assert.throws(
      build,
      (error: Error) => error instanceof DataError && message.test(error.message),
    );
  refuses(() => corrupt(train, exam, { name: "standard", share: 0.001 }, 1), /makes a D_f of 0/);
  refuses(() => corrupt(train, exam, { name: "label-noise", share: 1 }, 1), /makes a D_f of 100/);
  const backdoor = { name: "backdoor", share: 0.2, width: 1, value: 0 } as const;
  refuses(() => corrupt(train, exam, { ...backdoor, target: 10 }, 1), /there is no class 10/);
  refuses(() => corrupt(train, exam, { ...backdoor, target: 1, share: 0.95 }, 1), /95 are needed/);
  refuses(() => stamp(train, [0], { width: 29, value: 0 }), /does not fit images 28 wide/);
});

test("a scenario's further sets take no name that a run gives a set of its own", () => {
  const name = "names-a-set-forget";
  scenarios.add(
    defineScenario({
      ...{ name, summary: "", settings: z.strictObject({}) },
      apply: (images, tests, _, seed) => ({
        ...corrupt(images, tests, { name: "overfit" }, seed),
        sets: { forget: tests },
      }),
    }),
  );
  assert.throws(
    () => corrupt(train, exam, { name }, 1),
    (error: Error) =>
      error instanceof UsageError &&
      /scenario "names-a-set-forget": sets: a run has a set "forget" by itself/.test(error.message),
  );
});

test.run();
