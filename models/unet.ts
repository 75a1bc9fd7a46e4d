/** The residual U-Net of Keras' diffusion example, as the authors of WNN train it (Ho et al. 2020; Song et al. 2021). */
import { z } from "zod";
import { ShapeError } from "../src/errors.ts";
import type { Value } from "../src/graph/value.ts";
import { constant, glorotUniform } from "../src/nn/init.ts";
import type { Layers } from "../src/nn/layers.ts";
import {
  add,
  avgPool,
  broadcastTo,
  concat,
  reshape,
  silu,
  sinusoidalEmbedding,
  upsample,
} from "../src/ops/index.ts";
import { defineDenoiser } from "./network.ts";

const size = z.number().int().min(1);

const settings = z.strictObject({
  /** Filters of each resolution, the lowest last. */
  widths: z.array(size).min(1).max(8).default([32, 64, 96, 128]),
  /** Residual blocks at each resolution, on the way down and up. */
  depth: size.max(8).default(2),
  /** Numbers of the embedding of the noise variance. */
  embedding: z.number().int().min(2).max(512).multipleOf(2).default(32),
  /** What normalises the input of a block, without scale and shift. */
  norm: z.enum(["batch", "group"]).default("batch"),
});

/** Sizes of a U-Net. */
export type UNetSizes = z.output<typeof settings>;

/**
 * Groups of group norm at most, and channels of one at least: the embedding is the same in all pixels, and a group of one of
 * its channels would lose it.
 */
const [mostGroups, fewestChannels] = [8, 4] as const;

/**
 * Projection and embedding → blocks and average pool, resolution by resolution → blocks at the lowest one → bilinear
 * enlargement and blocks on the output of each block of the way down → 1×1 convolution that starts at zero.
 *
 * @param x noisy images [N, H, W, C]; H and W can be halved for each width but the last.
 * @param variance variance of each image's noise, [N].
 * @returns the noise [N, H, W, C].
 */
export function unet(layers: Layers, x: Value, variance: Value, sizes: UNetSizes): Value {
  const { widths, depth, embedding } = sizes;
  const [n, height, width, channels] = x.shape as [number, number, number, number];
  const least = 2 ** (widths.length - 1);
  if (height % least !== 0 || width % least !== 0) {
    throw new ShapeError(
      `unet: images are halved ${widths.length - 1} times, so height and width must be multiples of ${least}, got ` +
        `${height} × ${width}; give another size, or fewer \`widths\`.`,
    );
  }
  const known = sinusoidalEmbedding(variance, { size: embedding });
  const wide = broadcastTo(reshape(known, [n, 1, 1, embedding]), [n, height, width, embedding]);
  const first = { filters: widths[0]!, kernel: 1, init: glorotUniform };
  let h = concat([layers.conv2d("input", x, first), wide], -1);
  const skips: Value[] = [];
  for (const [level, filters] of widths.slice(0, -1).entries()) {
    layers.graph.stage();
    for (let i = 1; i <= depth; i++) {
      h = block(layers, `down${level + 1}.block${i}`, h, filters, sizes);
      skips.push(h);
    }
    h = avgPool(h, { size: 2 });
  }
  layers.graph.stage();
  for (let i = 1; i <= depth; i++) h = block(layers, `middle.block${i}`, h, widths.at(-1)!, sizes);
  for (const [level, filters] of [...widths.slice(0, -1).entries()].reverse()) {
    layers.graph.stage();
    h = upsample(h);
    for (let i = 1; i <= depth; i++) {
      h = block(layers, `up${level + 1}.block${i}`, concat([h, skips.pop()!], -1), filters, sizes);
    }
  }
  return layers.conv2d("head", h, { filters: channels, kernel: 1, init: constant(0) });
}

/** x + conv(silu(conv(norm(x)))); x is projected where its width changes. */
function block(
  layers: Layers,
  name: string,
  x: Value,
  filters: number,
  { norm }: UNetSizes,
): Value {
  const convolution = (part: string, from: Value, kernel: 1 | 3): Value =>
    layers.conv2d(`${name}.${part}`, from, {
      filters,
      kernel,
      padding: (kernel - 1) / 2,
      init: glorotUniform,
    });
  const channels = x.shape.at(-1)!;
  const shortcut = channels === filters ? x : convolution("shortcut", x, 1);
  const normed =
    norm === "batch"
      ? // Keras' defaults.
        layers.batchNorm(`${name}.norm`, x, { epsilon: 1e-3, momentum: 0.01, affine: false })
      : layers.groupNorm(`${name}.norm`, x, { groups: groupsOf(channels), affine: false });
  const h = silu(convolution("conv1", normed, 3));
  return add(convolution("conv2", h, 3), shortcut);
}

/** The most groups that divide the channels. */
function groupsOf(channels: number): number {
  let groups = Math.max(1, Math.min(mostGroups, Math.floor(channels / fewestChannels)));
  while (channels % groups !== 0) groups--;
  return groups;
}

export const unetNetwork = defineDenoiser({
  name: "unet",
  settings,
  options: [
    {
      option: "widths",
      value: "a,b,…",
      text: "unet: filters of each resolution, the lowest last (default: 32,64,96,128)",
      settings: ["widths"],
      takes: "list",
    },
    {
      option: "depth",
      value: "n",
      text: "unet: residual blocks at each resolution, down and up",
      settings: ["depth"],
      takes: { integer: true, min: 1, max: 8 },
      default: 2,
    },
    {
      option: "norm",
      value: "kind",
      text: "unet: what normalises",
      settings: ["norm"],
      takes: { choices: ["batch", "group"] },
      default: "batch",
    },
  ],
  label(given) {
    const { widths, depth, embedding, norm } = settings.parse(given);
    return `${widths.join("-")}, depth ${depth}, embedding ${embedding}, ${norm} norm`;
  },
  build: (layers, x, variance, given) => unet(layers, x, variance, settings.parse(given)),
});
