// What a run reads, by content: whatever changed under the same name is told by that name.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Dataset } from "../../src/data/dataset.ts";
import { DataError } from "../../src/errors.ts";
import { writeSafetensors } from "../../src/io/safetensors.ts";
import { RunFolder } from "../../src/report/run-folder.ts";
import { inputsOf, recordInputs, type RunParts } from "../../src/runs/inputs.ts";

const root = mkdtempSync(`${tmpdir()}/rewind-inputs-`);
const path = (name: string): string => `${root}/${name}`;

const set: Dataset = {
  name: "x",
  classes: ["a", "b"],
  height: 1,
  width: 2,
  channels: 1,
  count: 2,
  pixels: Uint8Array.of(1, 2, 3, 4),
  labels: Uint16Array.of(0, 1),
  names: ["one", "two"],
};

const images = (train = set, test = set, labels = train.labels) => ({
  corrupted: { train, labels, forget: Uint32Array.of(0), retain: Uint32Array.of(1) },
  test,
});

let folders = 0;

/** The error of a run that goes on with other parts than it began with; "" where there is none. */
async function change(before: RunParts, after: RunParts | (() => RunParts)): Promise<string> {
  const { folder } = await RunFolder.start(path(`run-${++folders}`), {});
  await recordInputs(folder, await inputsOf(before));
  await recordInputs(folder, await inputsOf(before));
  try {
    await recordInputs(folder, await inputsOf(typeof after === "function" ? after() : after));
    return "";
  } catch (error) {
    assert.instance(error, DataError);
    const { message } = error as Error;
    assert.ok(message.includes(`"${folder.path}"`) && message.includes("`out`"), message);
    return message.slice(0, message.indexOf(":"));
  }
}

test("images that changed in a pixel, a label, a name or their order are told", async () => {
  const before = { images: images() };
  const changed = (changes: Partial<Dataset>): Dataset => ({ ...set, ...changes });
  assert.is(await change(before, { images: images() }), "");
  for (const other of [
    changed({ pixels: Uint8Array.of(1, 2, 3, 5) }),
    changed({ pixels: Float32Array.of(1, 2, 3, 4) }),
    changed({ labels: Uint16Array.of(1, 0) }),
    changed({ names: ["one", "three"] }),
    changed({ classes: ["a", "c"] }),
    changed({ height: 2, width: 1 }),
  ]) {
    const labels = set.labels;
    assert.is(await change(before, { images: images(other, set, labels) }), "training images");
    assert.is(await change(before, { images: images(set, other) }), "test images");
  }
  const relabelled = images(set, set, Uint16Array.of(1, 1));
  assert.is(await change(before, { images: relabelled }), "labels of the training images");
  const splits = [{ train: set, test: set }];
  assert.is(
    await change({ splits }, { splits: [{ train: set, test: changed({ names: undefined }) }] }),
    "test images of x",
  );
});

test("every file that a configuration names is told by what it is, also in another folder", async () => {
  const tensor = (value: number): Uint8Array =>
    writeSafetensors(new Map([["w", { shape: [1], data: Float32Array.of(value) }]]));
  const files: [string, RunParts][] = [
    ["network a.safetensors", { given: { path: path("a.safetensors") } }],
    ["checkpoint a.safetensors", { setup: { from: path("a.safetensors") } as never }],
    ["architecture a.safetensors", { setup: { modelFile: path("a.safetensors") } as never }],
    [
      "forecaster a.safetensors",
      { setup: { nowcast: { method: "wnn", predictor: path("a.safetensors") } } as never },
    ],
    [
      "predictor a.safetensors",
      { unlearn: { settings: { predictor: `reversed:${path("a.safetensors")}` } } },
    ],
    ["reference a.safetensors", { files: [["reference", path("a.safetensors")]] }],
  ];
  for (const [what, parts] of files) {
    writeFileSync(path("a.safetensors"), tensor(1));
    const told = await change(parts, () => {
      writeFileSync(path("a.safetensors"), tensor(2));
      return parts;
    });
    assert.is(told, what);
  }
  assert.is(await change({ unlearn: { settings: { predictor: "linear:3" } } }, {}), "");
});

test("what is read for the first time is added, and a damaged record is refused", async () => {
  const { folder } = await RunFolder.start(path("grown"), {});
  await recordInputs(folder, { a: "1" });
  await recordInputs(folder, { b: "2" });
  assert.equal(JSON.parse(readFileSync(folder.file("inputs.json"), "utf8")), { a: "1", b: "2" });
  writeFileSync(folder.file("inputs.json"), '{"a": 1}');
  try {
    await recordInputs(folder, { a: "1" });
    assert.unreachable();
  } catch (error) {
    assert.match((error as Error).message, /inputs\.json" is not valid/);
  }
});

test.after(() => rmSync(root, { recursive: true, force: true }));
test.run();
