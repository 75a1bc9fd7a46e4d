/** One training step of the small CNN: 28×28×1, conv 16, pool, conv 32, pool, dense 10; batch 64, Adam. */
import { modelSpec } from "../models/index.ts";
import { syntheticDigits } from "../src/data/synthetic.ts";
import { Model } from "../src/nn/model.ts";
import { GpuDataset, meanPicture, PictureFeed } from "../src/train/feed.ts";
import { classification, Trainer } from "../src/train/trainer.ts";
import { type BenchModule, ceiling, share, time } from "./harness.ts";
import { runPeers } from "./peers.ts";

export const smallCnnStep: BenchModule = {
  name: "small-cnn-step",
  summary: "one training step of the small CNN at batch 64, data already on the GPU",
  async run(gpu, { seconds, peers }) {
    const top = await ceiling(gpu, seconds);
    const data = syntheticDigits(64, 1, "train");
    const pictures = await GpuDataset.upload(gpu, data, meanPicture(data));
    const model = await Model.create(gpu, modelSpec({ name: "small-cnn" }, [28, 28, 1], 10), 1);
    const feed = await PictureFeed.create(pictures, { batch: 64, items: 64 });
    const trainer = await Trainer.create(model, {
      feed,
      objective: classification(model, feed, "train"),
      optimizer: { name: "adam" },
    });
    const order = Uint32Array.from({ length: 64 }, (_, i) => i);
    const { program } = trainer;
    const flop = program.flop;
    // Each timed run is a whole epoch of one step: upload of the order, replay, read-back of the totals.
    const step = (): Promise<void> =>
      trainer.epoch({ order, learningRate: 1e-3, seed: 1 }).then(() => undefined);
    const row = await time(gpu, `Rewind (Adam), ${gpu.adapter.tuning} kernels`, step, { seconds });
    trainer.destroy();
    model.destroy();
    pictures.destroy();
    const ours = {
      ...row,
      figures: {
        ms_per_step: row.milliseconds,
        "GFLOP a step": flop / 1e9,
        "GFLOP/s": flop / row.milliseconds / 1e6,
        "% of ceiling": share(flop, row.milliseconds, top),
      },
    };
    return [top, ours, ...(peers ? await runPeers(ours) : [])];
  },
};
