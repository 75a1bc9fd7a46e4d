// Methods against their formulas, in float64 on networks small enough for it.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Bound } from "../../src/graph/bound.ts";
import { compile } from "../../src/graph/program.ts";
import { Random } from "../../src/random.ts";
import { weightedSteps } from "../../src/predictors/weighted-steps/predictor.ts";
import type { GpuDataset } from "../../src/feed/gpu-dataset.ts";
import { boundaryLabels } from "../../src/unlearn/methods/boundary.ts";
import { ForgetGradients } from "../../src/unlearn/forget-gradients.ts";
import { fisherSums } from "../../src/unlearn/gradients.ts";
import { startMethod } from "../../src/unlearn/methods/index.ts";
import { RewindSession, rewindSettings } from "../../src/unlearn/methods/rewind.ts";
import type { Slot } from "../../src/weights/arena.ts";
import { close } from "../check-op.ts";
import { closeGpus, testGpu } from "../device.ts";
import {
  argmax,
  gradient,
  logits,
  moved,
  image,
  setWeights,
  softmax,
  type Tiny,
  tiny,
  type Weights,
  weightsOf,
} from "./tiny.ts";

/** Weights after `rounds` rounds of a method from the model's weights, which are put back. */
async function after(
  { model, request }: Tiny,
  method: string,
  settings: object,
  { rounds = 1, seed = request.seed }: { rounds?: number; seed?: number } = {},
): Promise<Weights> {
  const start = await weightsOf(model);
  const session = await startMethod(method, { ...request, seed }, settings);
  for (let round = 0; round < rounds; round++) await session.round({});
  session.destroy();
  const end = await weightsOf(model);
  setWeights(model, start);
  return end;
}

/** Every weight is the wanted one, to a few roundings of sums of some ten terms. */
function same(got: Weights, want: Weights, what: string): void {
  for (const [name, data] of want)
    close(`${what} ${name}`, got.get(name)!, data, { absolute: 2e-6, relative: 2e-6 });
}

/** Plain steps on all images at once: their order does not matter. */
const plain = { optimizer: { name: "sgd" }, batch: 1000 };

// ---- SCRUB. ----

const temperature = 2;
const rate = 0.5;

/** Mean of T² KL(teacher ‖ student) over images. */
function divergence(of: Tiny, items: Uint32Array, teacher: Weights, student: Weights): number {
  const one = (n: number): number => {
    const x = image(of, n);
    const [t, s] = [teacher, student].map((w) => softmax(logits(w, x), temperature));
    return t!.reduce((sum, p, c) => sum + p * Math.log(p / s![c]!), 0);
  };
  return (temperature ** 2 / items.length) * items.reduce((sum, n) => sum + one(n), 0);
}

/** Gradient of α · T² KL + γ CE in the student. */
function scrubGradient(
  of: Tiny,
  items: Uint32Array,
  [teacher, student]: readonly [Weights, Weights],
  { alpha, gamma }: { alpha: number; gamma: number },
): Weights {
  return gradient(of, items, (n, x) => {
    const z = logits(student, x);
    const [p, s] = [softmax(z), softmax(z, temperature)];
    const t = softmax(logits(teacher, x), temperature);
    return p.map(
      (v, c) => alpha * temperature * (s[c]! - t[c]!) + gamma * (v - (of.labels[n] === c ? 1 : 0)),
    );
  });
}

/** A round of SCRUB by a student nudged away from its teacher. */
async function scrubRound(of: Tiny, student: Weights, settings: object): Promise<Weights> {
  const teacher = await weightsOf(of.model);
  const all = { ...plain, forgetBatch: 1000, temperature, learningRate: rate, ...settings };
  const session = await startMethod("scrub", of.request, all);
  setWeights(of.model, student);
  await session.round({});
  session.destroy();
  const end = await weightsOf(of.model);
  setWeights(of.model, teacher);
  return end;
}

test("scrub: D_f is climbed away from the teacher, D_r brought back to it, a plain step each", async () => {
  const of = await tiny(await testGpu(), { side: 4, classes: 5, count: 20, forget: 8 });
  const [forget, retain] = [of.request.forget.items, of.request.retain!.items];
  const teacher = await weightsOf(of.model);
  const random = new Random(3);
  const nudge = new Map([...teacher].map(([name, w]) => [name, w.map(() => random.float() - 0.5)]));
  const student = new Map(
    [...moved(teacher, nudge, 0.5)].map(([name, w]) => [name, w.map(Math.fround)]),
  );
  const far = (items: Uint32Array, from: Weights): number => divergence(of, items, teacher, from);

  const away = await scrubRound(of, student, { maxEpochs: 1, alpha: 0, gamma: 0 });
  const only = { alpha: 1, gamma: 0 };
  same(
    away,
    moved(student, scrubGradient(of, forget, [teacher, student], only), rate),
    "the pass over D_f",
  );
  assert.ok(far(forget, away) > 1.1 * far(forget, student), "further from the teacher on D_f");

  const back = await scrubRound(of, student, { maxEpochs: 0, ...only });
  same(
    back,
    moved(student, scrubGradient(of, retain, [teacher, student], only), -rate),
    "the pass over D_r",
  );
  assert.ok(far(retain, back) < far(retain, student) / 1.1, "nearer to the teacher on D_r");

  const weighed = { alpha: 0.7, gamma: 0.3 };
  const nearer = (from: Weights): Weights =>
    moved(from, scrubGradient(of, retain, [teacher, from], weighed), -rate);
  const first = nearer(student);
  const second = moved(first, scrubGradient(of, forget, [teacher, first], only), rate);
  same(
    await scrubRound(of, student, { maxEpochs: 1, ...weighed }),
    nearer(second),
    "D_r, then D_f, then D_r",
  );
  of.destroy();
});

test("scrub: the rate is a tenth after each epoch that says so", async () => {
  const of = await tiny(await testGpu(), { side: 4, classes: 5, count: 20, forget: 8 });
  const teacher = await weightsOf(of.model);
  const settings = { ...plain, forgetBatch: 1000, learningRate: rate, maxEpochs: 0, alpha: 0 };
  let want = teacher;
  [rate, rate, rate / 10, rate / 100].forEach((step) => {
    const ce = { alpha: 0, gamma: 1 };
    want = moved(want, scrubGradient(of, of.request.retain!.items, [teacher, want], ce), -step);
  });
  same(await after(of, "scrub", { ...settings, decayAfter: [2, 3] }, { rounds: 4 }), want, "decay");
  of.destroy();
});

test("scrub: D_f is passed over in the first maxEpochs rounds only", async () => {
  const of = await tiny(await testGpu(), { side: 4, classes: 5, count: 20, forget: 8 });
  const settings = { batch: 5, forgetBatch: 3, maxEpochs: 2 };
  const session = await startMethod("scrub", of.request, settings);
  const seen: [number, number[]][] = [];
  for (let round = 0; round < 4; round++) {
    const { steps, epochs } = await session.round({});
    seen.push([steps, epochs.map(({ rows }) => rows)]);
  }
  session.destroy();
  // 12 images of D_r take 3 steps, 8 of D_f as many.
  assert.equal(seen, [
    [9, [12, 8, 12]],
    [15, [8, 12]],
    [18, [12]],
    [21, [12]],
  ]);
  of.destroy();
});

// ---- Fisher. ----

/** Mean, variance and share within one standard deviation are those of n normal numbers, to 4 standard errors. */
function normal(z: readonly number[], what: string): void {
  const n = z.length;
  const mean = z.reduce((sum, v) => sum + v, 0) / n;
  const variance = z.reduce((sum, v) => sum + v * v, 0) / n;
  const inside = z.filter((v) => Math.abs(v) < 1).length / n;
  for (const [name, got, want, error] of [
    ["mean", mean, 0, 1],
    ["variance", variance, 1, Math.SQRT2],
    ["share within 1", inside, 0.6827, Math.sqrt(0.6827 * 0.3173)],
  ] as const) {
    const allowed = (4 * error) / Math.sqrt(n);
    assert.ok(
      Math.abs(got - want) < allowed,
      `${what}: ${name} ${got} of ${n}, want ${want} ± ${allowed}`,
    );
  }
}

/** Fisher information of a network with one hidden layer: mean over images of sum over y of p(y) (d log p(y))². */
function information(of: Tiny, weights: Weights, items: Uint32Array): Weights {
  const [w1, b1, w2] = ["hidden.weight", "hidden.bias", "head.weight"].map((n) => weights.get(n)!);
  const [hidden, { classes }] = [b1!.length, of];
  const sums = new Map([...weights].map(([name, { length }]) => [name, new Float64Array(length)]));
  const add = (name: string, i: number, term: number): void => {
    sums.get(name)![i]! += term / items.length;
  };
  for (const n of items) {
    const x = image(of, n);
    const before = Array.from(b1!, (b, j) =>
      x.reduce((s, v, i) => s + v * w1![i * hidden + j]!, b),
    );
    const h = before.map((v) => Math.max(0, v));
    const p = softmax(logits(weights, h));
    p.forEach((share, y) => {
      const dz = p.map((v, c) => v - (c === y ? 1 : 0));
      dz.forEach((d, c) => {
        add("head.bias", c, share * d * d);
        h.forEach((v, j) => add("head.weight", j * classes + c, share * (v * d) ** 2));
      });
      before.forEach((at, j) => {
        if (at <= 0) return;
        const d = dz.reduce((sum, one, c) => sum + one * w2![j * classes + c]!, 0);
        add("hidden.bias", j, share * d * d);
        x.forEach((v, i) => add("hidden.weight", i * hidden + j, share * (v * d) ** 2));
      });
    });
  }
  return sums;
}

/** The variance of Fisher forgetting's noise, without α, in the layout of the weights. */
function variances(f: Weights, slots: readonly Slot[], cap: number): Weights {
  return new Map(
    slots.map(({ name, shape, size }) => {
      const last = name.startsWith("head.");
      const most = last ? cap / 10 : cap;
      const least = f.get(name)!.map((v) => Math.min(1 / (v + 1e-8), most));
      const [inputs, outputs] = shape.length === 2 ? (shape as [number, number]) : [1, size];
      const mean = Array.from({ length: outputs }, (_, o) =>
        Array.from({ length: inputs }, (_one, i) => least[i * outputs + o]!).reduce(
          (sum, v) => sum + v / inputs,
          0,
        ),
      );
      const boost = last || shape.length === 1 ? 10 : 1;
      return [name, Float64Array.from(least, (_, i) => boost * mean[i % outputs]!)];
    }),
  );
}

test("fisher: the information is over all classes, also where the network is sure; random signs have its mean", async () => {
  const shape = { side: 4, classes: 5, count: 14, forget: 2, hidden: 6 };
  const of = await tiny(await testGpu(), shape);
  const { request, model } = of;
  const retain = request.retain!;
  // Large logits: most images have a class of probability 1 in 32 bits.
  for (const scale of [1, 16]) {
    const start = await weightsOf(model);
    const weights = new Map([...start].map(([name, w]) => [name, w.map((v) => v * scale)]));
    setWeights(model, weights);
    const want = information(of, weights, retain.items);
    const { sums, count } = await fisherSums(request, retain, undefined, 1);
    assert.is(count, 12);
    const got = await sums.read();
    sums.destroy();
    for (const [name, data] of want) {
      const mean = got.get(name)!.map((v) => v / count);
      // Exponents of logits of some hundred have errors of 1e-5.
      close(`F of ${name}`, mean, data, { absolute: 1e-12, relative: scale === 1 ? 2e-5 : 1e-3 });
    }
    setWeights(model, start);
  }
  const trace = (of: ReadonlyMap<string, ArrayLike<number>>, by = 1): number =>
    [...of.values()].reduce((sum, v) => sum + Array.from(v).reduce((s, one) => s + one, 0), 0) / by;
  const want = trace(information(of, await weightsOf(model), retain.items));
  const drawn: number[] = [];
  for (let seed = 0; seed < 6; seed++) {
    const { sums, count } = await fisherSums(request, retain, 4, seed);
    assert.is(count, 48);
    drawn.push(trace(await sums.read(), count));
    sums.destroy();
  }
  const mean = drawn.reduce((sum, v) => sum + v, 0) / drawn.length;
  assert.ok(Math.abs(mean / want - 1) < 0.1, `${drawn.join(", ")}; exact ${want}`);
  assert.is(new Set(drawn).size, 6);
  of.destroy();
});

test("fisher: noise of variance α · min(1 / F, cap), averaged over inputs, by the published factors", async () => {
  const shape = { side: 8, classes: 10, count: 14, forget: 2, hidden: 64 };
  const of = await tiny(await testGpu(), shape);
  const { model, request } = of;
  const [alpha, growth] = [1e-5, 4];
  const start = await weightsOf(model);
  const f = information(of, start, request.retain!.items);
  // About half of all weights are capped.
  const all = [...f.values()].flatMap((values) => [...values]).sort((a, b) => a - b);
  const cap = 1 / all[all.length >> 1]!;
  const variance = variances(f, model.slots, cap);
  const rounds = async (count: number): Promise<Map<string, number[]>> => {
    const end = await after(of, "fisher", { alpha, growth, cap }, { rounds: count });
    return new Map(
      [...start].map(([name, data]) => [
        name,
        Array.from(data, (v, i) => {
          return (end.get(name)![i]! - v) / Math.sqrt(alpha * variance.get(name)![i]!);
        }),
      ]),
    );
  };
  const once = await rounds(1);
  for (const name of ["hidden.weight", "head.weight"]) normal(once.get(name)!, name);
  const biases = ["hidden.bias", "head.bias"].flatMap((name) => once.get(name)!);
  normal(biases, "biases");
  // Each weight has a number of its own, also at the same place of another parameter.
  const [a, b] = ["hidden.weight", "head.weight"].map((name) => once.get(name)!);
  const product = b!.map((v, i) => v * a![i]!);
  const together = product.reduce((sum, v) => sum + v, 0) / product.length;
  assert.ok(Math.abs(together) < 4 / Math.sqrt(product.length), `correlation ${together}`);
  // The second round is the same noise on the original weights, for a larger α.
  for (const [name, z] of await rounds(2))
    close(
      name,
      z,
      once.get(name)!.map((v) => 2 * v),
      { absolute: 1e-3, relative: 1e-3 },
    );
  of.destroy();
});

// ---- Boundary. ----

// No multiple of half a level of 255, so that no pixel is rounded from a tie.
const epsilon = 0.31;

/** A pixel in [0, 1] after a step of the fast gradient sign method, for either sign. */
function stepped(pixel: number, slope: number): number {
  const level = Math.round(pixel + 255 * epsilon * Math.sign(slope));
  return Math.min(255, Math.max(0, level)) / 255;
}

/** Gradient, in the image, of how far a softmax regression is from calling it by its label. */
function slopes(weights: Weights, x: readonly number[], label: number): number[] {
  const others = softmax(logits(weights, x).map((z, c) => (c === label ? -Infinity : z)));
  const dz = others.map((p, c) => p - (c === label ? 1 : 0));
  const w = weights.get("head.weight")!;
  return x.map((_, i) => dz.reduce((sum, d, c) => sum + d * w[i * dz.length + c]!, 0));
}

/** The class of an image moved by `by`, the label left out. */
function landing(
  of: Tiny,
  weights: Weights,
  n: number,
  options: { by: (pixel: number, slope: number) => number; exclude: boolean },
): number {
  const x = image(of, n);
  const label = of.labels[n]!;
  const g = slopes(weights, x, label);
  assert.ok(
    g.every((v) => Math.abs(v) > 1e-5),
    "signs do not hang on a rounding",
  );
  const size = of.mean.length;
  const there = x.map((_, i) => options.by(of.pixels[n * size + i]!, g[i]!) - of.mean[i]!);
  const z = logits(weights, there);
  const best = argmax(z, options.exclude ? label : -1);
  const gap = Math.min(
    ...z.flatMap((v, c) => (c === best || (options.exclude && c === label) ? [] : [z[best]! - v])),
  );
  assert.ok(gap > 1e-4, "the class does not hang on a rounding");
  return best;
}

async function labelsOf({ gpu, labels, count }: GpuDataset): Promise<Uint32Array> {
  const [bytes] = await gpu.read({ buffer: labels, offset: 0, size: 4 * count });
  return new Uint32Array(bytes!);
}

/** Images that the network calls by their labels, as after training. */
async function memorised(): Promise<{ of: Tiny; weights: Weights }> {
  const of = await tiny(await testGpu(), { side: 4, classes: 5, count: 40, forget: 30 });
  const weights = await weightsOf(of.model);
  of.labels.forEach((_, n) => (of.labels[n] = argmax(logits(weights, image(of, n)))));
  of.data.setLabels(of.labels);
  return { of, weights };
}

test("fgsm: a pixel goes ε with the sign of its gradient, to a level of 255 within [0, 1]", async () => {
  const gpu = await testGpu();
  const pixels = [0, 0, 0, 100, 100, 100, 255, 255, 255, 250, 7, 128];
  const slope = [1, -1, 0, 1e-20, -3, 0, 2, -1e-20, 0, 5, -5, -1];
  const mean = pixels.slice(0, 6).map((_, i) => 0.1 * i);
  const deviation = [0.5, 2];
  const buffers = await gpu.allocate({ x: 48, dx: 48, normalisation: 32, y: 48 });
  const x = Float32Array.from(pixels, (p, i) => (p / 255 - mean[i % 6]!) / deviation[i % 2]!);
  gpu.write(buffers.x, x);
  gpu.write(buffers.dx, Float32Array.from(slope));
  gpu.write(buffers.normalisation, Float32Array.from([...mean, ...deviation]));
  const bound = new Bound();
  const bind = Object.fromEntries(
    Object.entries(buffers).map(([name, buffer]) => [name, bound.buffer(name, buffer)]),
  );
  const constants = { B: 2, SIZE: 6, C: 2, EPSILON: epsilon };
  const launch = { shader: "unlearn/fgsm", constants, bind, threads: 12 };
  const program = await compile(gpu, [launch], { label: "fgsm", bindings: bound.bindings });
  program.run();
  const [bytes] = await gpu.read({ buffer: buffers.y, offset: 0, size: 48 });
  // 79.05 levels up or down.
  const levels = [79, 0, 0, 179, 21, 100, 255, 176, 255, 255, 0, 49];
  const got = [...new Float32Array(bytes!)].map((v, i) => v * deviation[i % 2]! + mean[i % 6]!);
  close(
    "adversarial",
    got,
    levels.map((level) => level / 255),
    { absolute: 1e-6, relative: 0 },
  );
  assert.equal(
    levels,
    pixels.map((p, i) => Math.round(255 * stepped(p, slope[i]!))),
  );
  program.destroy();
  gpu.free(...Object.values(buffers));
});

test("boundary: a label is the original network's class of the image one FGSM step away", async () => {
  const { of, weights } = await memorised();
  const { items } = of.request.forget;
  for (const exclude of [false, true]) {
    const options = { epsilon, excludeLabel: exclude, batch: 7 };
    const data = await boundaryLabels(of.model, of.request.forget, options);
    const got = await labelsOf(data);
    data.destroy();
    const by = (move: (pixel: number, slope: number) => number): number[] =>
      [...items].map((n) => landing(of, weights, n, { by: move, exclude }));
    const want = by(stepped);
    assert.equal(
      [...items].map((n) => got[n]),
      want,
    );
    // Labels that would come out if the image stayed, went the other way, or left [0, 1].
    for (const [wrong, move] of [
      ["no step", (pixel: number) => pixel / 255],
      ["the other way", (pixel: number, slope: number) => stepped(pixel, -slope)],
      ["no clamp", (pixel: number, slope: number) => pixel / 255 + epsilon * Math.sign(slope)],
    ] as const) {
      assert.not.equal(by(move), want, wrong);
    }
  }
  of.destroy();
});

test("boundary: every round trains on the clean images with the labels of the original network", async () => {
  const { of, weights } = await memorised();
  const { items } = of.request.forget;
  const labels = (from: Weights): number[] =>
    [...items].map((n) => landing(of, from, n, { by: stepped, exclude: true }));
  const original = labels(weights);
  const learningRate = 2;
  let want = weights;
  for (let round = 1; round <= 2; round++) {
    const from = want;
    const step = gradient(of, items, (n, x) =>
      softmax(logits(from, x)).map((p, c) => p - (original[items.indexOf(n)] === c ? 1 : 0)),
    );
    want = moved(from, step, -learningRate);
    const settings = { ...plain, learningRate, epsilon };
    same(await after(of, "boundary", settings, { rounds: round }), want, `round ${round}`);
    assert.not.equal(labels(want), original, "the moved network would give other labels");
  }
  of.destroy();
});

// ---- DELETE. ----

test("delete: steps by p - m, m the original network's probabilities without the label", async () => {
  const of = await tiny(await testGpu(), { side: 4, classes: 5, count: 20, forget: 8 });
  const { items } = of.request.forget;
  // Far from even: with these weights the label's probability is 1 in 32 bits for some images.
  const weights: Weights = new Map(
    [...(await weightsOf(of.model))].map(([name, w]) => [name, w.map((v) => Math.fround(12 * v))]),
  );
  setWeights(of.model, weights);
  of.labels.forEach((_, n) => (of.labels[n] = argmax(logits(weights, image(of, n)))));
  of.data.setLabels(of.labels);
  const masked = (n: number): number[] =>
    softmax(logits(weights, image(of, n)).map((z, c) => (c === of.labels[n] ? -Infinity : z)));
  const kl = (from: Weights): number =>
    [...items].reduce((sum, n) => {
      const p = softmax(logits(from, image(of, n)));
      return sum + masked(n).reduce((s, m, c) => s + (m > 0 ? m * Math.log(m / p[c]!) : 0), 0);
    }, 0);
  const learningRate = 0.05;
  let want = weights;
  for (let round = 1; round <= 2; round++) {
    const from = want;
    const step = gradient(of, items, (n, x) => {
      const m = masked(n);
      return softmax(logits(from, x)).map((p, c) => p - m[c]!);
    });
    want = moved(from, step, -learningRate);
    const settings = { ...plain, learningRate };
    same(await after(of, "delete", settings, { rounds: round }), want, `round ${round}`);
    assert.ok(kl(want) < kl(from), "nearer to what the teacher says of the other classes");
  }
  of.destroy();
});

// ---- JiT. ----

/** The hash of `shaders/math/hash.wgsl`. */
function hash(seed: number): number {
  const state = (Math.imul(seed, 747796405) + 2891336453) >>> 0;
  const word = Math.imul((state >>> ((state >>> 28) + 4)) ^ state, 277803737) >>> 0;
  return ((word >>> 22) ^ word) >>> 0;
}

/** Number i of a seed of `shaders/math/normal.wgsl`. */
function normalNumber(i: number, seed: number): number {
  const [first, second] = [0, 1].map((k) => hash((hash((2 * i + k) >>> 0) ^ seed) >>> 0) >>> 8);
  return (
    Math.sqrt(-2 * Math.log((first! + 1) / 2 ** 24)) * Math.cos((2 * Math.PI * second!) / 2 ** 24)
  );
}

test("jit: logits go towards those of the image with noise, by the length of the noise", async () => {
  const of = await tiny(await testGpu(), { side: 4, classes: 5, count: 20, forget: 8 });
  const { items } = of.request.forget;
  const start = await weightsOf(of.model);
  const [copies, sigma, learningRate, size] = [3, 0.4, 0.5, of.mean.length];
  const settings = { ...plain, copies, sigma, learningRate };
  const got = await after(of, "jit", settings);
  // The order of the epoch, and a seed for each copy of the batch.
  const random = new Random(of.request.seed).fork("epoch 0");
  const order = random.shuffle(Uint32Array.from(items));
  const seeds = new Random(random.fork("step 0").int(2 ** 31));
  const noise = Array.from({ length: copies }, () => {
    const seed = seeds.int(2 ** 31);
    return (n: number): number[] =>
      Array.from({ length: size }, (_, i) => {
        return sigma * normalNumber(order.indexOf(n) * size + i, seed);
      });
  });
  const parts = (from: Weights, n: number, x: readonly number[]) =>
    noise.map((of) => {
      const xi = of(n);
      const there = logits(
        from,
        x.map((v, i) => v + xi[i]!),
      );
      const apart = logits(from, x).map((z, c) => z - there[c]!);
      return { apart, far: Math.hypot(...apart), long: Math.hypot(...xi) };
    });
  const step = gradient(of, items, (n, x) => {
    const all = parts(start, n, x);
    return all[0]!.apart.map((_, c) =>
      all.reduce((sum, { apart, far, long }) => sum + apart[c]! / far / long / copies, 0),
    );
  });
  const want = moved(start, step, -learningRate);
  same(got, want, "one step");
  of.destroy();
});

// ---- NegGrad+. ----

test("neg-grad-plus: a step down on a batch of D_r and up on one of D_f, each the mean of its own", async () => {
  const of = await tiny(await testGpu(), { side: 4, classes: 5, count: 20, forget: 5 });
  const [forget, retain] = [of.request.forget.items, of.request.retain!.items];
  const start = await weightsOf(of.model);
  const [alpha, learningRate] = [0.8, 0.5];
  const ce = (from: Weights, items: Uint32Array): Weights =>
    gradient(of, items, (n, x) =>
      softmax(logits(from, x)).map((p, c) => p - (of.labels[n] === c ? 1 : 0)),
    );
  let want = start;
  for (let round = 1; round <= 2; round++) {
    const down = moved(want, ce(want, retain), -alpha * learningRate);
    want = moved(down, ce(want, forget), (1 - alpha) * learningRate);
    const settings = { optimizer: { name: "sgd" }, alpha, learningRate, batch: 15 };
    same(await after(of, "neg-grad-plus", settings, { rounds: round }), want, `round ${round}`);
    // In passes of four of the twenty rows.
    const split = { ...settings, microBatch: 4 };
    same(await after(of, "neg-grad-plus", split, { rounds: round }), want, `split, ${round}`);
  }
  // 15 images of D_r in batches of 4: three full ones, 5 of D_f beside each; of D_f none is left out.
  const session = await startMethod("neg-grad-plus", of.request, { batch: 4 });
  const { steps, epochs } = await session.round({});
  assert.equal([steps, epochs.map(({ rows }) => rows)], [3, [3 * (4 + 4)]]);
  session.destroy();
  of.destroy();
});

// ---- Boundary expanding. ----

test("boundary-expand: steps towards a class more, which the network then does without", async () => {
  const of = await tiny(await testGpu(), { side: 4, classes: 5, count: 20, forget: 8 });
  const { items } = of.request.forget;
  const start = await weightsOf(of.model);
  const [learningRate, inputs] = [0.5, of.mean.length];
  const session = await startMethod("boundary-expand", of.request, { ...plain, learningRate });
  // The first save has the fresh weights of the new class, and those of the network beside them.
  const { tensors } = await session.save();
  const wide = (name: string): Float64Array =>
    Float64Array.from(tensors.get(`wide.head.${name}`)!.data);
  let want: Weights = new Map([
    ["head.weight", wide("weight")],
    ["head.bias", wide("bias")],
  ]);
  const cut = (from: Weights): Weights =>
    new Map([...from].map(([name, data]) => [name, data.filter((_, i) => i % 6 < 5)]));
  same(cut(want), start, "the start");
  const fresh = wide("weight").filter((_, i) => i % 6 === 5);
  assert.ok(new Set(fresh).size === inputs && fresh.every((v) => v !== 0));
  for (let round = 1; round <= 2; round++) {
    await session.round({});
    const from = want;
    const step = gradient({ ...of, classes: 6 }, items, (_, x) =>
      softmax(logits(from, x)).map((p, c) => p - (c === 5 ? 1 : 0)),
    );
    want = moved(from, step, -learningRate);
    same(await weightsOf(of.model), cut(want), `round ${round}`);
  }
  session.destroy();
  of.destroy();
});

// ---- SSD. ----

test("ssd: weights whose importance for D_f is above α times that for all are dampened by λ I / I_f", async () => {
  const of = await tiny(await testGpu(), { side: 4, classes: 5, count: 20, forget: 5 });
  const { forget } = of.request;
  const start = await weightsOf(of.model);
  const squares = (items: Uint32Array): Weights => {
    const sums = new Map([...start].map(([name, w]) => [name, new Float64Array(w.length)]));
    for (const n of items) {
      const one = gradient(of, Uint32Array.of(n), (_, x) =>
        softmax(logits(start, x)).map((p, c) => p - (of.labels[n] === c ? 1 : 0)),
      );
      for (const [name, g] of one) {
        g.forEach((v, i) => (sums.get(name)![i]! += (v * v) / items.length));
      }
    }
    return sums;
  };
  const [own, all] = [
    squares(forget.items),
    squares(Uint32Array.from({ length: 20 }, (_, i) => i)),
  ];
  const [alpha, lambda, growth] = [3, 2, 1.5];
  const counts = { dampened: 0, kept: 0, whole: 0 };
  for (let round = 0; round < 3; round++) {
    const [a, l] = [alpha / growth ** round, lambda / growth ** round];
    const want = new Map(
      [...start].map(([name, data]) => [
        name,
        data.map((v, i) => {
          const [mine, total] = [own.get(name)![i]!, all.get(name)![i]!];
          assert.ok(Math.abs(mine - a * total) > 1e-6 * total, "no weight on the threshold");
          if (mine <= a * total) return (counts.kept++, v);
          const factor = Math.min((l * total) / mine, 1);
          counts[factor < 1 ? "dampened" : "whole"]++;
          return v * factor;
        }),
      ]),
    );
    const settings = { alpha, lambda, growth };
    same(await after(of, "ssd", settings, { rounds: round + 1 }), want, `round ${round + 1}`);
  }
  assert.ok(counts.dampened > 10 && counts.kept > 10, JSON.stringify(counts));
  of.destroy();
});

// ---- Task Vector, SalUn. ----

test("task-vector with one plain step on all of D_f and λ = 1 is neg-grad's step", async () => {
  const of = await tiny(await testGpu(), { side: 4, classes: 5, count: 20, forget: 8, hidden: 6 });
  const start = await weightsOf(of.model);
  const settings = { ...plain, learningRate: 0.25 };
  const vector = await after(of, "task-vector", { ...settings, epochs: 1, lambda: 1 });
  const ascent = await after(of, "neg-grad", settings);
  let moves = 0;
  for (const [name, from] of start) {
    from.forEach((value, i) => {
      const [a, b] = [vector.get(name)![i]! - value, ascent.get(name)![i]! - value];
      // Each is rounded to the weight's precision, 6e-8 of it: one once, the other twice.
      const rounding = 1.8e-7 * (Math.abs(value) + Math.abs(a));
      assert.ok(Math.abs(a - b) <= rounding, `${name}[${i}]: ${a} and ${b}`);
      if (Math.abs(a) > 1e3 * rounding) moves++;
    });
  }
  assert.ok(moves > 50, `${moves} weights moved`);
  of.destroy();
});

/** Weights where a fine-tuning of so many plain steps on all of D_f ends. */
function fineTuned(of: Tiny, from: Weights, [rate, steps]: readonly [number, number]): Weights {
  let at = from;
  for (let step = 0; step < steps; step++) {
    const now = at;
    const down = gradient(of, of.request.forget.items, (n, x) =>
      softmax(logits(now, x)).map((p, c) => p - (of.labels[n] === c ? 1 : 0)),
    );
    at = moved(at, down, -rate);
  }
  return at;
}

test("negmerge: the mean of the moves where all signs agree, 0 elsewhere, the other way", async () => {
  const of = await tiny(await testGpu(), { side: 4, classes: 5, count: 20, forget: 8 });
  const [factors, learningRate, epochs, lambda] = [[0.3, 1, 12], 0.5, 3, 0.7];
  let want = await weightsOf(of.model);
  const settings = { ...plain, factors, learningRate, epochs, lambda };
  let [agreed, split] = [0, 0];
  for (let round = 1; round <= 2; round++) {
    const from = want;
    const ends = factors.map((factor) => fineTuned(of, from, [learningRate * factor, epochs]));
    want = new Map(
      [...from].map(([name, data]) => [
        name,
        data.map((v, i) => {
          const moves = ends.map((end) => end.get(name)![i]! - v);
          const same = moves.every((move) => Math.sign(move) === Math.sign(moves[0]!));
          if (same) agreed++;
          else split++;
          const mean = moves.reduce((sum, move) => sum + move, 0) / moves.length;
          return same ? v - lambda * mean : v;
        }),
      ]),
    );
    same(await after(of, "negmerge", settings, { rounds: round }), want, `round ${round}`);
  }
  assert.ok(agreed > 20 && split > 10, `${agreed} agree, ${split} do not`);
  of.destroy();
});

test("task-vector, ranked: a layer goes back by its rank among the layers, in how far it moved for its length", async () => {
  const of = await tiny(await testGpu(), { side: 4, classes: 5, count: 20, forget: 8, hidden: 6 });
  const start = await weightsOf(of.model);
  const settings = { ...plain, learningRate: 0.25, epochs: 2 };
  const tuned = await after(of, "task-vector", { ...settings, lambda: -1 });
  const length = (values: readonly (readonly [Float64Array, Float64Array])[]): number =>
    Math.sqrt(
      values.reduce((sum, [a, b]) => sum + a.reduce((s, v, i) => s + (v - b[i]!) ** 2, 0), 0),
    );
  const ratio = (layer: string): number => {
    const names = [`${layer}.weight`, `${layer}.bias`];
    const pairs = names.map((name) => [tuned.get(name)!, start.get(name)!] as const);
    return length(pairs) / length(pairs.map(([, from]) => [from, from.map(() => 0)] as const));
  };
  const [first, second] = ratio("hidden") > ratio("head") ? ["hidden", "head"] : ["head", "hidden"];
  const got = await after(of, "task-vector", { ...settings, lambda: 0.8, layers: "ranked" });
  const want = new Map(
    [...start].map(([name, data]) => {
      const share = name.startsWith(`${first}.`) ? 1 : 0.5;
      return [name, data.map((v, i) => v - 0.8 * share * (tuned.get(name)![i]! - v))];
    }),
  );
  assert.is.not(second, first);
  same(got, want, "ranked");
  of.destroy();
});

test("salun: the mask is the original network's largest summed gradients, whatever labels are drawn", async () => {
  const of = await tiny(await testGpu(), { side: 4, classes: 5, count: 20, forget: 8 });
  const ratio = 0.4;
  // Weight decay moves every weight that may move.
  const optimizer = { name: "sgd", weightDecay: 0.1 };
  const settings = { ratio, optimizer, batch: 3, learningRate: 0.1 };
  const masks: string[] = [];
  for (const initial of [1, 2]) {
    of.model.initialise(initial);
    const start = await weightsOf(of.model);
    const sums = gradient(of, of.request.forget.items, (n, x) =>
      softmax(logits(start, x)).map((p, c) => p - (of.labels[n] === c ? 1 : 0)),
    );
    const pooled = [...sums.values()]
      .flatMap((g) => [...g])
      .map(Math.abs)
      .sort((a, b) => b - a);
    const keep = Math.round(ratio * pooled.length);
    assert.ok(pooled[keep - 1]! - pooled[keep]! > 1e-5, "no tie at the threshold");
    const name = "head.weight";
    const want = [...sums.get(name)!].map((g) => Math.abs(g) >= pooled[keep - 1]!);
    const ends: Weights[] = [];
    for (const seed of [7, 8]) {
      const end = await after(of, "salun", settings, { seed });
      ends.push(end);
      assert.equal(
        [...end.get(name)!].map((v, i) => v !== start.get(name)![i]),
        want,
      );
    }
    assert.not.equal(ends[0], ends[1], "the labels drawn were others");
    masks.push(want.join());
  }
  assert.is.not(masks[0], masks[1]);
  of.destroy();
});

test("the gradients on D_f that a mix reads are the loss's, the runner-up's and the latter weighted, memorised images included", async () => {
  const of = await tiny(await testGpu(), { side: 4, classes: 5, count: 20, forget: 8 });
  const start = await weightsOf(of.model);
  const { items } = of.request.forget;
  // At 60 times the weights the softmax of 32 bits is 1 for a class and 0 for the others.
  for (const factor of [1, 60]) {
    setWeights(of.model, moved(start, start, factor - 1));
    const weights = await weightsOf(of.model);
    // Three passes, the last one of two images.
    const gradients = await ForgetGradients.create(of.request, 3, "forgotten");
    await gradients.run();
    const sums: Weights[] = [];
    // A second run starts from nothing.
    await gradients.run();
    for (const arena of gradients.arenas) {
      const read = await arena.read();
      sums.push(new Map([...read].map(([name, g]) => [name, Float64Array.from(g)])));
    }
    gradients.destroy();
    const of64 = (which: number): Weights => {
      const mean = gradient(of, items, (n, x) => {
        const z = logits(weights, x);
        const y = of.labels[n]!;
        const rest = softmax(z.map((v, c) => (c === y ? -Infinity : v)));
        const all = softmax(z);
        const others = all.reduce((sum, p, c) => (c === y ? sum : sum + p), 0);
        return all.map((p, c) =>
          which === 0 ? p - Number(c === y) : (which === 1 ? 1 : others) * (p - rest[c]!),
        );
      });
      return moved(
        new Map([...mean].map(([name, g]) => [name, g.map(() => 0)])),
        mean,
        items.length,
      );
    };
    assert.is(sums.length, 3);
    // Large logits are off by more.
    const allowed = { absolute: 2e-6 * factor, relative: 2e-6 * factor };
    for (const [i, sum] of sums.entries()) {
      for (const [name, want] of of64(i)) {
        close(`gradient ${i} of ${name}, weights times ${factor}`, sum.get(name)!, want, allowed);
      }
    }
  }
  of.destroy();
});

test("a mix of nothing but the runner-up steps against that gradient at the oldest snapshot, as far as the line", async () => {
  const of = await tiny(await testGpu(), { side: 4, classes: 5, count: 20, forget: 8 });
  const start = await weightsOf(of.model);
  const values = Float32Array.from({ length: 5 * 16 }, (_, i) => Number(i % 16 === 15));
  const predictor = weightedSteps(
    { window: 15, gradients: true, values },
    { name: "runner-up", source: "test" },
  );
  const settings = rewindSettings.parse({ learningRate: 1e-2, batch: 4 });
  const session = await RewindSession.create(of.request, predictor, settings);
  await session.round({});
  const history = await session.recording.read();
  const end = await weightsOf(of.model);
  session.destroy();
  const g = gradient(of, of.request.forget.items, (n, x) => {
    const z = logits(start, x);
    const rest = softmax(z.map((v, c) => (c === of.labels[n]! ? -Infinity : v)));
    return softmax(z).map((p, c) => p - rest[c]!);
  });
  const rms = (v: ArrayLike<number>): number =>
    Math.sqrt(Array.from(v).reduce((sum, one) => sum + one * one, 0) / v.length);
  let [line2, e2] = [0, 0];
  const e = new Map<string, Float64Array>();
  for (const [name, g2] of g) {
    const h = history.get(name)!;
    const size = g2.length;
    const steps = Float64Array.from({ length: 14 * size }, (_, i) => h[i + size]! - h[i]!);
    const unit = rms(g2);
    e.set(
      name,
      g2.map((v) => rms(steps) * Math.max(-5, Math.min(5, v / unit))),
    );
    for (const v of e.get(name)!) e2 += v * v;
    for (let i = 0; i < size; i++) line2 += ((3 / 14) * (h[14 * size + i]! - h[i]!)) ** 2;
  }
  same(end, moved(start, e, -Math.sqrt(line2 / e2)), "the step");
  of.destroy();
});

test.after(closeGpus);
test.run();
