/** What a network is to those who name it: its settings, how it is built, and how its authors train it. */
import { z } from "zod";
import type { PublishedFormats } from "../src/io/pretrained.ts";
import type { Value } from "../src/graph/value.ts";
import type { Layers } from "../src/nn/layers.ts";
import type { SettingOption } from "../src/registry.ts";

/** How a network is trained and unlearned at full size, as published where that is known. */
export interface PublishedRecipe {
  readonly epochs: number;
  readonly batch: number;
  readonly learningRate: number;
  readonly schedule: "cosine";
  readonly warmupEpochs?: number;
  readonly clipNorm?: number;
  readonly optimizer: { readonly name: string; readonly [setting: string]: unknown };
  /** Augmentation of the training images: the moderate one, or the strong one of transformers. */
  readonly augment: "moved" | "strong";
  /** Settings of the methods that record or follow whole epochs on D_f, and learning rates to choose from. */
  readonly window: Readonly<Record<string, unknown>>;
  readonly windowRates: readonly number[];
  /** Batch of the methods that take single steps. */
  readonly stepBatch: number;
  /** At most so many windows, and epochs of the other methods. */
  readonly rounds: { readonly windows: number; readonly epochs: number };
}

/**
 * What a network is for: to tell the classes of images apart, or to tell the noise of noisy images from how much of it
 * there is, as diffusion models do.
 */
export type NetworkTask = "classification" | "diffusion";

/** A network by name. */
export interface Network<S extends z.ZodObject = z.ZodObject> {
  readonly name: string;
  /** What it is for; absent: classification. */
  readonly task?: NetworkTask;
  /** Settings besides the name; {@link noSettings} where there are none. */
  readonly settings: S;
  /** Those that commands take as options of their own. */
  readonly options?: readonly SettingOption[];
  /** Settings in experiments of each size; absent: none. */
  readonly sized?: Readonly<Record<"scaled" | "full" | "tiny", z.input<S>>>;
  /** Settings drawn for a training of a predictor's library; `pick` takes one of several. Absent: none. */
  varied?(pick: <T>(options: readonly T[]) => T): z.input<S>;
  /** What the name of its spec says of the settings, so that checkpoints can be compared. */
  label?(settings: z.output<S>): string;
  /**
   * From images [N, H, W, C] to logits [N, classes]; for diffusion from noisy images and the variances of their noise [N]
   * to the noise [N, H, W, C].
   */
  build(layers: Layers, x: Value, classes: number, settings: z.output<S>, variance?: Value): Value;
  /** Names of the checkpoints that others have published. */
  readonly published?: PublishedFormats;
  /** What timm calls the network. */
  readonly timm?: string;
  /** How it is trained at full size; absent: as the authors train ResNet-18. */
  readonly recipe?: PublishedRecipe;
}

/** Settings of a network that has none. */
// oxlint-disable-next-line typescript/no-generated-empty-object-type -- it has no fields
export const noSettings: z.ZodObject<Record<never, never>, z.core.$strict> = z.strictObject({});

/** Declares a network; infers the type of its settings. */
export function defineNetwork<S extends z.ZodObject>(network: Network<S>): Network<S> {
  return network;
}

/** A network of diffusion: from noisy images [N, H, W, C] and the variances of their noise [N] to the noise. */
export interface Denoiser<S extends z.ZodObject> extends Omit<Network<S>, "task" | "build"> {
  build(layers: Layers, x: Value, variance: Value, settings: z.output<S>): Value;
}

/** Declares a network of diffusion; infers the type of its settings. */
export function defineDenoiser<S extends z.ZodObject>(denoiser: Denoiser<S>): Network<S> {
  return {
    ...denoiser,
    task: "diffusion",
    build: (layers, x, _classes, settings, variance) =>
      denoiser.build(layers, x, variance!, settings),
  };
}

/** Whether something is a network, as far as can be seen. */
export function isNetwork(value: unknown): value is Network {
  const { name, settings, build } = (value ?? {}) as Partial<Network>;
  return typeof name === "string" && settings instanceof z.ZodObject && typeof build === "function";
}

/** Fine-tuning of transformers and their relatives from weights of ImageNet. */
export const fineTuningRecipe: PublishedRecipe = {
  epochs: 30,
  batch: 128,
  learningRate: 1e-4,
  schedule: "cosine",
  warmupEpochs: 2,
  clipNorm: 1,
  optimizer: { name: "adam", decoupled: true, weightDecay: 0.05 },
  augment: "strong",
  window: { batch: 128, optimizer: { name: "sgd", momentum: 0.9 } },
  windowRates: [3e-6, 1e-5, 3e-5, 1e-4, 3e-4],
  stepBatch: 128,
  rounds: { windows: 30, epochs: 40 },
};

/**
 * Training from scratch, as the authors train ResNet-18. Where they state no number (here the shape of the decay; for
 * PVTv2 and ConvNeXt epochs and optimiser) it is a usual one.
 */
export const scratchRecipe: PublishedRecipe = {
  epochs: 200,
  batch: 256,
  learningRate: 1e-3,
  schedule: "cosine",
  optimizer: { name: "adam" },
  augment: "moved",
  window: { batch: 256, warmupEpochs: 2, trailingEpoch: true },
  windowRates: [3e-7, 1e-6, 3e-6, 1e-5, 3e-5],
  stepBatch: 256,
  rounds: { windows: 10, epochs: 40 },
};
