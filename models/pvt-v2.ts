/** Pyramid Vision Transformer v2, size B0 (Wang et al., 2022). */
import { less, type PublishedNames } from "../src/io/pretrained.ts";
import type { Value } from "../src/graph/value.ts";
import type { Layers } from "../src/nn/layers.ts";
import { truncatedNormal } from "../src/nn/init.ts";
import { add, attention, gelu, globalAveragePool, reshape } from "../src/ops/index.ts";
import { defineNetwork, fineTuningRecipe, noSettings } from "./network.ts";

/** Sizes of a {@link pvtV2}, by stage. */
export interface PvtV2Config {
  readonly widths: readonly number[];
  readonly depths: readonly number[];
  readonly heads: readonly number[];
  /** Width inside the MLP in units of the stage's. */
  readonly ratios: readonly number[];
  /** Keys and values are made of the image reduced this many times each way. */
  readonly reductions: readonly number[];
  /** Stochastic depth of the last block; it grows linearly from 0. */
  readonly dropPath: number;
}

/** B0: 3,409,760 parameters and the head; 3,435,460 with 100 classes, 3,666,760 with 1000. */
export const pvtV2B0: PvtV2Config = {
  widths: [32, 64, 160, 256],
  depths: [2, 2, 2, 2],
  heads: [1, 2, 5, 8],
  ratios: [8, 8, 4, 4],
  reductions: [8, 4, 2, 1],
  dropPath: 0.1,
};

const init = truncatedNormal(0.02);

/**
 * Four stages of overlapping patches (7×7/4, then 3×3/2), transformer blocks and layer norm → mean over
 * all positions → dense.
 *
 * @param x images [N, H, W, C]; H and W multiples of 32 (224 is the published size).
 * @returns logits [N, classes].
 */
export function pvtV2(layers: Layers, x: Value, classes: number, config: PvtV2Config): Value {
  const blocks = config.depths.reduce((sum, depth) => sum + depth, 0);
  let at = 0;
  let h = x;
  for (const [i, filters] of config.widths.entries()) {
    layers.graph.stage();
    const name = `stage${i + 1}`;
    const patch =
      i === 0 ? { kernel: 7, stride: 4, padding: 3 } : { kernel: 3, stride: 2, padding: 1 };
    h = layers.conv2d(`${name}.embed.proj`, h, { filters, ...patch });
    h = layers.layerNorm(`${name}.embed.norm`, h, { epsilon: 1e-5 });
    for (let b = 1; b <= config.depths[i]!; b++, at++) {
      h = block(layers, `${name}.block${b}`, h, {
        heads: config.heads[i]!,
        reduction: config.reductions[i]!,
        ratio: config.ratios[i]!,
        dropPath: (config.dropPath * at) / (blocks - 1),
      });
    }
    h = layers.layerNorm(`${name}.norm`, h);
  }
  layers.graph.stage();
  return layers.linear("head", globalAveragePool(h), classes, init);
}

interface BlockConfig {
  readonly heads: number;
  readonly reduction: number;
  readonly ratio: number;
  readonly dropPath: number;
}

/** x + attention(norm(x)), then x + mlp(norm(x)); maps stay images [N, H, W, C] between the two. */
function block(layers: Layers, name: string, x: Value, config: BlockConfig): Value {
  const normed = layers.layerNorm(`${name}.norm1`, x);
  const attended = reducedAttention(layers, `${name}.attn`, normed, config);
  let h = add(x, layers.dropPath(`${name}.drop1`, attended, config.dropPath));
  const width = h.shape.at(-1)!;
  let m = layers.layerNorm(`${name}.norm2`, h);
  m = layers.linear(`${name}.mlp.fc1`, m, config.ratio * width, init);
  m = layers.depthwiseConv2d(`${name}.mlp.dw`, m, { kernel: 3, padding: 1 });
  m = layers.linear(`${name}.mlp.fc2`, gelu(m, { approximate: "none" }), width, init);
  h = add(h, layers.dropPath(`${name}.drop2`, m, config.dropPath));
  return h;
}

/** Attention whose keys and values come from a smaller image: a convolution R×R/R, then layer norm. */
function reducedAttention(
  layers: Layers,
  name: string,
  x: Value,
  { heads, reduction }: BlockConfig,
): Value {
  const [n, height, width, channels] = x.shape as [number, number, number, number];
  const tokens = (image: Value): Value =>
    reshape(image, [n, image.shape[1]! * image.shape[2]!, channels]);
  let context = x;
  if (reduction > 1) {
    const window = { kernel: reduction, stride: reduction };
    context = layers.conv2d(`${name}.sr`, x, { filters: channels, ...window });
    context = layers.layerNorm(`${name}.norm`, context, { epsilon: 1e-5 });
  }
  const project = (part: string, from: Value): Value =>
    tokens(layers.linear(`${name}.${part}`, from, channels, init));
  const mixed = attention(project("q", x), project("k", context), project("v", context), {
    heads,
  });
  return layers.linear(
    `${name}.proj`,
    reshape(mixed, [n, height, width, channels]),
    channels,
    init,
  );
}

/** PyTorch's networks make keys and values in one layer: keys are the first half of its outputs. */
function keysAndValues(name: string): { name: string; half: 0 | 1 } | undefined {
  const [end, letter, kind] = /\.attn\.([kv])\.(weight|bias)$/.exec(name) ?? [];
  if (end === undefined) return undefined;
  return { name: `${name.slice(0, -end.length)}.attn.kv.${kind!}`, half: letter === "k" ? 0 : 1 };
}

/** Names of published checkpoints. */
const publishedNames = {
  original: {
    rules: [
      [/^stage(\d)\.embed\./, "patch_embed$1."],
      [/^stage(\d)\.block(\d+)\./, (_, s, b) => `block${s!}.${less(b)}.`],
      [/^stage(\d)\.norm\./, "norm$1."],
      [/\.mlp\.dw\./, ".mlp.dwconv.dwconv."],
    ],
    halves: keysAndValues,
  },
  timm: {
    rules: [
      [/^stage1\.embed\./, "patch_embed."],
      [/^stage(\d)\.embed\./, (_, s) => `stages.${less(s)}.downsample.`],
      [/^stage(\d)\.block(\d+)\./, (_, s, b) => `stages.${less(s)}.blocks.${less(b)}.`],
      [/^stage(\d)\.norm\./, (_, s) => `stages.${less(s)}.norm.`],
      [/\.mlp\.dw\./, ".mlp.dwconv."],
    ],
    halves: keysAndValues,
  },
} satisfies Record<string, PublishedNames>;

export const pvtV2B0Network = defineNetwork({
  name: "pvt-v2-b0",
  settings: noSettings,
  build: (layers, x, classes) => pvtV2(layers, x, classes, pvtV2B0),
  published: publishedNames,
  timm: "pvt_v2_b0",
  recipe: fineTuningRecipe,
});
