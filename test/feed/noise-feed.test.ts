import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Dataset } from "../../src/data/dataset.ts";
import { GpuDataset } from "../../src/feed/gpu-dataset.ts";
import { NoiseFeed } from "../../src/feed/noise-feed.ts";
import { ratesAt } from "../../src/feed/noise-schedule.ts";
import { compile } from "../../src/graph/program.ts";
import { Random } from "../../src/random.ts";
import { close } from "../check-op.ts";
import { kolmogorov } from "./kolmogorov.ts";
import { closeGpus, testGpu, tunings } from "../device.ts";
import { hash } from "../float64.ts";

const [count, side] = [300, 5];
const size = side * side;
const random = new Random(3);
const images: Dataset = {
  name: "values",
  classes: ["one"],
  height: side,
  width: side,
  channels: 1,
  count,
  pixels: Float32Array.from({ length: count * size }, () => random.normal()),
  labels: new Uint16Array(count),
};

type Drawn = Readonly<Record<"noisy" | "noise" | "variance", Float32Array>>;

/** Batches of all images, each step with its seed. */
async function batches(
  tuning: (typeof tunings)[number],
  batch: number,
  seeds: number[],
): Promise<Drawn[]> {
  const gpu = await testGpu({ tuning });
  const data = await GpuDataset.upload(gpu, images, new Float32Array(1));
  const feed = await NoiseFeed.create(data, { batch, items: count });
  const keep = [feed.noisy, feed.noise, feed.variance];
  const program = await compile(gpu, feed.launches, {
    label: "noise",
    bindings: feed.bindings,
    keep,
  });
  const order = Uint32Array.from({ length: count }, (_, i) => i);
  feed.queue.load(
    order,
    seeds.map((seed, i) => ({
      ...{ rows: batch, first: i * batch, seed, learningRate: 0 },
      corrections: [1, 1] as const,
    })),
  );
  const drawn: Drawn[] = [];
  for (const _ of seeds) {
    program.run();
    const [noisy, noise, variance] = await gpu.read(...keep.map((value) => program.view(value)));
    drawn.push({
      noisy: new Float32Array(noisy!),
      noise: new Float32Array(noise!),
      variance: new Float32Array(variance!),
    });
  }
  for (const part of [program, feed, data]) part.destroy();
  return drawn;
}

/** Uniform in [0, 1) from 24 bits. */
const unit = (bits: number): number => (bits >>> 8) / 2 ** 24;

test("times and noise are hashes of a counter and the step's seed", async () => {
  for (const tuning of tunings) {
    const seeds = [7, 2 ** 31 - 1];
    const drawn = await batches(tuning, 150, seeds);
    for (const [batch, { noisy, noise, variance }] of drawn.entries()) {
      const seed = seeds[batch]!;
      const first = 150 * batch;
      const times = Array.from({ length: 150 }, (_, row) =>
        unit(hash((hash(first + row) ^ hash(~seed >>> 0)) >>> 0)),
      );
      const wanted = Array.from({ length: noise.length }, (_, i) => {
        const at = 2 * (first * size + i);
        const stream = hash(seed);
        const [u, v] = [0, 1].map((part) => unit(hash((hash(at + part) ^ stream) >>> 0)));
        return Math.sqrt(-2 * Math.log(u! + 2 ** -24)) * Math.cos(2 * Math.PI * v!);
      });
      // WGSL lets a logarithm near 1 be off by 2^-21, of which the root makes 1e-3, and a cosine by 2^-11 of up to 6.
      close("noise", noise, wanted, { absolute: 4e-3, relative: 0 });
      const rates = times.map(ratesAt);
      const squares = rates.map(({ noise: rate }) => rate * rate);
      close("variance", variance, squares, { absolute: 2e-3, relative: 0 });
      const mixed = wanted.map((e, i) => {
        const { signal, noise: rate } = rates[Math.floor(i / size)]!;
        return signal * images.pixels[first * size + i]! + rate * e;
      });
      close("noisy images", noisy, mixed, { absolute: 8e-3, relative: 0 });
    }
  }
});

test("the same seed gives the same bits, another one other numbers", async () => {
  const [first] = await batches("software", 300, [5]);
  const [again] = await batches("software", 300, [5]);
  const [other] = await batches("software", 300, [6]);
  for (const part of ["noisy", "noise", "variance"] as const) {
    assert.equal(first![part], again![part]);
    assert.ok(first![part].filter((value, i) => value === other![part][i]).length < 5);
  }
});

/** Share of a standard normal distribution below a number, by Simpson's rule. */
function normalShare(value: number): number {
  const [steps, low] = [200, -8];
  const width = (value - low) / steps;
  const density = (x: number): number => Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);
  let sum = density(low) + density(value);
  for (let i = 1; i < steps; i++) sum += (i % 2 === 1 ? 4 : 2) * density(low + i * width);
  return (sum * width) / 3;
}

test("times are uniform, noise is normal, and pixels do not go together", async () => {
  const [{ noise, variance }] = (await batches("software", 300, [11])) as [Drawn];
  // Kolmogorov's statistic is above 1.95 once in a thousand times.
  const [start, end] = [0, 1].map((time) => Math.asin(ratesAt(time).noise)) as [number, number];
  const times = variance.map((square) => (Math.asin(Math.sqrt(square)) - start) / (end - start));
  assert.ok(kolmogorov(times, (time) => time) < 1.95);
  assert.ok(kolmogorov(noise, normalShare) < 1.95);
  // Four standard errors of a correlation.
  for (const lag of [1, 2, side, size]) {
    let sum = 0;
    for (let i = lag; i < noise.length; i++) sum += noise[i]! * noise[i - lag]!;
    assert.ok(Math.abs(sum / noise.length) < 4 / Math.sqrt(noise.length), `lag ${lag}`);
  }
});

test("the rates are those published at both ends, and their squares add up to 1", () => {
  assert.ok(Math.abs(ratesAt(0).signal - 0.95) < 1e-12);
  assert.ok(Math.abs(ratesAt(1).signal - 0.02) < 1e-12);
  for (const time of [0, 0.3, 1]) {
    const { signal, noise } = ratesAt(time);
    assert.ok(Math.abs(signal ** 2 + noise ** 2 - 1) < 1e-12);
  }
});

test.after(closeGpus);
test.run();
