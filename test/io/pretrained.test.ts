import { test } from "uvu";
import * as assert from "uvu/assert";
import { modelSpec } from "../../models/index.ts";
import { publishedNetwork } from "../../models/published.ts";
import { DataError } from "../../src/errors.ts";
import type { ParameterSpec } from "../../src/weights/arena.ts";
import {
  exportPretrained,
  importPretrained,
  type PublishedFormat,
  sameNames,
} from "../../src/io/pretrained.ts";
import type { Tensor } from "../../src/io/safetensors.ts";
import { declare, tensorsOf } from "../../src/nn/model.ts";

type Name =
  | "resnet18"
  | "resnet18-imagenet"
  | "resnet18-cifar"
  | "convnext-atto"
  | "convnext-t"
  | "pvt-v2-b0";

function slotsOf(name: Name, classes = 7): ParameterSpec[] {
  const declared = declare(modelSpec({ name }, [64, 64, 3], classes));
  return [...declared.parameters.values(), ...declared.statistics.values()];
}

/** Tensors that differ in every element. */
function numbered(slots: readonly ParameterSpec[]): Map<string, Tensor> {
  return new Map(
    slots.map(({ name, shape }, i) => {
      const size = shape.reduce((product, n) => product * n, 1);
      return [
        name,
        { shape, data: Float32Array.from({ length: size }, (_, j) => i + j / 2 ** 20) },
      ];
    }),
  );
}

/** Tensors of each published network: names PyTorch prints for it, with their shapes (7 classes). */
const known: readonly (readonly [
  Name,
  PublishedFormat,
  number,
  Record<string, readonly number[]>,
])[] = [
  [
    "resnet18-imagenet",
    "torchvision",
    102,
    {
      "conv1.weight": [64, 3, 7, 7],
      "bn1.running_var": [64],
      "layer1.0.conv2.weight": [64, 64, 3, 3],
      "layer2.0.downsample.0.weight": [128, 64, 1, 1],
      "layer2.0.downsample.1.running_mean": [128],
      "layer4.1.bn2.bias": [512],
      "fc.weight": [7, 512],
    },
  ],
  // Torchvision's names; the authors' convolutions have biases.
  [
    "resnet18",
    "torchvision",
    122,
    { "conv1.bias": [64], "layer4.0.downsample.0.bias": [512], "fc.weight": [7, 512] },
  ],
  [
    "convnext-t",
    "torchvision",
    182,
    {
      "features.0.0.weight": [96, 3, 4, 4],
      "features.0.1.bias": [96],
      "features.1.2.block.0.weight": [96, 1, 7, 7],
      "features.1.0.block.2.weight": [96],
      "features.1.0.block.3.weight": [384, 96],
      "features.1.0.block.5.bias": [96],
      "features.1.0.layer_scale": [96, 1, 1],
      "features.2.0.weight": [96],
      "features.2.1.weight": [192, 96, 2, 2],
      "features.5.8.layer_scale": [384, 1, 1],
      "features.7.2.block.5.weight": [768, 3072],
      "classifier.0.weight": [768],
      "classifier.2.weight": [7, 768],
    },
  ],
  [
    "convnext-t",
    "timm",
    182,
    {
      "stem.0.weight": [96, 3, 4, 4],
      "stem.1.weight": [96],
      "stages.0.blocks.0.conv_dw.weight": [96, 1, 7, 7],
      "stages.0.blocks.0.mlp.fc1.weight": [384, 96],
      "stages.0.blocks.0.gamma": [96],
      "stages.1.downsample.1.weight": [192, 96, 2, 2],
      "stages.2.blocks.8.norm.bias": [384],
      "head.norm.weight": [768],
      "head.fc.bias": [7],
    },
  ],
  [
    "convnext-atto",
    "original",
    128,
    {
      "downsample_layers.0.0.weight": [40, 3, 4, 4],
      "downsample_layers.3.1.bias": [320],
      "stages.2.5.dwconv.bias": [160],
      "stages.0.0.pwconv1.weight": [160, 40],
      "stages.0.0.gamma": [40],
      "norm.bias": [320],
      "head.weight": [7, 320],
    },
  ],
  ["convnext-atto", "timm", 128, { "stages.0.blocks.0.mlp.fc1.weight": [160, 40, 1, 1] }],
  [
    "pvt-v2-b0",
    "original",
    178,
    {
      "patch_embed1.proj.weight": [32, 3, 7, 7],
      "patch_embed2.norm.bias": [64],
      "block1.0.attn.q.weight": [32, 32],
      "block1.0.attn.kv.weight": [64, 32],
      "block3.1.attn.kv.bias": [320],
      "block1.1.attn.sr.weight": [32, 32, 8, 8],
      "block2.0.attn.norm.weight": [64],
      "block4.1.mlp.dwconv.dwconv.weight": [1024, 1, 3, 3],
      "norm4.weight": [256],
      "head.weight": [7, 256],
    },
  ],
  [
    "pvt-v2-b0",
    "timm",
    178,
    {
      "patch_embed.proj.weight": [32, 3, 7, 7],
      "stages.1.downsample.proj.weight": [64, 32, 3, 3],
      "stages.0.blocks.1.attn.kv.weight": [64, 32],
      "stages.3.blocks.0.mlp.dwconv.bias": [1024],
      "stages.3.norm.bias": [256],
    },
  ],
];

for (const [name, format, total, some] of known) {
  test(`${name}: the names and shapes of ${format}, there and back without a changed bit`, () => {
    const slots = slotsOf(name);
    const tensors = numbered(slots);
    const exported = exportPretrained(publishedNetwork(name), slots, tensors, format);
    for (const [key, shape] of Object.entries(some))
      assert.equal(exported.get(key)?.shape, shape, key);
    const size = (map: ReadonlyMap<string, Tensor>): number =>
      [...map.values()].reduce((sum, { data }) => sum + data.length, 0);
    assert.is(size(exported), size(tensors));
    assert.is(exported.size, total);
    const back = importPretrained(publishedNetwork(name), slots, exported, { head: "keep" });
    assert.is(back.format === "timm" ? format : back.format, format);
    assert.equal(back.tensors, tensors);
  });
}

test("a convolution, a depthwise one, a dense layer and keys with values, number by number", () => {
  const slots: ParameterSpec[] = [
    { name: "stage1.embed.proj.weight", kind: "conv", shape: [1, 2, 3, 2] },
    { name: "stage1.block1.mlp.dw.weight", kind: "depthwise", shape: [1, 2, 2] },
    { name: "stage1.block1.attn.k.weight", kind: "fc", shape: [2, 2] },
    { name: "stage1.block1.attn.v.weight", kind: "fc", shape: [2, 2] },
  ];
  const tensor = (shape: number[], data: number[]) => ({ shape, data: Float32Array.from(data) });
  const file = new Map([
    // [out 2, in 3, 1, 2]: value = 100 out + 10 in + column.
    [
      "patch_embed1.proj.weight",
      tensor([2, 3, 1, 2], [0, 1, 10, 11, 20, 21, 100, 101, 110, 111, 120, 121]),
    ],
    ["block1.0.mlp.dwconv.dwconv.weight", tensor([2, 1, 1, 2], [0, 1, 10, 11])],
    // Rows are outputs: two of keys, two of values.
    ["block1.0.attn.kv.weight", tensor([4, 2], [1, 2, 3, 4, 5, 6, 7, 8])],
  ]);
  const { tensors } = importPretrained(publishedNetwork("pvt-v2-b0"), slots, file, {
    head: "keep",
  });
  const read = Object.fromEntries([...tensors].map(([name, { data }]) => [name, [...data]]));
  assert.equal(read, {
    "stage1.embed.proj.weight": [0, 100, 10, 110, 20, 120, 1, 101, 11, 111, 21, 121],
    "stage1.block1.mlp.dw.weight": [0, 10, 1, 11],
    "stage1.block1.attn.k.weight": [1, 3, 2, 4],
    "stage1.block1.attn.v.weight": [5, 7, 6, 8],
  });
});

test("standard deviations go into the first convolution, and come out again", () => {
  const slots = slotsOf("resnet18-imagenet");
  const tensors = numbered(slots);
  const deviation = [0.5, 0.25, 0.125];
  const file = exportPretrained(
    publishedNetwork("resnet18-imagenet"),
    slots,
    tensors,
    "torchvision",
  );
  const { tensors: scaled } = importPretrained(publishedNetwork("resnet18-imagenet"), slots, file, {
    head: "keep",
    deviation,
  });
  const [before, after] = [tensors, scaled].map((map) => map.get("conv1.weight")!.data);
  // [7, 7, 3, 64]: 64 filters a channel.
  after!.forEach((value, i) => assert.is(value, before![i]! / deviation[Math.floor(i / 64) % 3]!));
  const back = exportPretrained(
    publishedNetwork("resnet18-imagenet"),
    slots,
    scaled,
    "torchvision",
    deviation,
  );
  assert.equal(back, file);
});

test("two tensors that become one name: unlike ones are refused by both names, equal ones are one", () => {
  const network = { name: "described", formats: sameNames };
  const slots: ParameterSpec[] = [
    { name: "fc.weight", kind: "fc", shape: [2, 1] },
    { name: "fc.bias", kind: "bias", shape: [1] },
  ];
  const file = exportPretrained(network, slots, numbered(slots), "same");
  const doubled = new Map([...file, ["module.fc.bias", { shape: [1], data: Float32Array.of(1) }]]);
  const { tensors, notes } = importPretrained(network, slots, doubled, { head: "keep" });
  assert.equal(tensors, numbered(slots));
  assert.equal(notes, ['equal tensors are taken once: "module.fc.bias" and "fc.bias"']);
  doubled.get("module.fc.bias")!.data[0] = 2;
  for (const both of [doubled, new Map([...doubled].reverse())]) {
    assert.throws(
      () => importPretrained(network, slots, both, { head: "keep" }),
      (error: Error) =>
        error instanceof DataError &&
        /other numbers in "module\.fc\.bias" and "fc\.bias"/.test(error.message),
    );
  }
});

test("a network of names of its own that does not fit is said so in words", () => {
  const network = { name: "described", formats: sameNames };
  const slots: ParameterSpec[] = [{ name: "conv1.weight", kind: "conv", shape: [1, 1, 1, 2] }];
  assert.throws(
    () => importPretrained(network, slots, new Map(), { head: "keep" }),
    /does not fit "described" by the names of its own layers \(such as conv1\.weight\): 1 missing/,
  );
});

test("a replaced head is left out; what does not fit is listed", () => {
  const file = exportPretrained(
    publishedNetwork("pvt-v2-b0"),
    slotsOf("pvt-v2-b0", 1000),
    numbered(slotsOf("pvt-v2-b0", 1000)),
    "original",
  );
  file.set("block1.0.bn.num_batches_tracked", { shape: [], data: Float32Array.of(3) });
  const slots = slotsOf("pvt-v2-b0", 5);
  const { tensors } = importPretrained(publishedNetwork("pvt-v2-b0"), slots, file, {
    head: "replace",
  });
  assert.is(tensors.size, slots.length - 2);
  assert.not(tensors.has("head.weight"));
  const refuses = (message: RegExp): void =>
    assert.throws(
      () => importPretrained(publishedNetwork("pvt-v2-b0"), slots, file, { head: "keep" }),
      (error: Error) => error instanceof DataError && message.test(error.message),
    );
  refuses(/2 of another shape: head\.weight \[1000, 256\] \(for \[5, 256\]\), .* replace the head/);
  file.delete("norm1.weight");
  file.delete("block3.1.attn.kv.weight");
  file.set("extra.weight", { shape: [1], data: Float32Array.of(1) });
  refuses(
    /2 missing: norm1\.weight, block3\.1\.attn\.kv\.weight; 2 of another shape: .*; 1 left over: extra\.weight/,
  );
  assert.throws(
    () =>
      importPretrained(publishedNetwork("resnet18-imagenet"), slotsOf("resnet18-imagenet"), file, {
        head: "keep",
      }),
    /102 missing: conv1\.weight, .*, fc\.bias, .*; 177 left over: .*, head\.bias/,
  );
});

test("shapes stand as the file has them, and where the size of the images decides them alone, that is said", () => {
  const slotsAt = (size: number, name: "small-cnn" | "tiny-vit", settings = {}): ParameterSpec[] =>
    tensorsOf(modelSpec({ name, ...settings }, [size, size, 3], 7));
  const messageOf = (
    of: string,
    slots: readonly ParameterSpec[],
    own = slotsAt(32, "small-cnn"),
  ) => {
    const network = publishedNetwork(of);
    const file = exportPretrained(network, own, numbered(own), "same");
    try {
      importPretrained(network, slots, file, { head: "keep" });
    } catch (error) {
      return (error as Error).message;
    }
    return "";
  };
  assert.match(
    messageOf("small-cnn", slotsAt(16, "small-cnn")),
    /: head\.weight \[7, 2048\] \(for \[7, 512\]\)\. The size of the images decides that: give .* \(`size`\)\.$/,
  );
  assert.match(
    messageOf("tiny-vit", slotsAt(64, "tiny-vit"), slotsAt(32, "tiny-vit")),
    /: position \[32, 64\] \(for \[32, 256\]\)\. The size of the images decides/,
  );
  // Another width is none of the images' doing, nor is the head the reason.
  assert.match(
    messageOf("small-cnn", slotsAt(32, "small-cnn", { filters: [16, 8] })),
    /conv2\.weight \[32, 16, 3, 3\] \(for \[8, 16, 3, 3\]\), .*, head\.weight \[7, 2048\] \(for \[7, 512\]\)\.$/,
  );
});

test.run();
