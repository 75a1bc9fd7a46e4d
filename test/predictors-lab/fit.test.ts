// Fitting predictors: what is fitted is what the fused kernels compute, and better than no prediction.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { writeSafetensors } from "../../src/io/safetensors.ts";
import { Model } from "../../src/nn/model.ts";
import type { Family } from "../../src/predictors-lab/families/family.ts";
import {
  introspection,
  introspectionFamily,
} from "../../src/predictors-lab/families/introspection.ts";
import { invWnn, invWnnFamily } from "../../src/predictors-lab/families/invwnn.ts";
import { wnn, wnnFamily } from "../../src/predictors-lab/families/wnn.ts";
import {
  fitDefaults,
  fitPredictor,
  type FitSettings,
  scoreNetwork,
} from "../../src/predictors-lab/fit.ts";
import { loadPredictor } from "../../src/predictors/index.ts";
import { encodeHistories, type LibraryHistory } from "../../src/predictors-lab/library.ts";
import { predictorError } from "../../src/predictors-lab/fit-library.ts";
import type { Sequence } from "../../src/predictors-lab/sequences.ts";
import {
  linePrediction,
  meanError,
  nearest,
  type Window,
  WindowSource,
} from "../../src/predictors-lab/windows.ts";
import { Random } from "../../src/random.ts";
import { CommandLines, type Said } from "../cli/command.ts";
import { closeGpus, testGpu } from "../device.ts";

const folder = mkdtempSync(`${tmpdir()}/rewind-fit-`);

async function errorOf(work: () => unknown): Promise<Error> {
  try {
    await work();
  } catch (error) {
    return error as Error;
  }
  throw new Error("did not fail");
}

/** Weights that decay towards their limits, as weights of a training that converges do: [size, length]. */
function decays(seed: number, size: number, length: number): Float32Array {
  const random = new Random(seed);
  const rows = new Float32Array(length * size);
  for (let i = 0; i < size; i++) {
    const [limit, start] = [0.2 * random.normal(), 0.02 * random.normal()];
    const rate = 0.05 + 0.2 * random.float();
    for (let k = 0; k < length; k++) rows[i * length + k] = limit + start * Math.exp(-rate * k);
  }
  return rows;
}

function sequence(seed: number, size: number, length: number): Sequence {
  return {
    ...{ training: seed, architecture: "mlp", source: "synthetic", phase: "late", kind: "fc" },
    ...{ rows: decays(seed, size, length), length, epoch: 0 },
  };
}

const settings: FitSettings = { ...fitDefaults, epochs: 4, windows: 768, batch: 64, patience: 12 };

/** Windows of a family to fit, to stop by and to score. */
function windowsOf(family: Family): {
  training: WindowSource;
  validation: Window[];
  held: Window[];
} {
  const length = 24;
  const source = (seed: number): WindowSource =>
    new WindowSource([sequence(seed, 500, length)], family.shape, "of the test");
  return {
    training: source(1),
    validation: source(2).draw(500, new Random(2)),
    held: source(3).draw(333, new Random(3)),
  };
}

for (const [name, family] of Object.entries({
  "InvWNN, window 5": invWnnFamily({ window: 5 }),
  "InvWNN from the newest": invWnnFamily({ window: 6, horizon: 2, base: "newest" }),
  "InvWNN of differences alone": invWnnFamily({ window: 5, streams: ["difference"], shared: true }),
  "InvWNN of values alone": invWnnFamily({ window: 5, streams: ["value"], shared: true }),
  WNN: wnnFamily(),
  Introspection: introspectionFamily(),
})) {
  test(`${name}: fitted better than no change, and the fused kernel makes the same error`, async () => {
    const gpu = await testGpu();
    const bytes = gpu.allocatedBytes;
    const epochs = family.name === "introspection" ? 12 : 4;
    const { held, ...windows } = windowsOf(family);
    const { tensors, losses } = await fitPredictor(gpu, family, windows, {
      ...settings,
      epochs,
    });
    assert.is(losses.length, epochs);
    const [error] = await scoreNetwork(gpu, family, tensors, [held]);
    assert.is(gpu.allocatedBytes, bytes, "all memory is given back");
    const none = meanError(held, (window) => nearest(window, family.shape));
    assert.ok(error! < 0.8 * none, `${error} against ${none}`);
    assert.ok(losses.at(-1)! < losses[0]!, losses.join(" "));

    const set = Object.keys(family.sets)[0]!;
    const path = `${folder}/${family.name}-${set}-${name.length}.safetensors`;
    const metadata = {
      ...{ format: `rewind ${family.name} 1`, horizon: `${family.horizon}`, base: family.base },
    };
    writeFileSync(path, writeSafetensors(family.finish(tensors), metadata));
    const predictor = await loadPredictor(path);
    assert.is(predictor.window, family.shape.window);
    const fused = await predictorError(gpu, predictor, "fc", held);
    assert.ok(Math.abs(fused - error!) < 2e-3 * error!, `${fused}, fit ${error}`);
    if (family.name === "invwnn") {
      for (const [tensor, { data }] of tensors) {
        if (tensor.endsWith(".bias"))
          assert.ok(
            data.every((value) => value === 0),
            tensor,
          );
      }
      const left = predictor.sets[0]!.source.includes("stream left out");
      assert.is(left, name.includes("alone"), predictor.sets[0]!.source);
    }
  });
}

test("the trainable networks have the published numbers of parameters", async () => {
  const gpu = await testGpu();
  for (const [spec, count] of [
    [invWnn(), 62_609],
    [wnn(), 9_425],
    [introspection(), 241],
  ] as const) {
    const model = await Model.create(gpu, spec, 1);
    const sizes = [...(await model.save()).values()].map(({ data }) => data.length);
    assert.is(
      sizes.reduce((sum, size) => sum + size, 0),
      count,
    );
    model.destroy();
  }
});

const small = invWnnFamily({ window: 5, width: 8 });
const smallWindows = windowsOf(small);
const short: FitSettings = { ...settings, epochs: 2, windows: 128 };

test("the same seed gives the same bits, another seed others", async () => {
  const gpu = await testGpu();
  const fit = async (seed: number): Promise<Float32Array> => {
    const { tensors } = await fitPredictor(gpu, small, smallWindows, { ...short, seed });
    return tensors.get("difference.first.weight")!.data;
  };
  const first = await fit(3);
  assert.equal(await fit(3), first);
  assert.not.equal(await fit(4), first);
});

test("fitting ends when patience does, and keeps the best network", async () => {
  const gpu = await testGpu();
  const wild = { ...short, epochs: 30, learningRate: 1, patience: 2 };
  const { tensors, losses } = await fitPredictor(gpu, small, smallWindows, wild);
  const best = Math.min(...losses);
  assert.is(losses.length, losses.indexOf(best) + 1 + wild.patience);
  const [error] = await scoreNetwork(gpu, small, tensors, [smallWindows.validation]);
  assert.is(error, best);
});

test("what is learnt is the straight line where its share is one", async () => {
  const gpu = await testGpu();
  const family = invWnnFamily({ window: 5, streams: ["difference"] });
  const { held, ...windows } = windowsOf(family);
  const { shape } = family;
  const toLine = held.map((window) => ({ ...window, target: linePrediction(window, shape) }));
  const options = { ...settings, lineShare: 1, superpose: 4 };
  const { tensors } = await fitPredictor(gpu, family, windows, options);
  const [truth, line] = await scoreNetwork(gpu, family, tensors, [held, toLine]);
  const apart = meanError(held, (window) => linePrediction(window, shape));
  assert.ok(line! < 0.3 * apart, `${line} from the line, which is ${apart} from the truth`);
  assert.ok(truth! > 0.8 * apart, `${truth} from the truth`);
});

test("an interrupted fit stops with an AbortError and gives its memory back", async () => {
  const gpu = await testGpu();
  const bytes = gpu.allocatedBytes;
  const signal = AbortSignal.abort();
  const error = await errorOf(() => fitPredictor(gpu, small, smallWindows, short, { signal }));
  assert.is(error.name, "AbortError");
  assert.is(gpu.allocatedBytes, bytes);
});

test("bad settings are refused before anything is allocated", async () => {
  const gpu = await testGpu();
  const bytes = gpu.allocatedBytes;
  for (const [changes, message] of [
    [{ epochs: 0 }, /epochs must be an integer of at least 1, got 0/],
    [{ batch: 0.5 }, /batch must be an integer of at least 1, got 0\.5/],
    [{ patience: -1 }, /patience must be an integer/],
    [{ lineShare: 1.5 }, /lineShare must be from 0 to 1, got 1\.5/],
    [{ superpose: 0 }, /superpose must be an integer of at least 1, got 0/],
    [{ batch: 256 }, /a batch of 256 is more than the 128 windows/],
    [{ learningRate: 0 }, /learningRate must be finite and above 0, got 0/],
    [{ learningRate: NaN }, /learningRate .* got NaN/],
    [{ kernelL1: -1 }, /kernelL1 must be finite and 0 or more, got -1/],
  ] as const) {
    const settingsOf = { ...short, ...changes };
    assert.match(
      (await errorOf(() => fitPredictor(gpu, small, smallWindows, settingsOf))).message,
      message,
    );
  }
  const none = { ...smallWindows, validation: [] };
  assert.match(
    (await errorOf(() => fitPredictor(gpu, small, none, short))).message,
    /no validation windows/,
  );
  assert.is(gpu.allocatedBytes, bytes);
});

// ---- The command. ----

/** A library of decays: two networks on two sources. */
function writeLibrary(path: string, length: number): void {
  mkdirSync(path);
  const trainings = ["mlp", "small-cnn"].flatMap((name, a) =>
    ["synthetic", "mnist"].map((source, s) => {
      const number = 1 + 2 * a + s;
      const of = (
        kind: LibraryHistory["kind"],
        phase: LibraryHistory["phase"],
      ): LibraryHistory => ({
        ...{ phase, learningRate: 1e-3, name: kind, kind },
        rows: decays(10 * number + kind.length, 40, length),
      });
      const histories = (["conv", "fc", "bias"] as const).flatMap((kind) => [
        of(kind, "train"),
        of(kind, "fine-tune"),
      ]);
      const { tensors, metadata } = encodeHistories(histories, length);
      const file = `training-${number}.safetensors`;
      writeFileSync(`${path}/${file}`, writeSafetensors(tensors, metadata));
      return { file, source, train: { model: { name }, epochs: length + 14 } };
    }),
  );
  const manifest = {
    ...{ format: "rewind library 1", seed: 1, length, perTensor: 40 },
    ...{ architectures: ["mlp", "small-cnn"], sources: ["synthetic", "mnist"], trainings },
  };
  writeFileSync(`${path}/manifest.json`, JSON.stringify(manifest));
}

const commands = new CommandLines();
const run = (...words: string[]): Promise<Said> => commands.run("predictor", ...words);

/** One step, as many rows as a pass of scoring: both then use the same kernels. */
const quick = ["--epochs", "1", "--windows", "512", "--batch", "512"].concat([
  "--validation",
  "100",
  "--scored",
  "100",
]);

test("predictor fit writes three sets that load, with provenance and scores", async () => {
  writeLibrary(`${folder}/library`, 9);
  const out = `${folder}/fitted`;
  const library = ["--library", `${folder}/library`];
  const words = [...quick, "--window", "5", "--against", "linear:3:5"];
  const fit = await run("fit", ...library, "--out", out, ...words);
  assert.is(fit.code, 0, fit.err);
  for (const set of ["conv", "fc", "bias"])
    assert.ok(existsSync(`${out}/invwnn-${set}.safetensors`));
  const report = JSON.parse(readFileSync(`${out}/fit.json`, "utf8")) as {
    scores: { kind: string; phase: string; linear: number; others: Record<string, number> }[];
  };
  const phases = ["late", "start", "fine-tune"];
  assert.equal(
    report.scores.map(({ kind, phase }) => `${kind} ${phase}`),
    ["conv", "fc", "bias"].flatMap((kind) => phases.map((phase) => `${kind} ${phase}`)),
  );
  // The kernel's line is the formula's.
  for (const { linear, others } of report.scores) {
    assert.ok(Math.abs(others["linear (3 epochs)"]! - linear) < 1e-3 * linear, `${linear}`);
  }
  const show = await run("show", out);
  assert.match(show.out, /window 5 snapshots/);
  assert.match(show.out, /heldOut +network small-cnn and source mnist/);
  assert.match(show.out, /library +4 trainings; sources synthetic, mnist;/);
});

test("predictor ablate has a row a variant, and goes on where it stopped", async () => {
  writeLibrary(`${folder}/long`, 25);
  const out = `${folder}/ablations`;
  const words = ["ablate", "--library", `${folder}/long`, "--out", out, ...quick, "--shared"];
  const first = await run(...words);
  assert.is(first.code, 0, first.err);
  const table = readFileSync(`${out}/ablations.md`, "utf8");
  assert.match(table, /\| K 15, U 3, width 128 \|( \d+\.\d{3} \|){9}\n/);
  assert.is(table.match(/^\| (?!variant|---)/gm)!.length, 12);
  rmSync(`${out}/k-5.json`);
  const again = await run(...words);
  assert.is(again.code, 0, again.err);
  assert.is(readFileSync(`${out}/ablations.md`, "utf8"), table, "the same bits");
  const other = await run(...words, "--seed", "2");
  assert.match(other.err, /holds a run with another configuration/);
});

test("predictor fit: errors say what is missing", async () => {
  const library = ["--library", `${folder}/library`, "--out", `${folder}/none`];
  for (const [words, message] of [
    [["--library", folder, "--out", folder], /no finished trajectory library/],
    [[...library, "--hold-out-model", "tiny-vit"], /with "tiny-vit" and "mnist" held out/],
    [[...library, "--window", "15"], /no windows to fit conv \(training\)/],
    [[...library, "--phases", "never"], /no phase "never"; there are: early, late/],
    [
      [...library, "--predictor", "wnn", "--window", "6"],
      /--window is for invwnn; wnn has a fixed one/,
    ],
    [[...library, "--window", "5", "--against", "linear"], /its window is 15, that of the fit 5/],
    // What cannot be compared is told before the fit.
    [[...library, "--window", "5", "--against", "late:0.15:5"], /no weights for single ones/],
    [[...library, "--window", "5", "--against", "linear:2:5"], /2 epochs, and the fit the past, 3/],
    [
      [...library, "--predictor", "wnn", "--against", "linear:5:5"],
      /it predicts the past, 5 epochs, and the fit the future, 5 epochs/,
    ],
    [
      [...library, "--predictor", "introspection", "--against", "linear:-10:4"],
      /snapshots are taken at other times/,
    ],
  ] as const) {
    const { code, err } = await commands.run("predictor", "fit", ...words);
    // A folder that is no library, or has too little in it, is wrong data; all else is wrong usage.
    assert.is(code, /library|no windows/.test(message.source) ? 1 : 2, err);
    assert.match(err, message);
  }
});

test("the line and no change are what they are called", () => {
  const { shape } = invWnnFamily({ window: 5 });
  const window: Window = {
    ...{ history: Float32Array.of(4, 5, 6, 7, 8), target: 1, unit: 1, kind: "fc", phase: "late" },
  };
  assert.equal([linePrediction(window, shape), nearest(window, shape)], [1, 4]);
});

test.after(async () => {
  await commands.close();
  await closeGpus();
  rmSync(folder, { recursive: true });
});
test.run();
