import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Dataset } from "../../src/data/dataset.ts";
import type { Gpu } from "../../src/gpu/device.ts";
import { compile } from "../../src/graph/program.ts";
import { Value } from "../../src/graph/value.ts";
import { Random } from "../../src/random.ts";
import {
  type Augmentation,
  GpuDataset,
  meanPicture,
  paperAugmentation,
  PictureFeed,
} from "../../src/train/feed.ts";
import { close } from "../check-op.ts";
import { closeGpus, testGpu } from "../device.ts";

function pictures(count: number, height: number, width: number, channels: 1 | 3): Dataset {
  const random = new Random(7);
  return {
    name: "test",
    classes: ["a", "b", "c"],
    height,
    width,
    channels,
    count,
    pixels: Uint8Array.from({ length: count * height * width * channels }, () => random.int(256)),
    labels: Uint16Array.from({ length: count }, () => random.int(3)),
  };
}

interface Batch {
  x: Float32Array;
  labels: Uint32Array;
  weights: Float32Array;
  transforms: Float32Array | undefined;
}

/** Feeds an epoch and returns every batch. */
async function batches(
  gpu: Gpu,
  dataset: Dataset,
  batch: number,
  order: Uint32Array,
  augment?: Augmentation,
): Promise<Batch[]> {
  const data = await GpuDataset.upload(gpu, dataset, meanPicture(dataset));
  const feed = await PictureFeed.create(data, { batch, items: order.length, augment });
  const transforms = feed.launches.flatMap((launch) => launch.bind["transforms"] ?? [])[0] as
    Value | undefined;
  const keep = [
    feed.x,
    feed.labels,
    feed.weights,
    ...(transforms === undefined ? [] : [transforms]),
  ];
  const program = await compile(gpu, feed.launches, {
    label: "feed",
    bindings: feed.bindings,
    keep,
  });
  const steps = Math.ceil(order.length / batch);
  feed.queue.load(
    order,
    Array.from({ length: steps }, (_, i) => ({
      rows: Math.min(batch, order.length - i * batch),
      first: i * batch,
      seed: 100 + i,
      learningRate: 0,
      corrections: [1, 1] as const,
    })),
  );
  const result: Batch[] = [];
  for (let i = 0; i < steps; i++) {
    gpu.write(program.view(feed.x).buffer, new Float32Array(feed.x.size).fill(Number.NaN));
    program.run();
    const [x, labels, weights, moved] = await gpu.read(...keep.map((value) => program.view(value)));
    result.push({
      x: new Float32Array(x!),
      labels: new Uint32Array(labels!),
      weights: new Float32Array(weights!),
      transforms: moved === undefined ? undefined : new Float32Array(moved),
    });
  }
  program.destroy();
  feed.queue.destroy();
  data.destroy();
  return result;
}

// 0.5 ULP each of the division and the subtraction of values below 1.
const exact = { absolute: 2 ** -23, relative: 0 };

// 2 KiB a binding splits the first two sets into shards.
for (const maxBinding of [undefined, 2048]) {
  test(`batches are pixels / 255 - mean in the order given, padding is zero (${maxBinding ?? "one"} binding)`, async () => {
    const gpu = await testGpu(maxBinding === undefined ? {} : { maxBinding });
    for (const [count, h, w, c] of [
      [131, 5, 7, 1],
      [41, 6, 6, 3],
      [1, 1, 1, 1],
    ] as const) {
      const dataset = pictures(count, h, w, c);
      const mean = meanPicture(dataset);
      const order = new Random(3).permutation(count);
      const size = h * w * c;
      const got = await batches(gpu, dataset, 4, order);
      got.forEach(({ x, labels, weights }, step) => {
        const rows = Math.min(4, count - 4 * step);
        for (let b = 0; b < 4; b++) {
          const picture = order[4 * step + b]!;
          const want = Array.from({ length: size }, (_, i) =>
            b < rows ? dataset.pixels[picture * size + i]! / 255 - mean[i]! : 0,
          );
          close(`step ${step} row ${b}`, x.subarray(b * size, (b + 1) * size), want, exact);
          assert.is(labels[b], b < rows ? dataset.labels[picture]! : 0);
          assert.is(weights[b], b < rows ? Math.fround(1 / rows) : 0);
        }
      });
    }
  });
}

test("augmented pictures are bilinear samples at the recorded map, nearest fill outside", async () => {
  const gpu = await testGpu();
  const [h, w, c] = [9, 7, 3];
  const dataset = pictures(6, h, w, 3);
  const mean = meanPicture(dataset);
  const order = Uint32Array.of(5, 0, 3, 1, 4, 2);
  const [batch] = await batches(gpu, dataset, 6, order, paperAugmentation);
  const { x, transforms } = batch!;
  const clamp = (v: number, high: number): number => Math.max(0, Math.min(high, v));
  const at = (picture: number, r: number, col: number, ch: number): number => {
    const i = (clamp(r, h - 1) * w + clamp(col, w - 1)) * c + ch;
    return dataset.pixels[picture * h * w * c + i]! / 255 - mean[i]!;
  };
  const want: number[] = [];
  for (let b = 0; b < 6; b++) {
    const t = transforms!.subarray(8 * b, 8 * b + 8);
    for (let r = 0; r < h; r++) {
      for (let q = 0; q < w; q++) {
        const col = t[6] === 1 ? w - 1 - q : q;
        const sr = t[0]! * r + t[1]! * col + t[2]!;
        const sc = t[3]! * r + t[4]! * col + t[5]!;
        const [r0, c0] = [Math.floor(sr), Math.floor(sc)];
        const [fr, fc] = [sr - r0, sc - c0];
        for (let ch = 0; ch < c; ch++) {
          const p = order[b]!;
          want.push(
            (1 - fr) * ((1 - fc) * at(p, r0, c0, ch) + fc * at(p, r0, c0 + 1, ch)) +
              fr * ((1 - fc) * at(p, r0 + 1, c0, ch) + fc * at(p, r0 + 1, c0 + 1, ch)),
          );
        }
      }
    }
  }
  // Coordinates up to 15 in float32 carry 1e-6; neighbouring samples differ by up to 2.
  close("augmented", x, want, { absolute: 1e-5, relative: 0 });
});

test("maps stay in the paper's ranges, spread over them, and depend on the seed alone", async () => {
  const gpu = await testGpu();
  const dataset = pictures(8, 9, 9, 1);
  const order = Uint32Array.from({ length: 512 }, (_, i) => i % 8);
  const first = await batches(gpu, dataset, 256, order, paperAugmentation);
  const again = await batches(gpu, dataset, 256, order, paperAugmentation);
  const zooms: number[] = [];
  const angles: number[] = [];
  let flips = 0;
  first.forEach(({ transforms }, step) => {
    assert.equal(transforms, again[step]!.transforms);
    for (let b = 0; b < 256; b++) {
      const [m00, , m02, m10, , m12, flip] = transforms!.subarray(
        8 * b,
        8 * b + 8,
      ) as unknown as number[];
      zooms.push(Math.hypot(m00!, m10!));
      angles.push((Math.atan2(m10!, m00!) * 180) / Math.PI);
      flips += flip!;
      // The centre moves by at most 15 % of 9 pixels along each axis, turned by up to 10°.
      const centre = [
        m00! * 4 + transforms![8 * b + 1]! * 4 + m02!,
        m10! * 4 + transforms![8 * b + 4]! * 4 + m12!,
      ];
      assert.ok(centre.every((v) => Math.abs(v - 4) <= 1.35 * Math.SQRT2 + 1e-4));
    }
  });
  assert.not.equal(first[0]!.transforms, first[1]!.transforms);
  assert.ok(Math.min(...zooms) >= 0.7 - 1e-5 && Math.max(...zooms) <= 1.3 + 1e-5);
  assert.ok(Math.max(...angles.map(Math.abs)) <= 10 + 1e-3);
  const mean = (values: number[]): number => values.reduce((sum, v) => sum + v, 0) / values.length;
  // 512 uniform draws: the mean lies within 4 standard errors of the middle of the range.
  assert.ok(Math.abs(mean(zooms) - 1) < (4 * 0.6) / Math.sqrt(12 * 512));
  assert.ok(Math.abs(mean(angles)) < (4 * 20) / Math.sqrt(12 * 512));
  assert.ok(Math.abs(flips / 512 - 0.5) < 4 * Math.sqrt(0.25 / 512));
});

test("without a change every picture passes through the map unaltered", async () => {
  const gpu = await testGpu();
  const dataset = pictures(4, 5, 5, 1);
  const order = Uint32Array.of(0, 1, 2, 3);
  const [plain] = await batches(gpu, dataset, 4, order);
  const [mapped] = await batches(gpu, dataset, 4, order, {});
  close("identity", mapped!.x, plain!.x, { absolute: 1e-6, relative: 0 });
});

test.after(closeGpus);
test.run();
