import { test } from "uvu";
import * as assert from "uvu/assert";
import { modelSpec } from "../../models/index.ts";
import { UsageError } from "../../src/errors.ts";
import { Model, type ModelSpec } from "../../src/nn/model.ts";
import { broadcastTo, mul, reshape } from "../../src/ops/index.ts";
import { Random } from "../../src/random.ts";
import { type SamplerName, Sampler, samplerNames } from "../../src/train/sampler.ts";
import { close } from "../check-op.ts";
import { closeGpus, testGpu } from "../device.ts";
import { hash } from "../float64.ts";

/** A network whose answer can be written down: the noise is the image times its noise's variance. */
const known: ModelSpec = {
  name: "known",
  inputs: [[3, 2, 1], []],
  output: [3, 2, 1],
  build(layers, [x, variance]) {
    // A layer, since a model has parameters; it starts as a factor of 1.
    const factor = layers.parameter("factor", [1], "fc", () => Float32Array.of(1));
    const wide = broadcastTo(reshape(variance!, [x!.shape[0]!, 1, 1, 1]), x!.shape);
    return mul(mul(x!, wide), factor);
  },
};
const size = 6;

/** Number i of the standard normal distribution of a seed, as the kernels draw it. */
function normal(i: number, seed: number): number {
  const stream = hash(seed);
  const [u, v] = [0, 1].map((part) => hash((hash(2 * i + part) ^ stream) >>> 0) >>> 8);
  return Math.sqrt(-2 * Math.log((u! + 1) / 2 ** 24)) * Math.cos((2 * Math.PI * v!) / 2 ** 24);
}

/** Shares of image and noise at a time, from the published ends. */
function rates(time: number): [signal: number, noise: number] {
  const angle = Math.acos(0.95) + time * (Math.acos(0.02) - Math.acos(0.95));
  return [Math.cos(angle), Math.sin(angle)];
}

/** The formulas of the papers, in float64. */
function drawn(count: number, steps: number, seed: number, sampler: SamplerName): number[] {
  const seeds = new Random(seed);
  const first = seeds.int(2 ** 31);
  let x = Array.from({ length: count * size }, (_, i) => normal(i, first));
  for (let step = 0; step < steps; step++) {
    const own = seeds.int(2 ** 31);
    const [signal, noise] = rates(1 - step / steps);
    const [to, left] = step === steps - 1 ? [1, 0] : rates(1 - (step + 1) / steps);
    // Variance of the posterior q(next | now, image), which DDPM samples from.
    const variance = sampler === "ddpm" ? (left / noise) ** 2 * (1 - (signal / to) ** 2) : 0;
    x = x.map((value, i) => {
      const e = value * noise * noise;
      const image = (value - noise * e) / signal;
      const fresh = variance > 0 ? Math.sqrt(variance) * normal(i, own) : 0;
      return to * image + Math.sqrt(Math.max(0, left ** 2 - variance)) * e + fresh;
    });
  }
  return x;
}

test("both samplers follow their formulas", async () => {
  const gpu = await testGpu();
  const model = await Model.create(gpu, known, 1);
  const sampler = await Sampler.create(model, { count: 5, steps: 7 });
  for (const name of samplerNames) {
    for (const steps of [1, 7]) {
      const got = await sampler.run({ count: 5, steps, seed: 3, sampler: name });
      const want = drawn(5, steps, 3, name);
      // Numbers drawn are off by up to 4e-3 (test/feed/noise-feed), and a step from time 1 makes them up to 50 times as large.
      const largest = Math.max(...want.map(Math.abs));
      close(`${name}, ${steps} steps`, got, want, { absolute: 2e-3 * largest, relative: 2e-3 });
    }
  }
  for (const part of [sampler, model]) part.destroy();
});

test("the same seed gives the same bits; an image's noise does not depend on how many there are", async () => {
  const gpu = await testGpu();
  const config = { name: "unet", widths: [4, 8], depth: 1, embedding: 4 };
  const model = await Model.create(gpu, modelSpec(config, [8, 8, 1], 2), 1);
  const sampler = await Sampler.create(model, { count: 3, steps: 4 });
  const run = (count: number, seed: number, name: SamplerName): Promise<Float32Array> =>
    sampler.run({ count, steps: 4, seed, sampler: name });
  for (const name of samplerNames) {
    const first = await run(3, 1, name);
    assert.equal(await run(3, 1, name), first);
    assert.equal(await run(2, 1, name), first.slice(0, 2 * 64));
    assert.not.equal(await run(3, 2, name), first);
    assert.ok(first.every(Number.isFinite));
  }
  for (const part of [sampler, model]) part.destroy();
});

test("networks that draw nothing, and more steps than were asked for, are refused", async () => {
  const gpu = await testGpu();
  const refuses = async (work: Promise<unknown>, says: RegExp): Promise<void> => {
    const error = await work.catch((cause: unknown) => cause);
    assert.ok(error instanceof UsageError && says.test(error.message), String(error));
  };
  const classifier = await Model.create(gpu, modelSpec({ name: "mlp" }, [8, 8, 1], 2), 1);
  await refuses(Sampler.create(classifier, { count: 1, steps: 1 }), /is not for diffusion/);
  const model = await Model.create(gpu, known, 1);
  await refuses(Sampler.create(model, { count: 0, steps: 1 }), /count must be an integer/);
  const sampler = await Sampler.create(model, { count: 1, steps: 2 });
  await refuses(sampler.run({ count: 1, steps: 3, seed: 1 }), /made for 2 steps/);
  for (const part of [sampler, model, classifier]) part.destroy();
});

test.after(closeGpus);
test.run();
