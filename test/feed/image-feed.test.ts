import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Dataset } from "../../src/data/dataset.ts";
import { ShapeError } from "../../src/errors.ts";
import type { Gpu, Tuning } from "../../src/gpu/device.ts";
import { defaultLimits, dryGpu } from "../../src/gpu/dry.ts";
import { compile } from "../../src/graph/program.ts";
import type { Value } from "../../src/graph/value.ts";
import { Random } from "../../src/random.ts";
import {
  type Augmentation,
  paperAugmentation,
  strongAugmentation,
} from "../../src/feed/augment.ts";
import { GpuDataset, meanImage } from "../../src/feed/gpu-dataset.ts";
import { ImageFeed } from "../../src/feed/image-feed.ts";
import { close } from "../check-op.ts";
import { fromArrays } from "../../src/data/arrays.ts";
import { resizeDataset } from "../../src/data/resize.ts";
import { bilinear } from "../data/bilinear.ts";
import { errorOf } from "../data/folder.ts";
import { closeGpus, testGpu, tunings } from "../device.ts";
import { kolmogorov } from "./kolmogorov.ts";

function images(count: number, height: number, width: number, channels: 1 | 3): Dataset {
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
  mean = meanImage(dataset),
  deviation?: readonly number[],
): Promise<Batch[]> {
  const data = await GpuDataset.upload(gpu, dataset, mean, deviation);
  const feed = await ImageFeed.create(data, { batch, items: order.length, augment });
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
      const dataset = images(count, h, w, c);
      const mean = meanImage(dataset);
      const order = new Random(3).permutation(count);
      const size = h * w * c;
      const got = await batches(gpu, dataset, 4, order);
      got.forEach(({ x, labels, weights }, step) => {
        const rows = Math.min(4, count - 4 * step);
        for (let b = 0; b < 4; b++) {
          const image = order[4 * step + b]!;
          const want = Array.from({ length: size }, (_, i) =>
            b < rows ? dataset.pixels[image * size + i]! / 255 - mean[i]! : 0,
          );
          close(`step ${step} row ${b}`, x.subarray(b * size, (b + 1) * size), want, exact);
          assert.is(labels[b], b < rows ? dataset.labels[image]! : 0);
          assert.is(weights[b], b < rows ? Math.fround(1 / rows) : 0);
        }
      });
    }
  });
}

/** Values of any number of channels, as bytes or as floats from -3 to 3. */
function values(kind: "bytes" | "floats", shape: readonly [number, number, number, number]) {
  const random = new Random(9);
  const length = shape.reduce((product, size) => product * size, 1);
  return fromArrays({
    images:
      kind === "bytes"
        ? Uint8Array.from({ length }, () => random.int(256))
        : Float32Array.from({ length }, () => random.int(6001) / 1000 - 3),
    shape,
    labels: Array.from({ length: shape[0] }, () => random.int(3)),
    classes: ["a", "b", "c"],
  });
}

for (const maxBinding of [undefined, 2048]) {
  test(`bytes and floats in any number of channels are normalised (${maxBinding ?? "one"} binding)`, async () => {
    const gpu = await testGpu(maxBinding === undefined ? {} : { maxBinding });
    for (const [kind, shape] of [
      ["floats", [131, 5, 7, 1]],
      ["floats", [41, 3, 4, 3]],
      ["floats", [70, 1, 1, 17]],
      ["bytes", [131, 3, 5, 2]],
      ["bytes", [41, 1, 1, 61]],
      ["bytes", [29, 4, 3, 5]],
    ] as const) {
      const dataset = values(kind, shape);
      const [count, h, w, c] = shape;
      const unit = kind === "bytes" ? 255 : 1;
      const size = h * w * c;
      const mean = meanImage(dataset);
      for (let i = 0; i < size; i++) {
        let sum = 0;
        for (let image = 0; image < count; image++) sum += dataset.pixels[image * size + i]!;
        assert.ok(Math.abs(mean[i]! - sum / unit / count) < 1e-6);
      }
      const deviation = Array.from({ length: c }, (_, ch) => 0.5 + ch / 8);
      const order = new Random(3).permutation(count);
      const got = await batches(gpu, dataset, 4, order, undefined, mean, deviation);
      got.forEach(({ x, labels }, step) => {
        for (let b = 0; b < 4; b++) {
          const image = order[4 * step + b];
          const want = Array.from({ length: size }, (_, i) =>
            image === undefined
              ? 0
              : (dataset.pixels[image * size + i]! / unit - mean[i]!) / deviation[i % c]!,
          );
          // Three roundings of values up to 12.
          const bounds = { absolute: 2e-6, relative: 0 };
          close(`${kind}, step ${step}`, x.subarray(b * size, (b + 1) * size), want, bounds);
          assert.is(labels[b], image === undefined ? 0 : dataset.labels[image]!);
        }
      });
    }
  });
}

test("values that are no colours are neither changed at random nor enlarged", async () => {
  const gpu = await testGpu();
  for (const [kind, shape, message] of [
    ["floats", [4, 3, 3, 3], /floats in 3 channels are not changed at random \(`augment`\)/],
    ["bytes", [4, 3, 3, 2], /bytes in 2 channels are not changed at random/],
  ] as const) {
    using data = await GpuDataset.upload(gpu, values(kind, shape), meanImage(values(kind, shape)));
    const options = { batch: 2, items: 4, augment: paperAugmentation };
    assert.match((await errorOf(ImageFeed.create(data, options))).message, message);
  }
  const small = values("floats", [4, 3, 3, 1]);
  assert.match(
    (await errorOf(resizeDataset(small, 6))).message,
    /floats in 1 channels: another `size`/,
  );
});

/** The same images and what they are once enlarged, in float64: a data set but for its numbers. */
function enlargedImages(
  dataset: Dataset,
  height: number,
  width: number,
): { small: Dataset; large: Dataset } {
  const { height: h, width: w, channels: c, count, pixels } = dataset;
  const all = Array.from({ length: count }, (_, i) =>
    bilinear(pixels.subarray(i * h * w * c, (i + 1) * h * w * c), [h, w], [height, width], c),
  );
  return {
    small: { ...dataset, height, width, stored: { height: h, width: w } },
    large: { ...dataset, height, width, pixels: Float64Array.from(all.flat()) as never },
  };
}

// 2 KiB a binding splits the first two sets into shards.
for (const tuning of tunings) {
  for (const maxBinding of [undefined, 2048]) {
    test(`small images are enlarged, their mean with them (${tuning}, ${maxBinding ?? "one"} binding)`, async () => {
      const gpu = await testGpu({ tuning, ...(maxBinding === undefined ? {} : { maxBinding }) });
      for (const [count, h, w, c, tall, wide] of [
        [150, 5, 3, 1, 9, 7],
        [61, 5, 3, 3, 7, 5],
        [3, 1, 1, 3, 3, 4],
        [9, 4, 6, 1, 4, 13],
        ...(maxBinding === undefined ? ([[5, 7, 5, 3, 29, 41]] as const) : []),
      ] as const) {
        const { small, large } = enlargedImages(images(count, h, w, c), tall, wide);
        const mean = meanImage(large);
        close("mean", meanImage(small), [...mean], { absolute: 1e-7, relative: 0 });
        const order = new Random(3).permutation(count).slice(0, 6);
        const size = tall * wide * c;
        const got = await batches(gpu, small, 4, order);
        got.forEach(({ x }, step) => {
          const want = Array.from({ length: 4 * size }, (_, i) => {
            const image = order[4 * step + Math.floor(i / size)];
            if (image === undefined) return 0;
            return large.pixels[image * size + (i % size)]! / 255 - mean[i % size]!;
          });
          // A rounding or two each of the shares, three interpolations and the division, of values up to 1.
          close(`step ${step}`, x, want, { absolute: 5e-7, relative: 0 });
        });
      }
    });
  }
}

test("50,000 images of 32² shown at 224² take the memory of 32²", async () => {
  const gpu = await dryGpu(defaultLimits);
  const count = 50_000;
  const dataset: Dataset = {
    ...images(0, 224, 224, 3),
    ...{ count, stored: { height: 32, width: 32 }, labels: new Uint16Array(count) },
  };
  const data = await GpuDataset.upload(gpu, dataset, new Float32Array(224 * 224 * 3));
  // The mean image, three deviations and the labels; buffers are whole multiples of 16 bytes.
  const others = 4 * (224 * 224 * 3 + 4 + count);
  assert.is(gpu.allocatedBytes, count * 32 * 32 * 3 + others);
  assert.equal([...gpu.bytesByPurpose()], [["images", gpu.allocatedBytes]]);
  assert.is(data.shards.length, 2);
  assert.equal(data.image, [224, 224, 3]);
});

interface Fed {
  dataset: Dataset;
  mean: Float32Array;
  augment: Augmentation;
}

/** The image at a row and column [C], mirrored or clamped where outside, in float64. */
function lookUp(
  { dataset, mean, augment }: Fed,
  bytes: boolean,
  place: readonly number[],
): number[] {
  const { height, width, channels: c } = dataset;
  const [image, row, column] = place as [number, number, number];
  const inside = (v: number, n: number): number => {
    if (augment.fill !== "reflect") return Math.max(0, Math.min(n - 1, v));
    let at = v;
    while (at < 0 || at >= n) at = at < 0 ? -1 - at : 2 * n - 1 - at;
    return at;
  };
  const at = (inside(row, height) * width + inside(column, width)) * c;
  return Array.from(
    { length: c },
    (_, ch) =>
      dataset.pixels[image * height * width * c + at + ch]! / 255 - (bytes ? 0 : mean[at + ch]!),
  );
}

/** Saturation through hue, as textbooks have it: to HSV, S times the factor clipped to 1, back. */
function saturated(rgb: readonly number[], factor: number): number[] {
  const high = Math.max(...rgb);
  const low = Math.min(...rgb);
  if (high <= 0 || high === low) return high <= 0 && high !== low ? rgb.map(() => high) : [...rgb];
  const s = Math.min(1, ((high - low) / high) * factor);
  const weight = rgb.map((v) => (v - low) / (high - low));
  return weight.map((w) => high * (1 - s) + w * s * high);
}

/** A row of a batch as its recorded changes make it, in float64. */
function augmented(of: Fed, image: number, t: ArrayLike<number>): number[] {
  const { dataset, mean, augment } = of;
  const { height: h, width: w, channels: c } = dataset;
  const bytes = augment.cutouts !== undefined;
  const pixels = [...dataset.pixels.subarray(image * h * w * c, (image + 1) * h * w * c)];
  const middle = Array.from(
    { length: c },
    (_, ch) => pixels.filter((_, i) => i % c === ch).reduce((sum, v) => sum + v, 0) / (255 * h * w),
  );
  const side = [h, w].map((n) => Math.round(n * (augment.cutouts?.side ?? 0)));
  const result: number[] = [];
  for (let r = 0; r < h; r++) {
    for (let q = 0; q < w; q++) {
      const col = t[6] === 1 ? w - 1 - q : q;
      const sr = t[0]! * r + t[1]! * col + t[2]!;
      const sc = t[3]! * r + t[4]! * col + t[5]!;
      const [r0, c0] = [Math.floor(sr), Math.floor(sc)];
      const at = (dr: number, dc: number): number[] => lookUp(of, bytes, [image, r0 + dr, c0 + dc]);
      const [fr, fc] = [sr - r0, sc - c0];
      const corners = [at(0, 0), at(0, 1), at(1, 0), at(1, 1)];
      const weights =
        augment.sampling === "nearest"
          ? [
              fr < 0.5 && fc < 0.5,
              fr < 0.5 && fc >= 0.5,
              fr >= 0.5 && fc < 0.5,
              fr >= 0.5 && fc >= 0.5,
            ]
          : [(1 - fr) * (1 - fc), (1 - fr) * fc, fr * (1 - fc), fr * fc];
      let value = Array.from({ length: c }, (_, ch) =>
        corners.reduce((sum, corner, i) => sum + Number(weights[i]) * corner[ch]!, 0),
      );
      if (bytes) {
        for (let cut = 0; cut < augment.cutouts!.count; cut++) {
          const [top, left] = [t[9 + 2 * cut]!, t[10 + 2 * cut]!];
          if (r >= top && r < top + side[0]! && q >= left && q < left + side[1]!) {
            value = value.map(() => 127 / 255);
          }
        }
        value = value.map((v, ch) => (v - middle[ch]!) * t[7]! + middle[ch]!);
        if (c === 3) value = saturated(value, t[8]!);
        value = value.map((v, ch) => v - mean[(r * w + q) * c + ch]!);
      }
      result.push(...value);
    }
  }
  return result;
}

interface Augmented {
  name: string;
  augment: Augmentation;
  channels: 1 | 3;
  maxBinding?: number;
  /** Size of the images that are enlarged to the size fed; absent: none is. */
  stored?: readonly [number, number];
  tuning?: Tuning;
}

const moved: Augmented = { name: "moved", augment: paperAugmentation, channels: 3 };
const mirrored: Augmentation = { ...paperAugmentation, shift: 0.9, fill: "reflect" };
const strong: Augmented = { name: "strong", augment: strongAugmentation, channels: 3 };

for (const { name, augment, channels, maxBinding, stored, tuning } of [
  moved,
  { ...moved, name: "moved, mirrored", augment: mirrored },
  strong,
  // 4,608 bytes hold a batch of six, or 24 images: the rows lie in three shards.
  { ...strong, name: "strong, in shards", maxBinding: 4608 },
  { ...strong, name: "strong, grey", channels: 1 },
  ...tunings.flatMap((each): Augmented[] => {
    const all = { stored: [5, 3], tuning: each } as const;
    const called = (what: string): string => `${what}, enlarged, ${each}`;
    return [
      { ...moved, ...all, name: called("moved") },
      { ...moved, ...all, name: called("moved, mirrored"), augment: mirrored },
      { ...strong, ...all, name: called("strong") },
      { ...strong, ...all, name: called("strong, grey"), channels: 1 },
    ];
  }),
  // The batch again, but 102 images of 5 × 3 × 3 to a shard.
  { ...strong, name: "strong, enlarged, in shards", stored: [5, 3], maxBinding: 4608 },
] as Augmented[]) {
  test(`augmented images are what their recorded changes make of them (${name})`, async () => {
    const gpu = await testGpu({
      ...(maxBinding === undefined ? {} : { maxBinding }),
      ...(tuning === undefined ? {} : { tuning }),
    });
    const count = stored === undefined ? 60 : 250;
    const own = images(count, ...(stored ?? ([9, 7] as const)), channels);
    const { small, large } =
      stored === undefined ? { small: own, large: own } : enlargedImages(own, 9, 7);
    const mean = meanImage(small);
    const order = Uint32Array.of(count - 1, 0, 33, 1, 24, 23);
    const [batch] = await batches(gpu, small, 6, order, augment);
    const want = [...order].flatMap((image, b) =>
      augmented(
        { dataset: large, mean, augment },
        image,
        batch!.transforms!.subarray(16 * b, 16 * b + 16),
      ),
    );
    // Coordinates up to 15 in float32 carry 1e-6; neighbouring samples differ by up to 2.
    close("augmented", batch!.x, want, { absolute: 1e-5, relative: 0 });
  });
}

for (const [name, augment] of [
  ["as they are", undefined],
  ["moved", { ...paperAugmentation, fill: "nearest" }],
  ["strong", strongAugmentation],
] as const) {
  test(`what is subtracted and divided by may be a number a channel (${name})`, async () => {
    const gpu = await testGpu();
    const dataset = images(11, 9, 7, 3);
    const mean = Float32Array.of(0.485, 0.456, 0.406);
    const deviation = [0.229, 0.224, 0.225];
    const order = Uint32Array.of(10, 0, 3, 4);
    const [batch] = await batches(gpu, dataset, 5, order, augment, mean, deviation);
    const means = Float32Array.from({ length: 9 * 7 * 3 }, (_, i) => mean[i % 3]!);
    const want = [...order].flatMap((image, b) => {
      const made =
        augment === undefined
          ? Array.from(
              dataset.pixels.subarray(image * 189, (image + 1) * 189),
              (v, i) => v / 255 - means[i]!,
            )
          : augmented(
              { dataset, mean: means, augment },
              image,
              batch!.transforms!.subarray(16 * b, 16 * b + 16),
            );
      return made.map((v, i) => v / deviation[i % 3]!);
    });
    // As above, divided by 0.224 or more; rows of padding are zero.
    want.push(...Array.from({ length: 189 }, () => 0));
    close("normalised", batch!.x, want, { absolute: 5e-5, relative: 0 });
  });
}

test("a mean or deviations of another size are refused", async () => {
  const gpu = await testGpu();
  const dataset = images(2, 3, 3, 3);
  for (const [mean, deviation, says] of [
    [new Float32Array(9), undefined, /the mean has 9 values, not 27 .* or 3/],
    [new Float32Array(3), [1, 1], /needs 3 deviations above 0/],
    [new Float32Array(3), [1, 0, 1], /needs 3 deviations above 0/],
  ] as const) {
    let error: unknown;
    await GpuDataset.upload(gpu, dataset, mean, deviation).catch((caught) => (error = caught));
    assert.ok(error instanceof ShapeError && says.test(error.message), String(error));
  }
});

test("cut-outs lie anywhere inside the image; contrast and saturation spread over their ranges", async () => {
  const gpu = await testGpu();
  const dataset = images(4, 9, 7, 3);
  const order = Uint32Array.from({ length: 512 }, (_, i) => i % 4);
  const [{ transforms }] = (await batches(gpu, dataset, 512, order, strongAugmentation)) as [Batch];
  const column = (at: number): number[] =>
    Array.from({ length: 512 }, (_, b) => transforms![16 * b + at]!);
  // 40 % of 9 and 7 are 4 and 3 pixels: they start at 0 to 5 and 0 to 4.
  for (const [at, places] of [
    [9, 6],
    [10, 5],
    [11, 6],
    [12, 5],
  ] as const) {
    assert.equal(
      [...new Set(column(at))].sort((a, b) => a - b),
      Array.from({ length: places }, (_, i) => i),
    );
  }
  for (const [at, low, high] of [
    [7, 0.8, 1.2],
    [8, 0.5, 1.5],
  ] as const) {
    const values = column(at);
    assert.ok(Math.min(...values) >= low - 1e-6 && Math.max(...values) <= high + 1e-6);
    assert.ok(kolmogorov(values, (value) => (value - low) / (high - low)) < 1.95);
  }
});

test("maps stay in the paper's ranges, spread over them, and depend on the seed alone", async () => {
  const gpu = await testGpu();
  const dataset = images(8, 9, 9, 1);
  const order = Uint32Array.from({ length: 512 }, (_, i) => i % 8);
  const first = await batches(gpu, dataset, 256, order, paperAugmentation);
  const again = await batches(gpu, dataset, 256, order, paperAugmentation);
  /** Where what was drawn lies in its range, from 0 to 1, by its name. */
  const drawn: Record<string, number[]> = {};
  const within = (name: string, value: number, low: number, high: number): void => {
    (drawn[name] ??= []).push((value - low) / (high - low));
  };
  let flips = 0;
  first.forEach(({ transforms }, step) => {
    assert.equal(transforms, again[step]!.transforms);
    for (let b = 0; b < 256; b++) {
      const [m00, m01, m02, m10, m11, m12, flip] = transforms!.subarray(
        16 * b,
        16 * b + 7,
      ) as unknown as [number, number, number, number, number, number, number];
      // R(angle) · shift · shear · zoom, taken apart from the left.
      const angle = Math.atan2(m10, m00);
      const back = (row: number, column: number): [number, number] => [
        Math.cos(angle) * row + Math.sin(angle) * column,
        Math.cos(angle) * column - Math.sin(angle) * row,
      ];
      const [leaning, upright] = back(m01, m11);
      // The image's centre is (4, 4).
      const [down, right] = back(m00 * 4 + m01 * 4 + m02 - 4, m10 * 4 + m11 * 4 + m12 - 4);
      const degrees = 180 / Math.PI;
      within("angle", angle * degrees, -10, 10);
      within("shear", Math.atan2(-leaning, upright) * degrees, -0.1, 0.1);
      within("zoom of rows", Math.hypot(m00, m10), 0.7, 1.3);
      within("zoom of columns", Math.hypot(leaning, upright), 0.7, 1.3);
      within("down", down / 9, -0.15, 0.15);
      within("right", right / 9, -0.15, 0.15);
      flips += flip;
    }
  });
  assert.not.equal(first[0]!.transforms, first[1]!.transforms);
  for (const [name, places] of Object.entries(drawn)) {
    assert.is(places.length, 512);
    // Of the shear's 0.0017 float32 leaves some 1e-4.
    const slack = name === "shear" ? 1e-3 : 1e-5;
    assert.ok(Math.min(...places) >= -slack && Math.max(...places) <= 1 + slack, name);
    const statistic = kolmogorov(places, (place) => Math.min(1, Math.max(0, place)));
    assert.ok(statistic < 1.95, `${name}: ${statistic}`);
  }
  // None is another in disguise: four standard errors of a correlation.
  for (const [i, one] of Object.values(drawn).entries()) {
    for (const other of Object.values(drawn).slice(i + 1)) {
      const together = one.reduce((sum, place, k) => sum + (place - 0.5) * (other[k]! - 0.5), 0);
      assert.ok(Math.abs((12 * together) / 512) < 4 / Math.sqrt(512));
    }
  }
  assert.ok(Math.abs(flips / 512 - 0.5) < 4 * Math.sqrt(0.25 / 512));
});

test("without a change every image passes through the map unaltered", async () => {
  const gpu = await testGpu();
  const dataset = images(4, 5, 5, 1);
  const order = Uint32Array.of(0, 1, 2, 3);
  const [plain] = await batches(gpu, dataset, 4, order);
  const [mapped] = await batches(gpu, dataset, 4, order, {});
  close("identity", mapped!.x, plain!.x, { absolute: 1e-6, relative: 0 });
});

test.after(closeGpus);
test.run();
