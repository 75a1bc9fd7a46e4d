/** One training step of the paper's networks: ResNet-18 (the authors' stem), PVTv2-B0, ConvNeXt-T. */
import { type ModelConfig, modelSpec } from "../models/index.ts";
import type { Dataset } from "../src/data/dataset.ts";
import type { Gpu } from "../src/gpu/device.ts";
import { Model } from "../src/nn/model.ts";
import type { OptimizerSettings } from "../src/optim/index.ts";
import { Random } from "../src/random.ts";
import { GpuDataset, meanImage } from "../src/feed/gpu-dataset.ts";
import { ImageFeed } from "../src/feed/image-feed.ts";
import { classification } from "../src/tasks/classification.ts";
import { Trainer } from "../src/train/trainer.ts";
import { type BenchModule, type BenchRow, ceiling, timeSteps } from "./harness.ts";
import { runTorch } from "./peers.ts";

interface Step {
  readonly model: ModelConfig["name"];
  readonly side: number;
  readonly classes: number;
  readonly batch: number;
  readonly optimizer: OptimizerSettings;
}

const adam: OptimizerSettings = { name: "adam" };
const adamW: OptimizerSettings = { name: "adam", decoupled: true, weightDecay: 0.05 };

const networks: readonly Step[] = [
  { model: "resnet18", side: 32, classes: 10, batch: 128, optimizer: adam },
  { model: "pvt-v2-b0", side: 224, classes: 100, batch: 32, optimizer: adamW },
  { model: "convnext-t", side: 224, classes: 100, batch: 32, optimizer: adamW },
];

export const networkStep: BenchModule = {
  name: "network-step",
  summary: "one training step of ResNet-18, PVTv2-B0 and ConvNeXt-T, data already on the GPU",
  async run(gpu, { seconds, peers }) {
    const top = await ceiling(gpu, seconds);
    const rows: BenchRow[] = [];
    for (const network of networks) {
      const { software } = gpu.adapter;
      const step = software ? { ...network, side: 32, batch: 2 } : network;
      rows.push(await timeNetwork(gpu, step, { seconds, top, steps: software ? 1 : 4 }));
    }
    return [top, ...rows, ...(peers ? runTorch(rows) : [])];
  },
};

async function timeNetwork(
  gpu: Gpu,
  { model: name, side, classes, batch, optimizer }: Step,
  options: { steps: number; seconds: number; top: BenchRow },
): Promise<BenchRow> {
  const data = noise(batch, side, classes);
  const images = await GpuDataset.upload(gpu, data, meanImage(data));
  const model = await Model.create(gpu, modelSpec({ name }, [side, side, 3], classes), 1);
  const feed = await ImageFeed.create(images, { batch, items: batch * options.steps });
  const trainer = await Trainer.create(model, {
    feed,
    objective: (graph) => classification.objective(graph, model, feed, { norm: "train" }),
    optimizer,
  });
  const label = `${name}, ${batch} × ${side}²`;
  const row = await timeSteps(gpu, label, trainer, { ...options, batch, learningRate: 1e-4 });
  const figures = {
    ...row.figures,
    "pictures/s": (1000 * batch) / row.milliseconds,
    "dispatches a step": trainer.program.dispatches.length,
  };
  trainer.destroy();
  feed.destroy();
  model.destroy();
  images.destroy();
  return { ...row, figures };
}

/** Images of random bytes: what a step takes does not depend on what they show. */
function noise(count: number, side: number, classes: number): Dataset {
  const random = new Random(1);
  return {
    name: "noise",
    classes: Array.from({ length: classes }, (_, i) => `${i}`),
    height: side,
    width: side,
    channels: 3,
    count,
    pixels: Uint8Array.from({ length: count * side * side * 3 }, () => random.int(256)),
    labels: Uint16Array.from({ length: count }, (_, i) => i % classes),
  };
}
