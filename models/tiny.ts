/** Small networks of every family: what predictors are trained on, and quick to try methods with. */
import type { Value } from "../src/graph/value.ts";
import { truncatedNormal } from "../src/nn/init.ts";
import type { Layers } from "../src/nn/layers.ts";
import {
  add,
  attention,
  flatten,
  gelu,
  globalAveragePool,
  maxPool,
  relu,
  reshape,
} from "../src/ops/index.ts";
import { resnet18 } from "./resnet.ts";
import { defineNetwork, noSettings } from "./network.ts";

/**
 * Dense 64 → ReLU → dense 32 → ReLU → dense. On 28×28×1 with 10 classes: 52,650 parameters.
 *
 * @param x images [N, H, W, C]; @returns logits [N, classes].
 */
export function mlp(layers: Layers, x: Value, classes: number): Value {
  let h = flatten(x);
  for (const [i, units] of [64, 32].entries()) {
    h = relu(layers.linear(`hidden${i + 1}`, h, units));
  }
  return layers.linear("head", h, classes);
}

/**
 * Twice conv 3×3 → batch norm → ReLU → max-pool 2, then global average → dense. On 28×28×1 with 10
 * classes: 5,178 parameters, batch norm's included.
 *
 * @param x images [N, H, W, C] with H and W at least 4; @returns logits [N, classes].
 */
export function tinyCnn(layers: Layers, x: Value, classes: number): Value {
  let h = x;
  for (const [i, filters] of [16, 32].entries()) {
    const name = `${i + 1}`;
    h = layers.conv2d(`conv${name}`, h, { filters, kernel: 3, padding: 1, bias: false });
    h = maxPool(relu(layers.batchNorm(`bn${name}`, h)), { size: 2 });
  }
  return layers.linear("head", globalAveragePool(h), classes);
}

/** ResNet-18 for CIFAR with an eighth of its filters. On 32×32×3 with 10 classes: 176,402 parameters. */
function tinyResNet(layers: Layers, x: Value, classes: number): Value {
  return resnet18(layers, x, classes, "cifar", [8, 16, 32, 64]);
}

const dim = 32;
const patch = 4;
const init = truncatedNormal(0.02);

/**
 * A vision transformer (Dosovitskiy et al., 2021): 4×4 patches, 32 wide, two blocks of two heads, the mean
 * of the tokens in place of a class token. On 28×28×1 with 10 classes: 19,594 parameters.
 *
 * @param x images [N, H, W, C], H and W multiples of 4; @returns logits [N, classes].
 */
export function tinyVit(layers: Layers, x: Value, classes: number): Value {
  let h = layers.conv2d("patch", x, { filters: dim, kernel: patch, stride: patch });
  const [n, rows, columns] = h.shape as [number, number, number, number];
  const tokens = rows * columns;
  h = reshape(h, [n, tokens, dim]);
  h = add(h, layers.parameter("position", [tokens, dim], "fc", init));
  for (const name of ["block1", "block2"]) {
    const normed = layers.layerNorm(`${name}.norm1`, h);
    const [q, k, v] = ["q", "k", "v"].map((part) =>
      layers.linear(`${name}.${part}`, normed, dim, init),
    ) as [Value, Value, Value];
    const mixed = attention(q, k, v, { heads: 2 });
    h = add(h, layers.linear(`${name}.proj`, mixed, dim, init));
    let m = layers.linear(`${name}.fc1`, layers.layerNorm(`${name}.norm2`, h), 2 * dim, init);
    m = layers.linear(`${name}.fc2`, gelu(m), dim, init);
    h = add(h, m);
  }
  h = reshape(layers.layerNorm("norm", h), [n, rows, columns, dim]);
  return layers.linear("head", globalAveragePool(h), classes, init);
}

export const mlpNetwork = defineNetwork({ name: "mlp", settings: noSettings, build: mlp });

export const tinyCnnNetwork = defineNetwork({
  name: "tiny-cnn",
  settings: noSettings,
  build: tinyCnn,
});

export const tinyResNetNetwork = defineNetwork({
  name: "tiny-resnet",
  settings: noSettings,
  build: tinyResNet,
});

export const tinyVitNetwork = defineNetwork({
  name: "tiny-vit",
  settings: noSettings,
  build: tinyVit,
});
