/** ResNet-18 (He et al., 2016) with the stem of the paper's authors, of CIFAR, or of ImageNet. */
import { less, type PublishedNames } from "../src/io/pretrained.ts";
import type { Value } from "../src/graph/value.ts";
import type { Layers } from "../src/nn/layers.ts";
import { add, globalAveragePool, maxPool, pad, relu } from "../src/ops/index.ts";
import { defineNetwork, noSettings } from "./network.ts";

/**
 * The three networks that go by this name; trained parameters with batch norm's scale and shift:
 *
 * - `authors`: as in the authors' unlearning code. Convolution 7×7/1, a border of one pixel where the
 *   max-pool was (so 34×34), strides 1, 1, 2, 2, a bias on every convolution, TensorFlow's padding.
 *   11,186,442 with 10 classes, of which 11,176,842 move when batch norm is frozen.
 * - `cifar`: convolution 3×3/1, strides 1, 2, 2, 2, no biases. 11,173,962 with 10 classes.
 * - `imagenet`: convolution 7×7/2, max-pool 3×3/2, else as `cifar`: the network of torchvision and timm.
 *   11,689,512 with 1000 classes.
 */
export type ResNetStem = "authors" | "cifar" | "imagenet";

interface Style {
  readonly strides: readonly [number, number, number, number];
  readonly bias: boolean;
  readonly padding: "same" | "torch";
  /** Keras' defaults for batch norm, or PyTorch's. */
  readonly norm: { readonly epsilon: number; readonly momentum: number };
}

const styles: Readonly<Record<ResNetStem, Style>> = {
  authors: {
    strides: [1, 1, 2, 2],
    bias: true,
    padding: "same",
    norm: { epsilon: 1e-3, momentum: 0.01 },
  },
  cifar: {
    strides: [1, 2, 2, 2],
    bias: false,
    padding: "torch",
    norm: { epsilon: 1e-5, momentum: 0.1 },
  },
  imagenet: {
    strides: [1, 2, 2, 2],
    bias: false,
    padding: "torch",
    norm: { epsilon: 1e-5, momentum: 0.1 },
  },
};

/** Filters of the four stages, two basic blocks each. */
type Widths = readonly [number, number, number, number];

const published: Widths = [64, 128, 256, 512];

/**
 * Stem → four stages of two basic blocks → global average → dense.
 *
 * @param x images [N, H, W, C].
 * @returns logits [N, classes].
 */
export function resnet18(
  layers: Layers,
  x: Value,
  classes: number,
  stem: ResNetStem,
  widths: Widths = published,
): Value {
  const style = styles[stem];
  const { bias } = style;
  const first =
    stem === "cifar"
      ? { kernel: 3, padding: 1 }
      : { kernel: 7, padding: 3, stride: stem === "imagenet" ? 2 : 1 };
  let h = layers.conv2d("conv1", x, { filters: widths[0], bias, ...first });
  h = relu(layers.batchNorm("bn1", h, style.norm));
  if (stem === "imagenet") h = maxPool(h, { size: 3, stride: 2, padding: 1 });
  if (stem === "authors") h = pad(h, 1);
  for (const [i, filters] of widths.entries()) {
    layers.graph.stage();
    const name = `stage${i + 1}`;
    h = block(layers, `${name}.block1`, h, filters, style.strides[i]!, style);
    h = block(layers, `${name}.block2`, h, filters, 1, style);
  }
  layers.graph.stage();
  return layers.linear("head", globalAveragePool(h), classes);
}

/** relu(shortcut(x) + bn(conv(relu(bn(conv(x)))))); the shortcut projects where the shape changes. */
function block(
  layers: Layers,
  name: string,
  x: Value,
  filters: number,
  stride: number,
  { bias, padding, norm }: Style,
): Value {
  const around = (kernel: number): "same" | number =>
    padding === "same" ? "same" : (kernel - 1) / 2;
  const convolution = (part: string, from: Value, kernel: number, step: number): Value =>
    layers.conv2d(`${name}.${part}`, from, {
      filters,
      kernel,
      stride: step,
      padding: around(kernel),
      bias,
    });
  let h = convolution("conv1", x, 3, stride);
  h = relu(layers.batchNorm(`${name}.bn1`, h, norm));
  h = convolution("conv2", h, 3, 1);
  h = layers.batchNorm(`${name}.bn2`, h, norm);
  let shortcut = x;
  if (stride !== 1 || x.shape.at(-1) !== filters) {
    shortcut = convolution("shortcut.conv", x, 1, stride);
    shortcut = layers.batchNorm(`${name}.shortcut.bn`, shortcut, norm);
  }
  return relu(add(h, shortcut));
}

const names: PublishedNames = {
  rules: [
    [/^stage(\d)\.block(\d)\./, (_, s, b) => `layer${s!}.${less(b)}.`],
    [/shortcut\.conv\./, "downsample.0."],
    [/shortcut\.bn\./, "downsample.1."],
    [/^head\./, "fc."],
  ],
};

/** The networks of CIFAR and ImageNet have the same names in torchvision and timm. */
const torchNames = { torchvision: names, timm: names };

/** The authors' network is published as Keras code only: here it has torchvision's names, and biases besides. */
const authorsNames = { torchvision: names };

export const resnet18Authors = defineNetwork({
  name: "resnet18",
  settings: noSettings,
  build: (layers, x, classes) => resnet18(layers, x, classes, "authors"),
  published: authorsNames,
});

export const resnet18Cifar = defineNetwork({
  name: "resnet18-cifar",
  settings: noSettings,
  build: (layers, x, classes) => resnet18(layers, x, classes, "cifar"),
  published: torchNames,
});

export const resnet18ImageNet = defineNetwork({
  name: "resnet18-imagenet",
  settings: noSettings,
  build: (layers, x, classes) => resnet18(layers, x, classes, "imagenet"),
  published: torchNames,
  timm: "resnet18",
});
