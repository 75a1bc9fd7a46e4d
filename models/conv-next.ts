/** ConvNeXt (Liu et al., 2022): Tiny, and Atto (Wightman's sizes) for small machines. */
import { less, type PublishedNames } from "../src/io/pretrained.ts";
import type { Value } from "../src/graph/value.ts";
import type { Layers } from "../src/nn/layers.ts";
import { truncatedNormal } from "../src/nn/init.ts";
import { add, gelu, globalAveragePool } from "../src/ops/index.ts";
import { defineNetwork, fineTuningRecipe, noSettings } from "./network.ts";

/** Sizes of a {@link convNext}. */
export interface ConvNextConfig {
  readonly depths: readonly [number, number, number, number];
  readonly widths: readonly [number, number, number, number];
  /** Stochastic depth of the last block; it grows linearly from 0. */
  readonly dropPath: number;
}

/** Tiny: 28,589,128 parameters with 1000 classes, 27,973,928 with 200. */
export const convNextTiny: ConvNextConfig = {
  depths: [3, 3, 9, 3],
  widths: [96, 192, 384, 768],
  dropPath: 0.1,
};

/** Atto: 3,695,520 parameters with 1000 classes, 3,438,720 with 200. */
export const convNextAtto: ConvNextConfig = {
  depths: [2, 2, 6, 2],
  widths: [40, 80, 160, 320],
  dropPath: 0,
};

const init = truncatedNormal(0.02);

/**
 * Patches 4×4 → four stages, each but the first behind layer norm and a convolution 2×2/2 → global
 * average → layer norm → dense.
 *
 * @param x images [N, H, W, C] with H and W multiples of 32, or of a size that the patches fit (64×64
 *   ends in 2×2).
 * @returns logits [N, classes].
 */
export function convNext(
  layers: Layers,
  x: Value,
  classes: number,
  { depths, widths, dropPath }: ConvNextConfig,
): Value {
  let h = layers.conv2d("stem.conv", x, { filters: widths[0], kernel: 4, stride: 4, init });
  h = layers.layerNorm("stem.norm", h);
  const blocks = depths.reduce((sum, depth) => sum + depth, 0);
  let at = 0;
  for (const [i, filters] of widths.entries()) {
    layers.graph.stage();
    const name = `stage${i + 1}`;
    if (i > 0) {
      h = layers.layerNorm(`${name}.down.norm`, h);
      h = layers.conv2d(`${name}.down.conv`, h, { filters, kernel: 2, stride: 2, init });
    }
    for (let b = 1; b <= depths[i]!; b++, at++) {
      h = block(layers, `${name}.block${b}`, h, (dropPath * at) / (blocks - 1));
    }
  }
  layers.graph.stage();
  h = layers.layerNorm("norm", globalAveragePool(h));
  return layers.linear("head", h, classes, init);
}

/** x + dropped(scale(dense(gelu(dense(norm(depthwise 7×7(x))))))): 4 times as wide inside. */
function block(layers: Layers, name: string, x: Value, rate: number): Value {
  const width = x.shape.at(-1)!;
  let h = layers.depthwiseConv2d(`${name}.dw`, x, { kernel: 7, padding: 3, init });
  h = layers.layerNorm(`${name}.norm`, h);
  h = gelu(layers.linear(`${name}.fc1`, h, 4 * width, init), { approximate: "none" });
  h = layers.layerScale(`${name}.scale`, layers.linear(`${name}.fc2`, h, width, init));
  return add(x, layers.dropPath(`${name}.drop`, h, rate));
}

/** Names of published checkpoints of Tiny. */
const tinyNames = {
  timm: {
    rules: [
      [/^stem\.conv\./, "stem.0."],
      [/^stem\.norm\./, "stem.1."],
      [/^stage(\d)\.down\.norm\./, (_, s) => `stages.${less(s)}.downsample.0.`],
      [/^stage(\d)\.down\.conv\./, (_, s) => `stages.${less(s)}.downsample.1.`],
      [/^stage(\d)\.block(\d+)\./, (_, s, b) => `stages.${less(s)}.blocks.${less(b)}.`],
      [/\.dw\./, ".conv_dw."],
      [/\.(fc[12])\./, ".mlp.$1."],
      [/\.scale\.weight$/, ".gamma"],
      [/^head\./, "head.fc."],
      [/^norm\./, "head.norm."],
    ],
  },
  original: {
    rules: [
      [/^stem\.conv\./, "downsample_layers.0.0."],
      [/^stem\.norm\./, "downsample_layers.0.1."],
      [/^stage(\d)\.down\.norm\./, (_, s) => `downsample_layers.${less(s)}.0.`],
      [/^stage(\d)\.down\.conv\./, (_, s) => `downsample_layers.${less(s)}.1.`],
      [/^stage(\d)\.block(\d+)\./, (_, s, b) => `stages.${less(s)}.${less(b)}.`],
      [/\.dw\./, ".dwconv."],
      [/\.fc([12])\./, ".pwconv$1."],
      [/\.scale\.weight$/, ".gamma"],
    ],
  },
  torchvision: {
    rules: [
      [/^stem\.conv\./, "features.0.0."],
      [/^stem\.norm\./, "features.0.1."],
      [/^stage(\d)\.down\.norm\./, (_, s) => `features.${2 * Number(s) - 2}.0.`],
      [/^stage(\d)\.down\.conv\./, (_, s) => `features.${2 * Number(s) - 2}.1.`],
      [/^stage(\d)\.block(\d+)\./, (_, s, b) => `features.${2 * Number(s) - 1}.${less(b)}.`],
      [/^(features\.\d\.\d+)\.dw\./, "$1.block.0."],
      [/^(features\.\d\.\d+)\.norm\./, "$1.block.2."],
      [/\.fc1\./, ".block.3."],
      [/\.fc2\./, ".block.5."],
      [/\.scale\.weight$/, ".layer_scale"],
      [/^norm\./, "classifier.0."],
      [/^head\./, "classifier.2."],
    ],
    unitAxes: /\.scale\.gamma$/,
  },
} satisfies Record<string, PublishedNames>;

/** Names for Atto, which torchvision lacks; timm's has 1×1 convolutions where Tiny has dense layers. */
const attoNames = {
  timm: { ...tinyNames.timm, unitAxes: /\.fc[12]\.weight$/ },
  original: tinyNames.original,
};

export const convNextTinyNetwork = defineNetwork({
  name: "convnext-t",
  settings: noSettings,
  build: (layers, x, classes) => convNext(layers, x, classes, convNextTiny),
  published: tinyNames,
  timm: "convnext_tiny",
  recipe: fineTuningRecipe,
});

export const convNextAttoNetwork = defineNetwork({
  name: "convnext-atto",
  settings: noSettings,
  build: (layers, x, classes) => convNext(layers, x, classes, convNextAtto),
  published: attoNames,
  timm: "convnext_atto",
  recipe: fineTuningRecipe,
});
