/** Training steps of whole networks on images of noise. */
import { type ModelConfig, modelSpec } from "../models/index.ts";
import type { Dataset } from "../src/data/dataset.ts";
import { GpuDataset, meanImage } from "../src/feed/gpu-dataset.ts";
import { ImageFeed } from "../src/feed/image-feed.ts";
import type { Gpu } from "../src/gpu/device.ts";
import { Owned } from "../src/gpu/owned.ts";
import { Model } from "../src/nn/model.ts";
import type { OptimizerSettings } from "../src/optim/index.ts";
import { Random } from "../src/random.ts";
import { classification } from "../src/tasks/classification.ts";
import { Trainer } from "../src/train/trainer.ts";

/** A network and a batch. */
export interface NetworkStep {
  readonly config: ModelConfig;
  /** Rows and columns of an image, and its channels. */
  readonly side: number;
  readonly channels: number;
  readonly classes: number;
  readonly batch: number;
  readonly optimizer: OptimizerSettings;
}

const adam: OptimizerSettings = { name: "adam" };
const adamW: OptimizerSettings = { name: "adam", decoupled: true, weightDecay: 0.05 };

/** The paper's networks: ResNet-18 (the authors' stem), PVTv2-B0, ConvNeXt-T. */
export const largeSteps: readonly NetworkStep[] = [
  { ...of("resnet18", 32, 128), classes: 10, optimizer: adam },
  { ...of("pvt-v2-b0", 224, 32), classes: 100, optimizer: adamW },
  { ...of("convnext-t", 224, 32), classes: 100, optimizer: adamW },
];

/** 28×28×1, conv 16, pool, conv 32, pool, dense 10. */
export const smallStep: NetworkStep = {
  ...{ config: { name: "small-cnn" }, side: 28, channels: 1, classes: 10, batch: 64 },
  optimizer: adam,
};

function of(
  name: ModelConfig["name"],
  side: number,
  batch: number,
): Pick<NetworkStep, "config" | "side" | "channels" | "batch"> {
  return { config: { name }, side, channels: 3, batch };
}

/** What a step is called, here and in the peers. */
export function stepName({ config, batch, side }: NetworkStep): string {
  return `${config.name}, ${batch} × ${side}²`;
}

/** Images of random bytes: what a step takes does not depend on what they show. */
export function noiseImages({ batch, side, channels, classes }: NetworkStep): Dataset {
  const random = new Random(1);
  return {
    name: "noise",
    classes: Array.from({ length: classes }, (_, i) => `${i}`),
    height: side,
    width: side,
    channels,
    count: batch,
    pixels: Uint8Array.from({ length: batch * side * side * channels }, () => random.int(256)),
    labels: Uint16Array.from({ length: batch }, (_, i) => i % classes),
  };
}

/** A trainer that stands, and an epoch of so many steps of it. */
export interface ReadyStep {
  readonly trainer: Trainer;
  /** Weights of the network. */
  readonly parameters: number;
  epoch(steps: number): Promise<void>;
}

/** Makes a step ready, uses it, and frees it. @param most steps of an epoch at most. */
export function withStep<T>(
  gpu: Gpu,
  step: NetworkStep,
  most: number,
  use: (ready: ReadyStep) => Promise<T>,
): Promise<T> {
  const { config, side, channels, classes, batch, optimizer } = step;
  return Owned.within(async (owned) => {
    const data = noiseImages(step);
    const images = owned.add(await GpuDataset.upload(gpu, data, meanImage(data)));
    const spec = modelSpec(config, [side, side, channels], classes);
    const model = owned.add(await Model.create(gpu, spec, 1));
    const feed = owned.add(await ImageFeed.create(images, { batch, items: batch * most }));
    const trainer = owned.add(
      await Trainer.create(model, {
        feed,
        objective: (graph) => classification.objective(graph, model, feed, { norm: "train" }),
        optimizer,
      }),
    );
    const epoch = async (steps: number): Promise<void> => {
      const order = Uint32Array.from({ length: batch * steps }, (_, i) => i % batch);
      await trainer.epoch({ order, learningRate: 1e-4, seed: 1 });
    };
    return use({ trainer, parameters: model.parameters.layout.parameters, epoch });
  });
}
