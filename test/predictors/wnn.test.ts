// WNN and Introspection against the published golden vectors and float64 networks written here.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { writeSafetensors } from "../../src/io/safetensors.ts";
import type { Tensors } from "../../src/nn/model.ts";
import { loadPredictor } from "../../src/predictors/index.ts";
import { predictHistories } from "../../src/predictors/histories.ts";
import { type Predictor, reversedPredictor } from "../../src/predictors/predictor.ts";
import { fromTensors, type StreamOf } from "../../src/predictors/two-stream.ts";
import { wnnPredictor, wnnSpec, type WnnLayer, type WnnWeights } from "../../src/predictors/wnn.ts";
import { Random } from "../../src/random.ts";
import { closeGpus, testGpu } from "../device.ts";
import { sharedFile, skip } from "../shared.ts";
import { toTensors } from "./to-tensors.ts";

const folder = mkdtempSync(`${tmpdir()}/rewind-wnn-`);

// ---- The networks in float64; histories oldest first. ----

interface Dense {
  readonly kernel: ArrayLike<number>;
  readonly bias: ArrayLike<number>;
}

const dense = (x: readonly number[], { kernel, bias }: Dense): number[] =>
  Array.from(bias, (b, o) => x.reduce((sum, v, i) => sum + v * kernel[i * bias.length + o]!, b));

const leaky = (x: number): number => (x > 0 ? x : 0.3 * x);

function stream(w: StreamOf<WnnLayer>, input: readonly number[]): number[] {
  const first = dense(input, w.first);
  const c = dense(first, w.compress).map((v) => Math.max(0, v));
  const [l, a, r] = [dense(c, w.linear), dense(c, w.amplitude), dense(c, w.rate)];
  const gated = first.map((x, i) => l[i]! + a[i]! * Math.exp(r[i]! * x));
  return dense(gated, w.third).map(leaky);
}

/** Scale, network output and oldest value. */
function wnn(
  weights: WnnWeights,
  history: readonly number[],
): { scale: number; out: number; oldest: number } {
  const oldest = history[0]!;
  const shifted = history.map((v) => v - oldest);
  const scale = 2 * (Math.max(...shifted) - Math.min(...shifted) + 1e-8 + 1e-5);
  const x = shifted.map((v) => v / scale);
  const d = x.slice(1).map((v, i) => v - x[i]!);
  const joined = [...stream(weights.value, x), ...stream(weights.difference, d)];
  return { scale, out: Math.tanh(dense(joined, weights.output)[0]!), oldest };
}

// ---- Material. ----

function randomWeights(seed: number): WnnWeights {
  const random = new Random(seed);
  const draw = (): number => 2 * random.float() - 1;
  const tensors: Tensors = new Map();
  const put = (role: string, [inputs, outputs]: readonly [number, number], gain: number): void => {
    const scale = gain * Math.sqrt(3 / inputs);
    tensors.set(`${role}.weight`, {
      shape: [inputs, outputs],
      data: Float32Array.from({ length: inputs * outputs }, () => scale * draw()),
    });
    tensors.set(`${role}.bias`, {
      shape: [outputs],
      data: Float32Array.from({ length: outputs }, () => 0.1 * draw()),
    });
  };
  for (const [name, inputs] of [
    ["value", 5],
    ["difference", 4],
  ] as const) {
    for (const layer of wnnSpec.layers) {
      put(`${name}.${layer}`, wnnSpec.shape(layer, inputs), layer === "first" ? 2 : 1);
    }
  }
  put("output", [64, 1], 0.5);
  return fromTensors(wnnSpec, tensors);
}

const histories = (count: number, length: number, seed: number): number[][] => {
  const random = new Random(seed);
  return Array.from({ length: count }, () => {
    const level = 2 * random.float() - 1;
    const size = 10 ** (-4 * random.float());
    return Array.from({ length }, () => Math.fround(level + size * (random.float() - 0.5)));
  });
};

async function predictAll(
  predictor: Predictor,
  cases: readonly (readonly number[])[],
  name?: string,
): Promise<{ residual: Float32Array; predicted: Float32Array }> {
  const set = predictor.sets.find((one) => one.name === name) ?? predictor.sets[0]!;
  return predictHistories(await testGpu({ defaultLimits: true }), predictor, set, cases);
}

function near(what: string, got: number, want: number, allowed: number): void {
  const error = Math.abs(got - want);
  assert.ok(error <= allowed, `${what}: ${got}, want ${want}, off by ${error}, allowed ${allowed}`);
}

// ---- WNN. ----

test("WNN is its float64 network on random weights, through a file", async () => {
  const weights = randomWeights(1);
  assert.is(weights.parameters, 9425);
  const file = `${folder}/wnn.safetensors`;
  writeFileSync(
    file,
    writeSafetensors(toTensors(wnnSpec, weights), { format: "rewind wnn 1", horizon: "2" }),
  );
  const predictor = await loadPredictor(file);
  assert.is(predictor.direction, "future");
  assert.is(predictor.reach, "2 epochs");
  assert.is(predictor.sets[0]!.flop, 2 * 8832);
  // 131 coordinates: two workgroups and a few.
  const cases = histories(131, 5, 2);
  const { residual, predicted } = await predictAll(predictor, cases);
  cases.forEach((history, i) => {
    const { scale, out } = wnn(weights, history);
    // Activations of about one through five layers of float32.
    near(`residual ${i}`, residual[i]!, out * scale, scale * 3e-6);
    near(`prediction ${i}`, predicted[i]!, history[4]! + out * scale, scale * 3e-6 + 2e-7);
  });
});

test("WNN shown time backwards answers as for the history in reverse", async () => {
  const source = { weights: randomWeights(5), source: "random" };
  const forward = wnnPredictor("wnn", { all: source }, { horizon: 4, publishedBias: false });
  const backward = reversedPredictor(forward);
  assert.equal([backward.direction, backward.base], ["past", "oldest"]);
  const cases = histories(70, 5, 6);
  const want = await predictAll(
    forward,
    cases.map((history) => history.toReversed()),
  );
  assert.equal(await predictAll(backward, cases), want);
});

test("WNN's published bias rule scales the newest weight; only biases follow it", async () => {
  const weights = randomWeights(3);
  const source = { weights, source: "random" };
  const predictor = wnnPredictor(
    "wnn",
    { conv: source, fc: source, bias: source },
    { horizon: 4, publishedBias: true },
  );
  const cases = histories(20, 5, 4);
  const conv = await predictAll(predictor, cases, "conv");
  const bias = await predictAll(predictor, cases, "bias");
  assert.equal(bias.residual, conv.residual);
  cases.forEach((history, i) => {
    const { scale, out, oldest } = wnn(weights, history);
    near(`conv ${i}`, conv.predicted[i]!, history[4]! + out * scale, scale * 3e-6 + 2e-7);
    near(
      `bias ${i}`,
      bias.predicted[i]!,
      (history[4]! + out) * scale + oldest,
      scale * 3e-6 + 2e-7,
    );
  });
  assert.throws(
    () => wnnPredictor("wnn", { all: source }, { horizon: 4, publishedBias: true }),
    /needs a weight set of its own for biases/,
  );
});

test("published WNN checkpoints give the golden residual and prediction of every case", async () => {
  const checkpoints = sharedFile("reference/published-predictors/wnn");
  if (!existsSync(checkpoints)) return skip("reference: the published WNN and its golden vectors");
  const predictor = await loadPredictor(checkpoints);
  const asPublished = await loadPredictor(`published-bias:${checkpoints}`);
  for (const [set, name] of [
    ["conv", "Conv"],
    ["fc", "FC"],
    ["bias", "Bias"],
  ] as const) {
    const { cases } = JSON.parse(
      readFileSync(sharedFile(`reference/golden/NWNN_${name}_13.json`), "utf8"),
    ) as {
      cases: { history: number[]; residual: number; predicted: number; network_output: number }[];
    };
    assert.is(cases.length, 64);
    const rows = cases.map(({ history }) => history);
    const got = await predictAll(predictor, rows, set);
    const published = await predictAll(asPublished, rows, set);
    cases.forEach((want, i) => {
      const allowed = 1e-6 + 1e-4 * Math.abs(want.residual);
      near(`${name} residual ${i}`, got.residual[i]!, want.residual, allowed);
      // Half a unit in the last place of the newest weight besides.
      const rounding = Math.abs(want.predicted) * 2 ** -24;
      near(`${name} prediction ${i}`, got.predicted[i]!, want.predicted, allowed + rounding);
      const [oldest, newest] = [want.history[0]!, want.history[4]!];
      const shifted = want.history.map((v) => v - oldest);
      const scale = 2 * (Math.max(...shifted) - Math.min(...shifted) + 1e-8 + 1e-5);
      const rule =
        set === "bias" ? (newest + want.network_output) * scale + oldest : want.predicted;
      const ruled = allowed + Math.abs(rule) * 2 ** -22;
      near(`${name} as published ${i}`, published.predicted[i]!, rule, ruled);
    });
  }
});

// ---- Introspection. ----

test("Introspection is its float64 network on random weights, through a file", async () => {
  const random = new Random(5);
  const draw = (length: number): Float32Array =>
    Float32Array.from({ length }, () => random.float() - 0.5);
  const tensors: Tensors = new Map([
    ["hidden.weight", { shape: [4, 40], data: draw(160) }],
    ["hidden.bias", { shape: [40], data: draw(40) }],
    ["output.weight", { shape: [40, 1], data: draw(40) }],
    ["output.bias", { shape: [1], data: draw(1) }],
  ]);
  const file = `${folder}/introspection.safetensors`;
  writeFileSync(file, writeSafetensors(tensors, { format: "rewind introspection 1" }));
  const predictor = await loadPredictor(file);
  assert.is(predictor.window, 4);
  assert.is(predictor.sets[0]!.parameters, 241);
  const cases = histories(67, 4, 6);
  const { residual, predicted } = await predictAll(predictor, cases);
  const layer = (name: string): Dense => ({
    kernel: tensors.get(`${name}.weight`)!.data,
    bias: tensors.get(`${name}.bias`)!.data,
  });
  cases.forEach((history, i) => {
    const hidden = dense(
      history.map((v) => 1000 * v),
      layer("hidden"),
    ).map((v) => Math.max(0, v));
    const want = dense(hidden, layer("output"))[0]! / 1000;
    // 40 terms of up to 0.5: sums of float32.
    near(`prediction ${i}`, predicted[i]!, want, 5e-6);
    near(`residual ${i}`, residual[i]!, want - history[3]!, 5e-6);
  });
  const short = new Map(tensors).set("hidden.bias", { shape: [39], data: draw(39) });
  writeFileSync(file, writeSafetensors(short, { format: "rewind introspection 1" }));
  let message = "";
  await loadPredictor(file).catch((error: Error) => (message = error.message));
  assert.match(message, /"hidden\.bias" has shape \[39\], \[40\] is needed/);
});

test("a line takes two snapshots or more", async () => {
  for (const spec of ["linear:1:1", "linear:1:0"]) {
    const error = await loadPredictor(spec).catch((cause: unknown) => cause);
    assert.match((error as Error).message, /^predictor "linear:1:.": a line takes two snapshots/);
  }
});

test.after(closeGpus);
test.after(() => rmSync(folder, { recursive: true }));
test.run();
