import { test } from "uvu";
import * as assert from "uvu/assert";
import { convNext } from "../models/conv-next.ts";
import { pvtV2 } from "../models/pvt-v2.ts";
import { resnet18 } from "../models/resnet.ts";
import { simpleNet } from "../models/simple-net.ts";
import { smallCnn } from "../models/small-cnn.ts";
import { mlp, tinyCnn, tinyVit } from "../models/tiny.ts";
import { unet } from "../models/unet.ts";
import type { Value } from "../src/graph/value.ts";
import { compile } from "../src/graph/program.ts";
import { Declarations, Layers, type NormMode } from "../src/nn/layers.ts";
import { mul, sum } from "../src/ops/index.ts";
import { Random } from "../src/random.ts";
import { closeGpus, testGpu } from "./device.ts";
import { RecordingGraph } from "./float64.ts";

interface Case {
  readonly name: string;
  readonly size: number;
  readonly channels: number;
  readonly batch?: number;
  readonly norm?: NormMode;
  network(layers: Layers, x: Value): Value;
}

const narrow = [4, 8, 12, 16] as const;

/** The models, with few channels and blocks but every kind of layer they have. */
const cases: Case[] = [
  {
    name: "small CNN",
    size: 12,
    channels: 1,
    network: (layers, x) => smallCnn(layers, x, 5, { filters: [3, 4], hidden: 6 }),
  },
  { name: "MLP", size: 6, channels: 1, network: (l, x) => mlp(l, x, 5) },
  {
    name: "tiny CNN",
    size: 8,
    channels: 2,
    batch: 3,
    norm: "train",
    network: (l, x) => tinyCnn(l, x, 5),
  },
  { name: "tiny ViT", size: 8, channels: 2, network: (l, x) => tinyVit(l, x, 5) },
  { name: "SimpleNet", size: 32, channels: 3, batch: 1, network: (l, x) => simpleNet(l, x, 10) },
  ...(["authors", "cifar", "imagenet"] as const).flatMap((stem): Case[] =>
    (["train", "frozen"] as const).map((norm) => ({
      name: `ResNet-18 (${stem}, batch norm ${norm})`,
      // The stages of the stems "cifar" and "imagenet" then have the same shapes, and share kernels.
      size: stem === "imagenet" ? 33 : 9,
      channels: 3,
      batch: 3,
      norm,
      network: (layers, x) => resnet18(layers, x, 5, stem, narrow),
    })),
  ),
  {
    name: "PVTv2",
    size: 64,
    channels: 3,
    network: (layers, x) =>
      pvtV2(layers, x, 5, {
        widths: narrow,
        depths: [1, 1, 1, 1],
        heads: [1, 2, 3, 4],
        ratios: [2, 2, 2, 2],
        reductions: [8, 4, 2, 1],
        dropPath: 0,
      }),
  },
  {
    name: "ConvNeXt",
    size: 64,
    channels: 3,
    network: (layers, x) =>
      convNext(layers, x, 5, { widths: narrow, depths: [1, 2, 1, 1], dropPath: 0 }),
  },
  ...(["batch", "group"] as const).map((norm): Case => ({
    name: `U-Net (${norm} norm)`,
    size: 8,
    channels: 2,
    batch: 3,
    norm: "train",
    network(layers, x) {
      // At one turn: at a thousand, which is tested with the operation, float32 makes 1e-3 of the angle.
      const sizes = { widths: [4, 8], depth: 1, embedding: 2, norm };
      const variance = layers.graph.input("variance", [3]);
      layers.statistics.set("own.variance", variance);
      return unet(layers, x, variance, sizes);
    },
  })),
];

for (const { name, size, channels, batch = 2, norm = "frozen", network } of cases) {
  test(`${name}: logits and the gradient of every tensor agree with float64`, async () => {
    const gpu = await testGpu();
    const graph = new RecordingGraph(gpu.tuning);
    const layers = new Layers(graph, new Declarations(), norm);
    const x = graph.input("x", [batch, size, size, channels]);
    const logits = network(layers, x);
    // A random linear function of the logits: every one of them counts, with its own sign.
    const cotangent = graph.input("cotangent", logits.shape);
    const loss = sum(mul(logits, cotangent));

    // One seed: in about one of 25 a float32 rounding puts some activation on the other side of its kink.
    const random = new Random(7);
    const normal = (length: number, scale = 1, mean = 0): Float32Array =>
      Float32Array.from({ length }, () => mean + scale * random.normal());
    const given = new Map<Value, Float32Array>([
      [x, normal(x.size)],
      [cotangent, normal(cotangent.size)],
    ]);
    for (const [label, value] of layers.parameters) {
      // Near 1 where a scale starts at 1 or at 1e-6: a gradient through a tiny layer scale shows nothing.
      const scale = label.endsWith(".gamma");
      const fan = value.shape.slice(0, -1).reduce((product, n) => product * n, 1);
      given.set(value, scale ? normal(value.size, 0.2, 1) : normal(value.size, fan ** -0.5));
    }
    for (const [label, value] of layers.statistics) {
      given.set(
        value,
        label.endsWith(".variance") ? normal(value.size, 0.1, 1) : normal(value.size),
      );
    }
    const wrt = [x, ...layers.parameters.values()];
    const { launches, of } = graph.backward(loss, wrt);
    const sizes = Object.fromEntries([...given.keys()].map((v, i) => [`${i}`, v.bytes]));
    const buffers = Object.values(await gpu.allocate(sizes));
    const bindings = new Map(
      [...given.keys()].map((v, i) => [v, { buffer: buffers[i]!, offset: 0, size: v.bytes }]),
    );
    const gradients = wrt.map((value) => of.get(value)!);
    const program = await compile(gpu, [...graph.forward(), ...launches], {
      label: name,
      bindings,
      keep: [logits, ...gradients],
    });
    for (const [value, data] of given) gpu.write(bindings.get(value)!.buffer, data);
    program.run();
    const results = await gpu.read(...[logits, ...gradients].map((value) => program.view(value)));
    const [got, ...derivatives] = results.map((bytes) => new Float32Array(bytes));

    // Some ten layers of sums of up to a thousand float32 products.
    const wanted = graph.evaluate(logits, given);
    const largest = Math.max(...wanted.map(Math.abs));
    wanted.forEach((want, i) => {
      assert.ok(Math.abs(got![i]! - want) <= 2e-5 * largest, `logit ${i}: ${got![i]}, not ${want}`);
    });

    // The loss in float64 along a random direction of one tensor at a time, by central differences.
    const lossAt = (value: Value, direction: Float64Array, by: number): number => {
      const moved = Float64Array.from(given.get(value)!, (v, i) => v + by * direction[i]!);
      const at = graph.evaluate(logits, new Map<Value, ArrayLike<number>>(given).set(value, moved));
      return at.reduce((total, logit, i) => total + logit * given.get(cotangent)![i]!, 0);
    };
    const everything = Math.hypot(...derivatives.map((derivative) => Math.hypot(...derivative)));
    for (const [i, value] of wrt.entries()) {
      const direction = Float64Array.from({ length: value.size }, () => random.normal());
      const want = (lossAt(value, direction, step) - lossAt(value, direction, -step)) / (2 * step);
      const derivative = derivatives[i]!;
      const slope = derivative.reduce((total, g, j) => total + g * direction[j]!, 0);
      const length = Math.hypot(...derivative);
      assert.ok(
        Math.abs(slope - want) <= 5e-5 * length + 1e-6 * everything,
        `${value.label}: ${slope}, not ${want} (its gradient has length ${length})`,
      );
    }
    program.destroy();
    gpu.free(...buffers);
  });
}

/**
 * So small that no ReLU or maximum changes sides in between: with 1e-6 some do, and slopes differ by 1e-3.
 * The roundings of float64 then make some 1e-7 of the loss.
 */
const step = 1e-8;

test.after(closeGpus);
test.run();
