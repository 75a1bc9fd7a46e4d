/** One training step of the small CNN: 28×28×1, conv 16, pool, conv 32, pool, dense 10; batch 64, Adam. */
import { modelSpec } from "../models/index.ts";
import { syntheticDigits } from "../src/data/synthetic.ts";
import { Model } from "../src/nn/model.ts";
import { GpuDataset, meanImage } from "../src/feed/gpu-dataset.ts";
import { ImageFeed } from "../src/feed/image-feed.ts";
import { classification } from "../src/tasks/classification.ts";
import { Trainer } from "../src/train/trainer.ts";
import { type BenchModule, type BenchRow, ceiling, timeSteps } from "./harness.ts";
import { runPeers } from "./peers.ts";

export const smallCnnStep: BenchModule = {
  name: "small-cnn-step",
  summary: "one training step of the small CNN at batch 64, data already on the GPU",
  async run(gpu, { seconds, peers }) {
    const top = await ceiling(gpu, seconds);
    const data = syntheticDigits(64, 1, "train");
    const images = await GpuDataset.upload(gpu, data, meanImage(data));
    const model = await Model.create(gpu, modelSpec({ name: "small-cnn" }, [28, 28, 1], 10), 1);
    // One step an epoch is mostly the wait for it on a fast GPU, so that there is a row of more of them.
    const counts = gpu.adapter.software ? [1] : [1, 32];
    const feed = await ImageFeed.create(images, { batch: 64, items: 64 * Math.max(...counts) });
    const trainer = await Trainer.create(model, {
      feed,
      objective: (graph) => classification.objective(graph, model, feed, { norm: "train" }),
      optimizer: { name: "adam" },
    });
    const rows: BenchRow[] = [];
    for (const steps of counts) {
      const epoch = steps === 1 ? "" : `, ${steps} steps an epoch`;
      const name = `Rewind (Adam), ${gpu.adapter.tuning} kernels${epoch}`;
      const options = { batch: 64, steps, learningRate: 1e-3, seconds, top };
      rows.push(await timeSteps(gpu, name, trainer, options));
    }
    trainer.destroy();
    feed.destroy();
    model.destroy();
    images.destroy();
    return [top, ...rows, ...(peers ? await runPeers(rows[0]!) : [])];
  },
};
