/**
 * The published networks answer as their publishers' do: the forward pass of each, written here in float64 from its paper and
 * in PyTorch's layouts, takes the weights that ours are exported as.
 *
 * Logits may differ by 4e-6 of the largest: some ten layers of float32 sums, which make 5e-7. Weights are such that what goes
 * into norms is near 0.1, so that another epsilon makes more than that, and what goes into GELU near 1, so that its
 * approximation does.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { convNext } from "../models/conv-next.ts";
import { networks } from "../models/index.ts";
import { pvtV2 } from "../models/pvt-v2.ts";
import { type ResNetStem, resnet18 } from "../models/resnet.ts";
import type { Dataset } from "../src/data/dataset.ts";
import { GpuDataset } from "../src/feed/gpu-dataset.ts";
import type { Value } from "../src/graph/value.ts";
import { exportPretrained, type PublishedFormat } from "../src/io/pretrained.ts";
import type { Tensor } from "../src/io/safetensors.ts";
import type { Layers } from "../src/nn/layers.ts";
import { Model } from "../src/nn/model.ts";
import { Random } from "../src/random.ts";
import { classification } from "../src/tasks/classification.ts";
import { Collector } from "../src/train/collector.ts";
import { closeGpus, testGpu } from "./device.ts";
import { erf } from "./float64.ts";

/** One image or map of features: `data` is [channels, height, width]. */
interface Maps {
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  readonly data: Float64Array;
}

/** Tensors of a network by PyTorch's names. */
class Weights {
  readonly #tensors: ReadonlyMap<string, Tensor>;
  readonly used = new Set<string>();

  constructor(tensors: ReadonlyMap<string, Tensor>) {
    this.#tensors = tensors;
  }

  has(name: string): boolean {
    return this.#tensors.has(name);
  }

  get(name: string): Tensor {
    const tensor = this.#tensors.get(name);
    if (tensor === undefined) throw new Error(`no tensor "${name}"`);
    this.used.add(name);
    return tensor;
  }

  /** Values of a vector; zeros where there is none. */
  vector(name: string, size: number): ArrayLike<number> {
    return this.has(name) ? this.get(name).data : new Float64Array(size);
  }
}

interface ConvOptions {
  readonly stride?: number;
  /** Rows and columns of zeros before and after; "same": as TensorFlow has them. */
  readonly padding?: number | "same";
  /** A kernel a channel. */
  readonly depthwise?: boolean;
}

function conv(
  x: Maps,
  weights: Weights,
  name: string,
  { stride = 1, padding = 0, depthwise = false }: ConvOptions = {},
): Maps {
  const { shape, data } = weights.get(`${name}.weight`);
  const [out, own, kernel] = shape as [number, number, number, number];
  assert.is(own, depthwise ? 1 : x.channels, name);
  const bias = weights.vector(`${name}.bias`, out);
  const ends = (size: number): [before: number, result: number] => {
    if (padding !== "same")
      return [padding, Math.floor((size + 2 * padding - kernel) / stride) + 1];
    const result = Math.ceil(size / stride);
    return [Math.floor(Math.max((result - 1) * stride + kernel - size, 0) / 2), result];
  };
  const [top, height] = ends(x.height);
  const [left, width] = ends(x.width);
  const y = new Float64Array(out * height * width);
  for (let o = 0; o < out; o++) {
    for (let i = 0; i < height; i++) {
      for (let j = 0; j < width; j++) {
        let sum = bias[o]!;
        for (let c = 0; c < own; c++) {
          const channel = depthwise ? o : c;
          for (let a = 0; a < kernel; a++) {
            const row = i * stride + a - top;
            if (row < 0 || row >= x.height) continue;
            for (let b = 0; b < kernel; b++) {
              const column = j * stride + b - left;
              if (column < 0 || column >= x.width) continue;
              sum +=
                data[((o * own + c) * kernel + a) * kernel + b]! *
                x.data[(channel * x.height + row) * x.width + column]!;
            }
          }
        }
        y[(o * height + i) * width + j] = sum;
      }
    }
  }
  return { channels: out, height, width, data: y };
}

/** Every value by itself; `f` is given its channel. */
function mapped(x: Maps, f: (value: number, channel: number, at: number) => number): Maps {
  const size = x.height * x.width;
  return { ...x, data: x.data.map((value, at) => f(value, Math.floor(at / size), at)) };
}

const relu = (x: Maps): Maps => mapped(x, (value) => Math.max(value, 0));
const gelu = (x: Maps): Maps => mapped(x, (value) => (value * (1 + erf(value / Math.SQRT2))) / 2);
const sum = (a: Maps, b: Maps): Maps => mapped(a, (value, _, at) => value + b.data[at]!);

function batchNorm(x: Maps, weights: Weights, name: string, epsilon: number): Maps {
  const [gamma, beta, mean, variance] = ["weight", "bias", "running_mean", "running_var"].map(
    (part) => weights.get(`${name}.${part}`).data,
  ) as [Float32Array, Float32Array, Float32Array, Float32Array];
  return mapped(
    x,
    (value, c) => ((value - mean[c]!) / Math.sqrt(variance[c]! + epsilon)) * gamma[c]! + beta[c]!,
  );
}

/** Layer norm over the channels of each place. */
function layerNorm(x: Maps, weights: Weights, name: string, epsilon: number): Maps {
  const gamma = weights.get(`${name}.weight`).data;
  const beta = weights.get(`${name}.bias`).data;
  const size = x.height * x.width;
  const data = new Float64Array(x.data.length);
  for (let at = 0; at < size; at++) {
    const own = Array.from({ length: x.channels }, (_, c) => x.data[c * size + at]!);
    const mean = own.reduce((total, value) => total + value, 0) / x.channels;
    const variance = own.reduce((total, value) => total + (value - mean) ** 2, 0) / x.channels;
    own.forEach((value, c) => {
      data[c * size + at] = ((value - mean) / Math.sqrt(variance + epsilon)) * gamma[c]! + beta[c]!;
    });
  }
  return { ...x, data };
}

/** A dense layer on the channels of each place: what a convolution 1×1 is. */
function linear(x: Maps, weights: Weights, name: string): Maps {
  const { shape, data } = weights.get(`${name}.weight`);
  const out = shape[0]!;
  assert.is(shape[1], x.channels, name);
  const bias = weights.vector(`${name}.bias`, out);
  const size = x.height * x.width;
  const y = new Float64Array(out * size);
  for (let o = 0; o < out; o++) {
    for (let at = 0; at < size; at++) {
      let total = bias[o]!;
      for (let c = 0; c < x.channels; c++) {
        total += data[o * x.channels + c]! * x.data[c * size + at]!;
      }
      y[o * size + at] = total;
    }
  }
  return { ...x, channels: out, data: y };
}

function averaged(x: Maps): Maps {
  const size = x.height * x.width;
  const data = Float64Array.from({ length: x.channels }, (_, c) => {
    return x.data.subarray(c * size, (c + 1) * size).reduce((a, b) => a + b, 0) / size;
  });
  return { channels: x.channels, height: 1, width: 1, data };
}

/** The largest of each window 3×3, every second row and column, with a border of one that never is. */
function maxPool(x: Maps): Maps {
  const [height, width] = [x.height, x.width].map((size) => Math.floor((size - 1) / 2) + 1) as [
    number,
    number,
  ];
  const data = new Float64Array(x.channels * height * width).fill(-Infinity);
  for (let c = 0; c < x.channels; c++) {
    for (let i = 0; i < x.height; i++) {
      for (let j = 0; j < x.width; j++) {
        for (let row = Math.ceil((i - 1) / 2); row <= (i + 1) / 2 && row < height; row++) {
          for (let column = Math.ceil((j - 1) / 2); column <= (j + 1) / 2; column++) {
            if (column >= width) continue;
            const to = (c * height + row) * width + column;
            data[to] = Math.max(data[to]!, x.data[(c * x.height + i) * x.width + j]!);
          }
        }
      }
    }
  }
  return { channels: x.channels, height, width, data };
}

/** A border of one place of zeros. */
function bordered(x: Maps): Maps {
  const [height, width] = [x.height + 2, x.width + 2];
  const data = new Float64Array(x.channels * height * width);
  x.data.forEach((value, at) => {
    const column = at % x.width;
    const row = Math.floor(at / x.width) % x.height;
    const c = Math.floor(at / (x.width * x.height));
    data[(c * height + row + 1) * width + column + 1] = value;
  });
  return { channels: x.channels, height, width, data };
}

type Forward = (x: Maps, weights: Weights) => Maps;

/** ResNet-18 with two basic blocks a stage (He et al. 2016; torchvision's names). */
const resnet =
  (stem: ResNetStem): Forward =>
  (image, weights) => {
    const keras = stem === "authors";
    const epsilon = keras ? 1e-3 : 1e-5;
    const around = keras ? "same" : 1;
    const normed = (x: Maps, name: string): Maps => batchNorm(x, weights, name, epsilon);
    const first = {
      authors: { padding: 3 },
      cifar: { padding: 1 },
      imagenet: { padding: 3, stride: 2 },
    }[stem];
    let h = relu(normed(conv(image, weights, "conv1", first), "bn1"));
    if (stem === "imagenet") h = maxPool(h);
    if (keras) h = bordered(h);
    for (const [i, stride] of (keras ? [1, 1, 2, 2] : [1, 2, 2, 2]).entries()) {
      for (const block of [0, 1]) {
        const name = `layer${i + 1}.${block}`;
        const step = block === 0 ? stride : 1;
        let y = conv(h, weights, `${name}.conv1`, { stride: step, padding: around });
        y = conv(relu(normed(y, `${name}.bn1`)), weights, `${name}.conv2`, { padding: around });
        y = normed(y, `${name}.bn2`);
        let shortcut = h;
        if (step !== 1 || y.channels !== h.channels) {
          shortcut = conv(h, weights, `${name}.downsample.0`, { stride: step });
          shortcut = normed(shortcut, `${name}.downsample.1`);
        }
        h = relu(sum(y, shortcut));
      }
    }
    return linear(averaged(h), weights, "fc");
  };

/** ConvNeXt (Liu et al. 2022; torchvision's names). */
const convNeXt =
  (depths: readonly number[]): Forward =>
  (image, weights) => {
    let h = conv(image, weights, "features.0.0", { stride: 4 });
    h = layerNorm(h, weights, "features.0.1", 1e-6);
    for (const [i, depth] of depths.entries()) {
      if (i > 0) {
        h = layerNorm(h, weights, `features.${2 * i}.0`, 1e-6);
        h = conv(h, weights, `features.${2 * i}.1`, { stride: 2 });
      }
      for (let b = 0; b < depth; b++) {
        const name = `features.${2 * i + 1}.${b}`;
        let y = conv(h, weights, `${name}.block.0`, { padding: 3, depthwise: true });
        y = linear(layerNorm(y, weights, `${name}.block.2`, 1e-6), weights, `${name}.block.3`);
        y = linear(gelu(y), weights, `${name}.block.5`);
        const scale = weights.get(`${name}.layer_scale`);
        assert.equal(scale.shape, [y.channels, 1, 1]);
        h = sum(
          h,
          mapped(y, (value, c) => value * scale.data[c]!),
        );
      }
    }
    h = layerNorm(averaged(h), weights, "classifier.0", 1e-6);
    return linear(h, weights, "classifier.2");
  };

/** Softmax of the products of queries and keys, in each head; the mean of values by it. */
function attended(q: Maps, kv: Maps, heads: number): Maps {
  const [tokens, others] = [q.height * q.width, kv.height * kv.width];
  const size = q.channels / heads;
  const data = new Float64Array(q.data.length);
  for (let head = 0; head < heads; head++) {
    for (let t = 0; t < tokens; t++) {
      const products = Array.from({ length: others }, (_, o) => {
        let total = 0;
        for (let d = 0; d < size; d++) {
          const c = head * size + d;
          total += q.data[c * tokens + t]! * kv.data[c * others + o]!;
        }
        return total / Math.sqrt(size);
      });
      const largest = Math.max(...products);
      const shares = products.map((product) => Math.exp(product - largest));
      const all = shares.reduce((a, b) => a + b, 0);
      for (let d = 0; d < size; d++) {
        const c = head * size + d;
        // Values are the second half of the channels.
        const values = (q.channels + c) * others;
        data[c * tokens + t] =
          shares.reduce((total, share, o) => total + share * kv.data[values + o]!, 0) / all;
      }
    }
  }
  return { ...q, data };
}

interface PvtSizes {
  readonly depths: readonly number[];
  readonly heads: readonly number[];
  readonly reductions: readonly number[];
}

/** PVTv2 (Wang et al. 2022; the authors' names). */
const pvt =
  ({ depths, heads, reductions }: PvtSizes): Forward =>
  (image, weights) => {
    let h = image;
    for (const [i, depth] of depths.entries()) {
      const patch = `patch_embed${i + 1}`;
      const way = i === 0 ? { stride: 4, padding: 3 } : { stride: 2, padding: 1 };
      h = layerNorm(conv(h, weights, `${patch}.proj`, way), weights, `${patch}.norm`, 1e-5);
      for (let b = 0; b < depth; b++) {
        const name = `block${i + 1}.${b}`;
        const x = layerNorm(h, weights, `${name}.norm1`, 1e-6);
        let context = x;
        if (reductions[i]! > 1) {
          context = conv(x, weights, `${name}.attn.sr`, { stride: reductions[i]! });
          context = layerNorm(context, weights, `${name}.attn.norm`, 1e-5);
        }
        const q = linear(x, weights, `${name}.attn.q`);
        const mixed = attended(q, linear(context, weights, `${name}.attn.kv`), heads[i]!);
        h = sum(h, linear(mixed, weights, `${name}.attn.proj`));
        let m = layerNorm(h, weights, `${name}.norm2`, 1e-6);
        m = linear(m, weights, `${name}.mlp.fc1`);
        m = gelu(conv(m, weights, `${name}.mlp.dwconv.dwconv`, { padding: 1, depthwise: true }));
        h = sum(h, linear(m, weights, `${name}.mlp.fc2`));
      }
      h = layerNorm(h, weights, `norm${i + 1}`, 1e-6);
    }
    return linear(averaged(h), weights, "head");
  };

interface Case {
  /** The network, which is narrower here. */
  readonly name: string;
  readonly format: PublishedFormat;
  readonly size: number;
  build(layers: Layers, x: Value): Value;
  /** What norms scale by, about; weights of a tenth of the usual size, which come before a norm. */
  readonly gamma: number;
  readonly small: RegExp;
  readonly forward: Forward;
}

const narrow = [4, 8, 12, 16] as const;
const classes = 5;
const pvtSizes = { depths: [1, 2, 1, 1], heads: [1, 2, 3, 4], reductions: [8, 4, 2, 1] };
const depths = [1, 2, 1, 1] as const;

const cases: Case[] = [
  ...(
    [
      ["resnet18", "authors", 9],
      ["resnet18-cifar", "cifar", 9],
      ["resnet18-imagenet", "imagenet", 33],
    ] as const
  ).map(([name, stem, size]): Case => ({
    ...{ name, size, format: "torchvision", gamma: 0.2, small: /^$/, forward: resnet(stem) },
    build: (layers, x) => resnet18(layers, x, classes, stem, narrow),
  })),
  {
    ...{ name: "convnext-t", format: "torchvision", size: 64, forward: convNeXt(depths) },
    ...{ gamma: 1, small: /conv|\.dw/ },
    build: (layers, x) => convNext(layers, x, classes, { widths: narrow, depths, dropPath: 0 }),
  },
  {
    ...{ name: "pvt-v2-b0", format: "original", size: 64, forward: pvt(pvtSizes) },
    ...{ gamma: 1, small: /embed|\.sr/ },
    build: (layers, x) =>
      pvtV2(layers, x, classes, {
        ...{ ...pvtSizes, widths: narrow, ratios: [2, 2, 2, 2], dropPath: 0 },
      }),
  },
];

for (const { name, format, size, build, gamma, small, forward } of cases) {
  test(`${name} answers as its publishers' network does`, async () => {
    const gpu = await testGpu();
    const random = new Random(11);
    const model = await Model.create(
      gpu,
      {
        name: `narrow ${name}`,
        inputs: [[size, size, 3]],
        output: [classes],
        build: (layers, [x]) => build(layers, x!),
      },
      1,
    );
    // None is what it is by itself: scales and shifts, and the statistics of batch norm.
    const tensors = new Map<string, Tensor>();
    for (const [tensor, { shape, data }] of await model.save()) {
      const fan = shape.slice(0, -1).reduce((product, n) => product * n, 1);
      const drawn = (): number => {
        if (tensor.endsWith(".variance")) return 0.02 + 0.02 * random.float();
        // Behind the patches of a stage, so that what its blocks normalise is small as well.
        if (tensor.endsWith(".embed.norm.gamma")) return 0.1 + 0.02 * random.normal();
        if (tensor.endsWith(".gamma")) return gamma + 0.2 * random.normal();
        const gain = small.test(tensor) ? 0.1 : 1;
        return shape.length === 1
          ? 0.1 * random.normal()
          : (gain * random.normal()) / Math.sqrt(fan);
      };
      tensors.set(tensor, { shape, data: Float32Array.from(data, drawn) });
    }
    model.load(tensors);

    const count = 2;
    const pixels = Float32Array.from({ length: count * size * size * 3 }, () => random.normal());
    const images: Dataset = {
      name: "random",
      classes: Array.from({ length: classes }, (_, i) => String(i)),
      ...{ count, height: size, width: size, channels: 3, pixels },
      labels: new Uint16Array(count),
    };
    const data = await GpuDataset.upload(gpu, images, new Float32Array(3));
    const collector = await Collector.create(model, classification, data, count);
    const got = await collector.run(Uint32Array.from({ length: count }, (_, i) => i));
    for (const part of [collector, data]) part.destroy();

    const { published } = networks.find(name);
    const slots = [...model.parameters.layout.slots, ...model.statistics.layout.slots];
    const exported = exportPretrained({ name, formats: published! }, slots, tensors, format);
    const weights = new Weights(exported);
    const wanted = Array.from({ length: count }, (_, n) => {
      const at = (c: number, place: number): number => pixels[(n * size * size + place) * 3 + c]!;
      const image = Float64Array.from({ length: 3 * size * size }, (__, i) =>
        at(Math.floor(i / (size * size)), i % (size * size)),
      );
      return [...forward({ channels: 3, height: size, width: size, data: image }, weights).data];
    }).flat();
    assert.equal([...weights.used].sort(), [...exported.keys()].sort(), "every tensor is used");
    const largest = Math.max(...wanted.map(Math.abs));
    wanted.forEach((want, i) => {
      const error = Math.abs(got[i]! - want) / largest;
      assert.ok(error <= 4e-6, `logit ${i}: ${got[i]}, not ${want} (${error} of the largest)`);
    });
    model.destroy();
  });
}

test.after(closeGpus);
test.run();
