/** The small CIFAR network of the WNN paper's experiments. */
import type { Value } from "../src/graph/value.ts";
import type { Layers } from "../src/nn/layers.ts";
import { flatten, maxPool, relu } from "../src/ops/index.ts";
import { defineNetwork, noSettings } from "./network.ts";

/** Filters of the four convolutions. */
const widths = [8, 16, 32, 32] as const;

/**
 * Four times conv 3×3 → ReLU → max-pool 2, then dense 64 → ReLU → dense. On 32×32×3 with 10 classes:
 * 24,186 parameters.
 *
 * @param x images [N, H, W, C] with H and W at least 16.
 * @returns logits [N, classes].
 */
export function simpleNet(layers: Layers, x: Value, classes: number): Value {
  let h = x;
  for (const [i, filters] of widths.entries()) {
    h = relu(layers.conv2d(`conv${i + 1}`, h, { filters, kernel: 3, padding: 1 }));
    h = maxPool(h, { size: 2 });
  }
  h = relu(layers.linear("hidden", flatten(h), 64));
  return layers.linear("head", h, classes);
}

export const simpleNetNetwork = defineNetwork({
  name: "simple-net",
  settings: noSettings,
  build: simpleNet,
});
