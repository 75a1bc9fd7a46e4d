/** The compact CNN of the scaled protocols: two 3×3 convolutions with pooling and a dense head. */
import { z } from "zod";
import type { Value } from "../src/graph/value.ts";
import type { Layers } from "../src/nn/layers.ts";
import { flatten, maxPool, relu } from "../src/ops/index.ts";
import { defineNetwork } from "./network.ts";

/** Sizes of {@link smallCnn}. */
export interface SmallCnnConfig {
  /** Filters of the two convolutions. */
  readonly filters: readonly [number, number];
  /** Units of a hidden dense layer; 0 leaves it out. */
  readonly hidden: number;
}

/** The published default: 16 and 32 filters, no hidden layer. On 28×28×1 with 10 classes: 20,490 parameters. */
export const smallCnnDefaults: SmallCnnConfig = { filters: [16, 32], hidden: 0 };

/**
 * conv 3×3 → ReLU → max-pool 2 → conv 3×3 → ReLU → max-pool 2 → [dense → ReLU] → dense.
 *
 * @param x images [N, H, W, C] with H and W at least 4.
 * @returns logits [N, classes].
 */
export function smallCnn(
  layers: Layers,
  x: Value,
  classes: number,
  config: SmallCnnConfig = smallCnnDefaults,
): Value {
  let h = x;
  for (const [i, filters] of config.filters.entries()) {
    h = relu(layers.conv2d(`conv${i + 1}`, h, { filters, kernel: 3, padding: 1 }));
    h = maxPool(h, { size: 2 });
  }
  h = flatten(h);
  if (config.hidden > 0) h = relu(layers.linear("hidden", h, config.hidden));
  return layers.linear("head", h, classes);
}

const count = z.number().int().min(1);

const settings = z.strictObject({
  filters: z.tuple([count, count]).optional(),
  hidden: z.number().int().min(0).optional(),
});

/** Its sizes, the defaults filled in. */
function sizesOf({ filters, hidden }: z.output<typeof settings>): SmallCnnConfig {
  return {
    filters: filters ?? smallCnnDefaults.filters,
    hidden: hidden ?? smallCnnDefaults.hidden,
  };
}

export const smallCnnNetwork = defineNetwork({
  name: "small-cnn",
  settings,
  options: [
    {
      option: "filters",
      value: "a,b",
      text: "small-cnn: filters of the two convolutions",
      settings: ["filters"],
      takes: "list",
    },
    {
      option: "hidden",
      value: "n",
      text: "small-cnn: units of a hidden dense layer; 0: none",
      settings: ["hidden"],
      takes: { integer: true, min: 0 },
      default: 64,
    },
  ],
  sized: {
    scaled: { filters: [16, 32], hidden: 64 },
    full: { hidden: 64 },
    tiny: { filters: [4, 8], hidden: 8 },
  },
  varied: (pick) => ({
    filters: pick<[number, number]>([
      [8, 16],
      [16, 32],
    ]),
    hidden: pick([0, 32, 64]),
  }),
  label(given) {
    const { filters, hidden } = sizesOf(given);
    return `${filters.join("-")}${hidden > 0 ? `-${hidden}` : ""}`;
  },
  build: (layers, x, classes, given) => smallCnn(layers, x, classes, sizesOf(given)),
});
