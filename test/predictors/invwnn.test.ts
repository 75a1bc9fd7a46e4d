// The fused InvWNN kernels against the published golden vectors and a float64 network (invwnn-float64.ts).
import { existsSync, readFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Gpu, Tuning } from "../../src/gpu/device.ts";
import { readKeras } from "../../src/io/keras-h5.ts";
import { Bound } from "../../src/graph/bound.ts";
import { compile } from "../../src/graph/program.ts";
import { invWnnSet } from "../../src/predictors/invwnn/predictor.ts";
import {
  bothStreams,
  invwnnFlop,
  provenRange,
  streamBound,
  type StreamPruning,
  pruneStreams,
} from "../../src/predictors/invwnn/streams.ts";
import { invWnnSpec, type InvWnnWeights } from "../../src/predictors/invwnn/weights.ts";
import { uploadSet } from "../../src/predictors/launch.ts";
import { predictorOf } from "../../src/predictors/index.ts";
import type { Base, Predictor } from "../../src/predictors/predictor.ts";
import { fromKerasLayers, fromTensors } from "../../src/predictors/two-stream.ts";
import type { WeightFile } from "../../src/predictors/weight-file.ts";
import { Value } from "../../src/graph/value.ts";
import { closeGpus, testGpu, tunings } from "../device.ts";
import { nearestHalf } from "../nearest-half.ts";
import { sharedFile, skip } from "../shared.ts";
import {
  asItIs,
  predictReference,
  referenceStream,
  type Rounding,
  streamInput,
} from "./invwnn-float64.ts";
import { toTensors } from "./to-tensors.ts";

// ---- Material. ----

const haveShared = existsSync(sharedFile("reference/golden/InvWNN_Conv.json"));
if (!haveShared) skip("reference: the golden vectors of the published InvWNN");

const published = ["Conv", "FC", "Bias"] as const;
type Published = (typeof published)[number];

async function loadPublished(name: Published): Promise<InvWnnWeights> {
  const path = sharedFile(`reference/published-predictors/invwnn/InvWNN_${name}.h5`);
  return fromKerasLayers(invWnnSpec, (await readKeras(readFileSync(path), path)).layers);
}

interface GoldenCase {
  readonly kind: string;
  readonly history: number[];
  readonly residual: number;
  readonly predicted: number;
}

function golden(name: Published): GoldenCase[] {
  return JSON.parse(readFileSync(sharedFile(`reference/golden/InvWNN_${name}.json`), "utf8")).cases;
}

/** Uniform numbers in [-1, 1) from a linear congruential generator. */
function uniform(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 31 - 1;
  };
}

/** Weights with activations of about one everywhere and an exponential that matters. */
function randomWeights(window: number, seed: number): InvWnnWeights {
  const draw = uniform(seed);
  const shapes: Record<string, [number, number]> = {
    second: [128, 128],
    compress: [128, 8],
    linear: [8, 128],
    amplitude: [8, 128],
    rate: [8, 128],
    third: [128, 64],
  };
  const tensors = new Map<string, { shape: number[]; data: Float32Array }>();
  const put = (role: string, [inputs, outputs]: readonly [number, number], gain: number): void => {
    const scale = gain * Math.sqrt(3 / inputs);
    const data = Float32Array.from({ length: inputs * outputs }, () => scale * draw());
    tensors.set(`${role}.weight`, { shape: [inputs, outputs], data });
    tensors.set(`${role}.bias`, {
      shape: [outputs],
      data: Float32Array.from({ length: outputs }, () => 0.1 * draw()),
    });
  };
  for (const [stream, inputs] of [
    ["value", window],
    ["difference", window - 1],
  ] as const) {
    put(`${stream}.first`, [inputs, 128], 1.5);
    for (const [layer, shape] of Object.entries(shapes))
      put(`${stream}.${layer}`, shape, layer === "rate" ? 0.5 : 1);
  }
  put("output", [128, 1], 0.7);
  return fromTensors(invWnnSpec, tensors);
}

test("files of one predictor state the same horizon and base, unless the base is asked for", () => {
  const tensors = toTensors(invWnnSpec, randomWeights(5, 1));
  const file = (source: string, stated: Record<string, string>): WeightFile => ({
    ...{ format: "safetensors", source, tensors },
    metadata: { format: "rewind invwnn 1", ...stated },
  });
  const loaded = (bias: Record<string, string>, base?: "newest"): Predictor => {
    const [conv, fc] = [file("conv", {}), file("fc", { base: "oldest", horizon: "3" })];
    return predictorOf({ conv, fc, bias: file("bias", bias) }, { short: "mixed", base });
  };
  assert.is(loaded({}).base, "oldest");
  const newest = { base: "newest" };
  assert.throws(
    () => loaded(newest),
    /"conv" has horizon 3, base oldest; "fc" .* oldest; "bias" has horizon 3, base newest/,
  );
  assert.is(loaded(newest, "newest").base, "newest");
  assert.throws(() => loaded({ horizon: "4" }, "newest"), /"bias" has horizon 4, base newest/);
});

function randomHistories(window: number, count: number, seed: number): number[][] {
  const draw = uniform(seed);
  return Array.from({ length: count }, () => {
    const level = draw();
    return Array.from({ length: window }, () => Math.fround(level + 0.3 * draw()));
  });
}

/** Runs the kernel; histories start at `first` in slices of `stride`, results at `outFirst`. */
async function predict(
  gpu: Gpu,
  weights: InvWnnWeights,
  histories: readonly (readonly number[])[],
  base: Base,
  pruning: StreamPruning = bothStreams,
  place: { first: number; pad: number; outFirst: number } = { first: 0, pad: 0, outFirst: 0 },
  workgroupStorage = gpu.device.limits.maxComputeWorkgroupStorageSize,
): Promise<Float32Array> {
  const count = histories.length;
  const stride = place.first + count + place.pad;
  const slices = new Float32Array(weights.window * stride).fill(NaN);
  histories.forEach((history, i) =>
    history.forEach((v, k) => (slices[k * stride + place.first + i] = v)),
  );
  const marked = new Float32Array(place.outFirst + count + place.pad).fill(-7);
  const set = invWnnSet("test", ["fc"], { weights, source: "test" }, pruning);
  using bound = new Bound();
  const history = await bound.upload(gpu, "history", slices);
  const predicted = await bound.upload(gpu, "predicted", marked);
  const launches = set.launches({
    tuning: gpu.tuning,
    workgroupStorage,
    matrices: gpu.matrices,
    base,
    range: { first: place.first, count, stride, outFirst: place.outFirst },
    history,
    predicted,
    weights: await uploadSet(gpu, set, bound),
  });
  const { bindings } = bound;
  using program = await compile(gpu, launches, { label: "test", bindings });
  program.run();
  const all = await gpu.readFloats(bound.at(predicted));
  const outside = [...all.subarray(0, place.outFirst), ...all.subarray(place.outFirst + count)];
  assert.ok(
    outside.every((v) => v === -7),
    "nothing outside the range is written",
  );
  return all.slice(place.outFirst, place.outFirst + count);
}

/** Largest |got - want| / (absolute + relative |residual|); at most 1 passes. */
function worst(
  got: ArrayLike<number>,
  want: readonly number[],
  residuals: readonly number[],
  tolerance: { absolute: number; relative: number },
): { ratio: number; error: number } {
  let ratio = 0;
  let error = 0;
  want.forEach((w, i) => {
    const e = Math.abs(got[i]! - w);
    const r = e / (tolerance.absolute + tolerance.relative * Math.abs(residuals[i]!));
    assert.ok(Number.isFinite(r), `case ${i}: got ${got[i]}, expected ${w}`);
    ratio = Math.max(ratio, r);
    error = Math.max(error, e);
  });
  return { ratio, error };
}

// What the golden vectors promise of a float32 implementation.
const goldenTolerance = { absolute: 1e-6, relative: 1e-4 };
// Activations of about one in eight layers of float32: 30 roundings of 6e-8 and a condition of about 10.
const randomTolerance = { absolute: 2e-5, relative: 1e-5 };

const gpuOf = (tuning: Tuning): Promise<Gpu> => testGpu({ tuning, defaultLimits: true });

// ---- Weights. ----

test("roles follow the layer numbers, not the order in the file, and survive a round trip as tensors", () => {
  const weights = randomWeights(15, 1);
  const tensors = toTensors(invWnnSpec, weights);
  assert.is(tensors.size, 30);
  assert.is(weights.parameters, 62_609);
  assert.is(invwnnFlop(weights), 2 * 61_184);
  const roles = [...tensors.keys()]
    .filter((name) => name.endsWith(".weight"))
    .map((name) => name.slice(0, -7));
  const layers = roles.map((role, i) => ({
    layer: `dense_${i + 26}`,
    kernel: tensors.get(`${role}.weight`)!,
    bias: tensors.get(`${role}.bias`)!,
  }));
  const shuffled = layers.sort((a, b) => (a.layer.at(-1)! < b.layer.at(-1)! ? -1 : 1));
  assert.equal(toTensors(invWnnSpec, fromKerasLayers(invWnnSpec, shuffled)), tensors);
});

test("a wrong checkpoint is refused with what was expected", () => {
  const tensors = toTensors(invWnnSpec, randomWeights(15, 1));
  const without = new Map(tensors);
  without.delete("difference.rate.bias");
  assert.throws(() => fromTensors(invWnnSpec, without), /"difference\.rate\.bias" is missing/);
  const misshaped = new Map(tensors).set("value.third.weight", {
    shape: [64, 128],
    data: new Float32Array(8192),
  });
  assert.throws(() => fromTensors(invWnnSpec, misshaped), /value\.third.*\[64, 128\].*\[128, 64\]/);
  assert.throws(() => fromKerasLayers(invWnnSpec, []), /0 layers with weights, InvWNN has 15/);
  assert.throws(
    () => fromTensors(invWnnSpec, toTensors(invWnnSpec, { ...randomWeights(15, 1), window: 3 })),
    /./,
  );
});

test("a stream is left out only if no input in the proven range can move the output", () => {
  const weights = randomWeights(15, 1);
  assert.equal(pruneStreams(weights), bothStreams);
  const deaf = { ...weights.difference.first, kernel: new Float32Array(14 * 128) };
  const dead = { ...weights, difference: { ...weights.difference, first: deaf } };
  const pruning = pruneStreams(dead);
  assert.equal([pruning.keepValue, pruning.keepDifference], [true, false]);
  // The reference of the whole network and that of the pruning agree: the constant is right.
  for (const history of randomHistories(15, 5, 3)) {
    assert.ok(
      Math.abs(predictReference(dead, history) - predictReference(dead, history, pruning)) < 1e-14,
    );
  }
  const bound = streamBound(weights, "value", 0.01);
  const draw = uniform(5);
  for (let i = 0; i < 20; i++) {
    const input = Array.from({ length: 15 }, () => 0.01 * draw());
    const { leaky2 } = referenceStream(weights.value, input);
    const sum = leaky2!.reduce((total, v, j) => total + v * weights.output.kernel[j]!, 0);
    assert.ok(Math.abs(sum - bound.atZero) <= bound.deviation, "the bound holds");
  }
});

// ---- Kernels on random weights. ----

test("gpu: as many coordinates a workgroup as its memory holds, to the same bits", async () => {
  const gpu = await testGpu({ tuning: "gpu" });
  const most = gpu.device.limits.maxComputeWorkgroupStorageSize;
  const weights = randomWeights(15, 3);
  const histories = randomHistories(15, 131, 4);
  const want = histories.map((history) => predictReference(weights, history));
  const results: Float32Array[] = [];
  for (const storage of [16_384, 32_768, 49_152].filter((bytes) => bytes <= most)) {
    const place = { first: 5, pad: 3, outFirst: 9 };
    const got = await predict(gpu, weights, histories, "none", bothStreams, place, storage);
    const { ratio } = worst(got, want, want, randomTolerance);
    assert.ok(ratio <= 1, `${storage} bytes: ${ratio} times the tolerance`);
    results.push(got);
  }
  assert.ok(results.every((got) => got.every((one, i) => Object.is(one, results[0]![i]))));
});

for (const tuning of tunings) {
  test(`${tuning}: random weights give the float64 network's residuals for every count`, async () => {
    const gpu = await gpuOf(tuning);
    const weights = randomWeights(15, 11);
    for (const count of [1, 63, 64, 65, 997]) {
      const histories = randomHistories(15, count, count);
      const want = histories.map((history) => predictReference(weights, history));
      const got = await predict(gpu, weights, histories, "none", bothStreams, {
        first: 5,
        pad: 3,
        outFirst: 9,
      });
      const { ratio } = worst(got, want, want, randomTolerance);
      assert.ok(ratio <= 1, `count ${count}: ${ratio} times the tolerance`);
    }
    const histories = randomHistories(15, 130, 1);
    const once = await predict(gpu, weights, histories, "none");
    assert.equal(
      await predict(gpu, weights, histories, "none"),
      once,
      "a repeat gives the same bits",
    );
  });

  test(`${tuning}: every window has its own layout, and a stream left out costs only its constant`, async () => {
    const gpu = await gpuOf(tuning);
    for (const [window, stream] of [
      [5, "value"],
      [16, "difference"],
      [20, "value"],
    ] as const) {
      const weights = randomWeights(window, window);
      const pruning: StreamPruning = {
        keepValue: stream === "value",
        keepDifference: stream === "difference",
        constant: 0.125,
        note: "",
      };
      const histories = randomHistories(window, 66, 2);
      const want = histories.map((history) => predictReference(weights, history, pruning));
      const { ratio } = worst(
        await predict(gpu, weights, histories, "none", pruning),
        want,
        want,
        randomTolerance,
      );
      assert.ok(ratio <= 1, `window ${window}, ${stream}: ${ratio} times the tolerance`);
    }
  });

  test(`${tuning}: an overflow of the exponential gives NaN, and only for its own coordinate`, async () => {
    const gpu = await gpuOf(tuning);
    const weights = randomWeights(15, 11);
    const histories = randomHistories(15, 70, 4);
    histories[33] = histories[33]!.map((v, k) => Math.fround((k + v) * 1e6));
    const got = await predict(gpu, weights, histories, "none");
    assert.equal(
      [...got.entries()].filter(([, v]) => !Number.isFinite(v)).map(([i]) => i),
      [33],
    );
    assert.ok(Number.isNaN(got[33]));
  });
}

// ---- Matrix units, emulated. ----

test("on matrix units the network is that of factors rounded to halves, for every count, window and stream", async () => {
  const gpu = await testGpu({ precision: "mixed", matrices: "emulated" });
  const place = { first: 5, pad: 3, outFirst: 9 };
  for (const [window, count, pruning] of [
    [15, 1, bothStreams],
    [15, 197, bothStreams],
    [5, 65, { keepValue: true, keepDifference: false, constant: 0.125, note: "" }],
    [20, 64, { keepValue: false, keepDifference: true, constant: 0.125, note: "" }],
  ] as const) {
    const weights = randomWeights(window, 11);
    const histories = randomHistories(window, count, count);
    const want = (rounded: Rounding): number[] =>
      histories.map((history) => predictReference(weights, history, pruning, rounded));
    const [exact, halves] = [want(asItIs), want(nearestHalf)];
    const got = await predict(gpu, weights, histories, "none", pruning, place);
    const name = `window ${window}, count ${count}`;
    // A value near the middle between two halves may go either way: a few of 640 by 2^-11 of themselves.
    const { ratio } = worst(got, halves, halves, { absolute: 3e-4, relative: 1e-4 });
    assert.ok(ratio <= 1, `${name}: ${ratio} times the tolerance`);
    const rms = (values: readonly number[]): number => Math.hypot(...values) / Math.sqrt(count);
    const share = rms(exact.map((value, i) => got[i]! - value)) / rms(exact);
    assert.ok(share > 1e-7 && share < 5e-3, `${name}: off by ${share} of the residuals`);
    assert.equal(await predict(gpu, weights, histories, "none", pruning, place), got);
  }
});

test("the kernel for matrix units is left where a workgroup has too little memory, or precision is exact", async () => {
  const weights = randomWeights(15, 11);
  const set = invWnnSet("test", ["fc"], { weights, source: "test" });
  const value = new Value("v", [64], "f32", "bound");
  const shader = (matrices: "emulated" | undefined, workgroupStorage: number): string =>
    set.launches({
      ...{ tuning: "gpu", matrices, workgroupStorage, base: "oldest", weights: {} },
      ...{ history: value, predicted: value },
      range: { first: 0, count: 4, stride: 4, outFirst: 0 },
    })[0]!.shader;
  assert.is(shader("emulated", 32_768), "predict/invwnn-matrices");
  assert.is(shader("emulated", 16_384), "predict/invwnn-gpu");
  assert.is(shader(undefined, 49_152), "predict/invwnn-gpu");
});

// ---- Golden vectors of the published checkpoints. ----

if (haveShared) {
  test("the float64 network of this test reproduces every layer of the published traces", async () => {
    for (const [name, id] of [
      ["Conv", 14],
      ["Conv", 26],
      ["FC", 14],
      ["FC", 26],
    ] as const) {
      const weights = await loadPublished(name);
      const path = sharedFile(`reference/golden/traces/InvWNN_${name}_trace_${id}.json`);
      const trace = JSON.parse(readFileSync(path, "utf8"));
      for (const stream of ["value", "difference"] as const) {
        const layers = referenceStream(weights[stream], streamInput(stream, trace.history));
        for (const [layer, values] of Object.entries<number[]>(trace[stream])) {
          const { ratio } = worst(layers[layer]!, values, values, {
            absolute: 1e-12,
            relative: 1e-6,
          });
          assert.ok(ratio <= 1, `${name} ${id} ${stream}.${layer}: ${ratio}`);
        }
      }
      assert.ok(Math.abs(predictReference(weights, trace.history) - trace.residual) < 1e-12);
    }
  });

  test("one stream of each published checkpoint is dead: differences in Conv, values in FC and Bias", async () => {
    for (const name of published) {
      const weights = await loadPublished(name);
      const pruning = pruneStreams(weights);
      assert.equal(
        [pruning.keepValue, pruning.keepDifference],
        name === "Conv" ? [true, false] : [false, true],
      );
      for (const { history, residual } of golden(name)) {
        assert.ok(
          Math.max(...history.map(Math.abs)) <= provenRange.value,
          "golden histories lie in the range",
        );
        assert.ok(Math.abs(predictReference(weights, history, pruning) - residual) < 1.1e-8);
      }
    }
  });

  for (const tuning of tunings) {
    test(`${tuning}: published checkpoints give the golden residuals, folded or not, from every base`, async () => {
      const gpu = await gpuOf(tuning);
      for (const name of published) {
        const weights = await loadPublished(name);
        const cases = golden(name);
        const histories = cases.map(({ history }) => history);
        const residuals = cases.map(({ residual }) => residual);
        const whole = worst(
          await predict(gpu, weights, histories, "none"),
          residuals,
          residuals,
          goldenTolerance,
        );
        const pruning = pruneStreams(weights);
        // The result is rounded to float32 at the size of the weight, up to 3 here: half of 2.4e-7.
        const rounded = { ...goldenTolerance, absolute: goldenTolerance.absolute + 1.2e-7 };
        const base = name === "Conv" ? "oldest" : "newest";
        const want = cases.map(
          ({ history, residual }) => history.at(base === "oldest" ? 0 : -1)! + residual,
        );
        const folded = worst(
          await predict(gpu, weights, histories, base, pruning),
          want,
          residuals,
          rounded,
        );
        console.log(
          `${tuning} ${name}: largest error ${whole.error.toExponential(1)}, ${whole.ratio.toFixed(3)} of the ` +
            `tolerance; with one stream left out ${folded.ratio.toFixed(3)}`,
        );
        assert.ok(whole.ratio <= 1, `${name}: ${whole.ratio} times the tolerance`);
        assert.ok(folded.ratio <= 1, `${name} folded: ${folded.ratio} times the tolerance`);
      }
    });
  }
}

test.after(closeGpus);
test.run();
