// The library of trajectories: what is trained follows from its number, what is stored comes back.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { decodeNumbers, encodeHalves } from "../../src/io/number-formats.ts";
import { readSafetensors, writeSafetensors } from "../../src/io/safetensors.ts";
import {
  decodeHistories,
  encodeHistories,
  libraryArchitectures,
  type LibraryHistory,
  type LibrarySettings,
  libraryTraining,
} from "../../src/predictors-lab/library.ts";
import { Random } from "../../src/random.ts";
import { rewind, type Said } from "../cli/command.ts";

const folder = mkdtempSync(`${tmpdir()}/rewind-library-`);
const sources = [
  { name: "synthetic", data: { name: "synthetic" } },
  { name: "mnist", data: { name: "mnist", dir: "somewhere" } },
] as const;
const settings: LibrarySettings = {
  seed: 1,
  length: 6,
  perTensor: 20,
  architectures: libraryArchitectures,
};

test("halves round to the nearest, ties to even, and every half comes back", () => {
  const all = Uint16Array.from({ length: 65536 }, (_, i) => i);
  const values = decodeNumbers("F16", new Uint8Array(all.buffer));
  const again = encodeHalves(values);
  values.forEach((value, i) => {
    if (!Number.isNaN(value)) assert.is(again[i], i);
    else assert.ok((again[i]! & 0x7fff) > 0x7c00);
  });
  // Between two neighbours of each finite half.
  for (let i = 0; i < 0x7bff; i++) {
    const [low, high] = [values[i]!, values[i + 1]!];
    const middle = Math.fround((low + high) / 2);
    const [tie, below, above] = encodeHalves(
      Float32Array.of(middle, low + (high - low) * 0.49, low + (high - low) * 0.51),
    );
    assert.equal([tie, below, above], [i % 2 === 0 ? i : i + 1, i, i + 1]);
  }
  assert.equal([...encodeHalves(Float32Array.of(65519, 65520, -1e9))], [0x7bff, 0x7c00, 0xfc00]);
});

test("trainings follow from their number and go through every network and source", () => {
  const list = Array.from({ length: 12 }, (_, i) => libraryTraining(i, sources, settings));
  assert.equal(list[7], libraryTraining(7, sources, settings));
  assert.equal(
    new Set(list.map(({ train, source }) => `${train.model.name} ${source}`)).size,
    libraryArchitectures.length * 2,
  );
  assert.ok(list.every(({ train }) => train.epochs >= settings.length));
  const other = libraryTraining(7, sources, { ...settings, seed: 2 });
  assert.not.equal(other.train.seed, list[7]!.train.seed);
});

test("histories come back within the loss that is stated", () => {
  const random = new Random(4);
  const length = 9;
  const rows = new Float32Array(13 * length);
  for (let i = 0; i < 13; i++) {
    let at = random.float() - 0.5;
    for (let k = 0; k < length; k++) {
      rows[i * length + k] = at;
      at += 1e-4 ** (0.2 + random.float()) * (random.float() - 0.5);
    }
  }
  const history: LibraryHistory = {
    phase: "train",
    learningRate: 0.1,
    name: "w",
    kind: "fc",
    rows,
  };
  const { tensors, metadata } = encodeHistories([history, history], length);
  const file = readSafetensors(writeSafetensors(tensors, metadata));
  const [first, second] = decodeHistories(file, "file");
  assert.equal(first, second);
  assert.equal({ ...first!, rows: 0 }, { ...history, rows: 0 });
  let unit = 0;
  for (let i = 0; i < rows.length; i++) {
    if (i % length > 0) unit = Math.max(unit, Math.abs(rows[i]! - rows[i - 1]!));
  }
  for (let i = 0; i < rows.length; i++) {
    if (i % length === 0) {
      assert.is(first!.rows[i], rows[i]);
      continue;
    }
    const [want, got] = [rows[i]! - rows[i - 1]!, first!.rows[i]! - first!.rows[i - 1]!];
    // And the rounding of values of about 0.5 to float32, on both sides.
    const allowed = Math.max(Math.abs(want) * 2 ** -11, unit * 2 ** -25) + 2 ** -23;
    assert.ok(Math.abs(got - want) <= allowed, `${i}: ${got}, want ${want}`);
  }
  assert.throws(() => decodeHistories({ tensors: new Map(), metadata: {} }, "x"), /"x" is no file/);
});

/** A seed whose first two trainings draw the fewest images, the fewest epochs and the largest batch. */
const short = ["--seed", "3294"];

test("predictor record makes a library, goes on where it stopped, and grows", () => {
  const out = `${folder}/library`;
  const run = (...words: string[]): Said =>
    rewind(
      ...["predictor", "record", "--out", out, "--length", "6", "--per-tensor", "10", ...short],
      ...["--architectures", "mlp,tiny-cnn", ...words],
    );
  const first = run("--trainings", "1");
  assert.is(first.code, 0, first.err);
  const before = readFileSync(`${out}/training-0001.safetensors`);
  rmSync(`${out}/training-0001.safetensors`);
  const second = run("--trainings", "2");
  assert.is(second.code, 0, second.err);
  assert.equal(readFileSync(`${out}/training-0001.safetensors`), before, "the same bits");
  assert.is(readdirSync(out).filter((name) => name.startsWith("training-")).length, 2);
  const histories = decodeHistories(readSafetensors(before), "first");
  assert.is(
    new Set(histories.map(({ phase, learningRate }) => `${phase} ${learningRate}`)).size,
    4,
  );
  assert.ok(histories.every(({ rows }) => rows.length > 0 && rows.length <= 10 * 6));
  const manifest = JSON.parse(readFileSync(`${out}/manifest.json`, "utf8")) as {
    trainings: { train: { model: { name: string } } }[];
  };
  assert.equal(
    manifest.trainings.map(({ train }) => train.model.name),
    ["mlp", "tiny-cnn"],
  );
  assert.ok(existsSync(`${out}/config.json`));
  const wrong = run("--trainings", "1", "--source", "nowhere");
  assert.is(wrong.code, 2);
  assert.match(wrong.err, /it is a data set \(/);
});

test.after(() => rmSync(folder, { recursive: true }));
test.run();
