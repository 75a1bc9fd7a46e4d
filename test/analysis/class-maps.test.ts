// Class activation maps, on networks whose maps are known exactly, or in float64 by finite differences.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { ClassMapper } from "../../src/analysis/class-maps.ts";
import type { Dataset } from "../../src/data/dataset.ts";
import { UsageError } from "../../src/errors.ts";
import { GpuDataset } from "../../src/feed/gpu-dataset.ts";
import { Model, type ModelSpec } from "../../src/nn/model.ts";
import { flatten, globalAveragePool, maxPool, relu } from "../../src/ops/index.ts";
import { Random } from "../../src/random.ts";
import { closeGpus, testGpu, tunings } from "../device.ts";

const [height, width, channels, classes] = [6, 5, 2, 3];

/** Float images, taken as they are: no pixel is divided by 255. */
function images(count: number, value: (at: number) => number): Dataset {
  const size = height * width * channels;
  return {
    name: "made",
    classes: ["a", "b", "c"],
    ...{ height, width, channels, count },
    pixels: Float32Array.from({ length: count * size }, (_, at) => value(at)),
    labels: Uint16Array.from({ length: count }, (_, i) => i % classes),
  };
}

const spec = (name: string, build: ModelSpec["build"]): ModelSpec => ({
  name,
  inputs: [[height, width, channels]],
  output: [classes],
  build,
});

/** The head stands on the average of the image itself: its feature maps are the image's channels. */
const averaged = spec("averaged", (layers, [x]) =>
  layers.linear("head", globalAveragePool(x!), classes),
);

const filters = 4;

/** Convolution, pooling, dense: the head does not stand on a global average. */
const convolved = spec("convolved", (layers, [x]) => {
  const features = relu(layers.conv2d("conv", x!, { filters, kernel: 3, padding: 1 }));
  return layers.linear("head", flatten(maxPool(features, { size: 2 })), classes);
});

const upload = async (data: Dataset): Promise<GpuDataset> =>
  GpuDataset.upload(await testGpu(), data, new Float32Array(channels));

test("a head on a global average: the map is the weighted sum of the feature maps, to the bit", async () => {
  const gpu = await testGpu();
  const data = images(7, (at) => (at * 7) % 11);
  const set = await upload(data);
  const model = await Model.create(gpu, averaged, 1);
  const weights = [1, -2, 0.5, 3, 0.25, -1];
  const bias = Float32Array.of(5, 5, 5);
  model.load(
    new Map([
      ["head.weight", { shape: [channels, classes], data: Float32Array.from(weights) }],
      ["head.bias", { shape: [classes], data: bias }],
    ]),
  );
  const mapper = await ClassMapper.create(model, set, { batch: 4 });
  const order = Uint32Array.of(5, 0, 6, 1, 2);
  const result = await mapper.run(order);
  assert.equal([result.height, result.width, result.weights], [height, width, "head"]);
  const want = [...order].flatMap((image) =>
    Array.from({ length: height * width }, (_, place) => {
      const [first, second] = [0, 1].map(
        (k) => data.pixels[(image * height * width + place) * channels + k]!,
      );
      const label = data.labels[image]!;
      return weights[label]! * first! + weights[classes + label]! * second!;
    }),
  );
  assert.equal([...result.maps], want);
  // Grad-CAM of the same network is its CAM over the number of positions; roundings of the average's 1/30.
  const byGradient = await ClassMapper.create(model, set, { batch: 4, weights: "gradient" });
  const { maps, weights: kind } = await byGradient.run(order);
  assert.is(kind, "gradient");
  for (const [i, value] of maps.entries()) {
    assert.ok(Math.abs(value * height * width - want[i]!) < 1e-4, `${i}`);
  }
  for (const one of [mapper, byGradient, model, set]) one.destroy();
});

/**
 * Grad-CAM of {@link convolved} in float64, the gradient by central differences of what follows its feature maps. Of equal
 * elements of a window the first is to count, so the others are a little less.
 */
function reference(
  tensors: ReadonlyMap<string, { data: Float32Array }>,
  image: Float64Array,
  label: number,
): number[] {
  const at = (name: string): Float32Array => tensors.get(name)!.data;
  const features = new Float64Array(height * width * filters);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      for (let f = 0; f < filters; f++) {
        let sum = at("conv.bias")[f]!;
        for (let dy = 0; dy < 3; dy++)
          for (let dx = 0; dx < 3; dx++)
            for (let c = 0; c < channels; c++) {
              const [sy, sx] = [y + dy - 1, x + dx - 1];
              if (sy < 0 || sx < 0 || sy >= height || sx >= width) continue;
              const weight = at("conv.weight")[((dy * 3 + dx) * channels + c) * filters + f]!;
              sum += weight * image[(sy * width + sx) * channels + c]!;
            }
        features[(y * width + x) * filters + f] = Math.max(0, sum);
      }
  const [rows, columns] = [height / 2, Math.floor(width / 2)];
  const logit = (a: Float64Array): number => {
    let sum = at("head.bias")[label]!;
    for (let y = 0; y < rows; y++)
      for (let x = 0; x < columns; x++)
        for (let f = 0; f < filters; f++) {
          const window = [0, 1, 2, 3].map(
            (i) => a[((2 * y + (i >> 1)) * width + 2 * x + (i & 1)) * filters + f]! - 1e-6 * i,
          );
          sum +=
            Math.max(...window) *
            at("head.weight")[((y * columns + x) * filters + f) * classes + label]!;
        }
    return sum;
  };
  const step = 1e-7;
  const slopes = new Float64Array(filters);
  for (const place of features.keys()) {
    const moved = (by: number): number => {
      const copy = features.slice();
      copy[place]! += by;
      return logit(copy);
    };
    slopes[place % filters]! += (moved(step) - moved(-step)) / (2 * step) / (height * width);
  }
  return Array.from({ length: height * width }, (_, place) =>
    slopes.reduce((sum, slope, f) => sum + slope * features[place * filters + f]!, 0),
  );
}

test("any other network: Grad-CAM of the last feature maps that are not pooled, as in float64", async () => {
  const random = new Random(3);
  const data = images(5, () => random.float() * 2 - 1);
  for (const tuning of tunings) {
    const gpu = await testGpu({ tuning });
    const set = await GpuDataset.upload(gpu, data, new Float32Array(channels));
    const model = await Model.create(gpu, convolved, 2);
    const mapper = await ClassMapper.create(model, set, { batch: 4 });
    const { maps, weights } = await mapper.run(Uint32Array.of(0, 1, 2, 3, 4));
    assert.is(weights, "gradient");
    const tensors = await model.save();
    const size = height * width * channels;
    const want = Array.from({ length: 5 }, (_, i) =>
      reference(
        tensors,
        Float64Array.from(data.pixels.subarray(i * size, (i + 1) * size)),
        data.labels[i]!,
      ),
    ).flat();
    const largest = Math.max(...want.map(Math.abs));
    // Sums of 18 and of 30 products in float32, and the reference's own 1e-7 / 1e-6.
    const worst = Math.max(...want.map((value, i) => Math.abs(value - maps[i]!)));
    assert.ok(worst < 1e-5 * largest, `${tuning}: ${worst} of ${largest}`);
    for (const one of [mapper, model, set]) one.destroy();
  }
});

test("a network without feature maps has no class maps, and says so", async () => {
  const gpu = await testGpu();
  const set = await upload(images(2, (at) => at));
  const dense = spec("dense", (layers, [x]) => layers.linear("head", flatten(x!), classes));
  const model = await Model.create(gpu, dense, 1);
  try {
    await ClassMapper.create(model, set);
    assert.unreachable();
  } catch (error) {
    assert.instance(error, UsageError);
    assert.match((error as Error).message, /network "dense" has no feature maps/);
  }
  model.destroy();
  set.destroy();
});

test.after(closeGpus);
test.run();
