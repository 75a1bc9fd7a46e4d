/**
 * Trajectories to train a predictor on: small networks learning wrong labels, snapshot by snapshot.
 *
 * Each training gives windows of two phases: the first learning of all data, and fine-tuning on D_f
 * alone, which is where a rewind will use the predictor.
 */
import { modelSpec } from "../../models/index.ts";
import type { ParameterKind } from "../gpu/arena.ts";
import type { Gpu } from "../gpu/device.ts";
import { mislabel } from "../data/corrupt.ts";
import { loadDataset } from "../data/index.ts";
import { Model } from "../nn/model.ts";
import type { OptimizerSettings } from "../optim/index.ts";
import { Random } from "../random.ts";
import { Trajectory } from "../trajectory.ts";
import { GpuDataset, meanPicture, PictureFeed } from "../train/feed.ts";
import { classification, Trainer, type Watch } from "../train/trainer.ts";

/** One small training on the synthetic set. */
export interface RecordSettings {
  readonly seed: number;
  readonly filters: readonly [number, number];
  readonly hidden: number;
  readonly pictures: number;
  readonly mislabel: number;
  readonly batch: number;
  readonly optimizer: OptimizerSettings;
  readonly learningRate: number;
  /** Epochs before the first recorded window, which spans `window + horizon` epochs of training. */
  readonly epochs: number;
  /** Learning rates of fine-tuning on D_f, one recorded window each, from the same trained weights. */
  readonly fineTuneRates: readonly number[];
}

/** Histories of one parameter: `length` snapshots an epoch apart, oldest first, [length, size]. */
export interface Recording {
  readonly training: number;
  readonly phase: "train" | "fine-tune";
  readonly learningRate: number;
  readonly name: string;
  readonly kind: ParameterKind;
  readonly size: number;
  readonly snapshots: Float32Array;
}

/** Trains one network and returns the recorded histories of `length` snapshots. */
export async function recordTraining(
  gpu: Gpu,
  settings: RecordSettings,
  length: number,
  watch: Watch = {},
): Promise<Recording[]> {
  const { seed, pictures } = settings;
  const { train } = await loadDataset({
    name: "synthetic",
    trainCount: pictures,
    testCount: 10,
    seed,
  });
  const { labels, changed } = mislabel(train, settings.mislabel, seed);
  const data = await GpuDataset.upload(gpu, { ...train, labels }, meanPicture(train));
  const input = [train.height, train.width, train.channels] as const;
  const { filters, hidden } = settings;
  const spec = modelSpec({ name: "small-cnn", filters, hidden }, input, train.classes.length);
  const model = await Model.create(gpu, spec, seed);
  const trajectory = await Trajectory.create(gpu, model.slots, length);
  const recordings: Recording[] = [];

  const run = async (
    phase: Recording["phase"],
    items: Uint32Array,
    options: { skip: number; learningRate: number; optimizer: OptimizerSettings },
  ): Promise<void> => {
    const feed = await PictureFeed.create(data, {
      batch: Math.min(settings.batch, items.length),
      items: items.length,
    });
    const trainer = await Trainer.create(model, {
      feed,
      objective: classification(model, feed, "train"),
      optimizer: options.optimizer,
    });
    trajectory.reset();
    const epochs = options.skip + length - 1;
    for (let epoch = 0; epoch <= epochs; epoch++) {
      if (epoch >= options.skip) trajectory.record(model.parameters);
      if (epoch === epochs) break;
      const stream = new Random(seed).fork(`${phase} ${options.learningRate} epoch ${epoch}`);
      const order = stream.shuffle(Uint32Array.from(items));
      await trainer.epoch(
        { order, learningRate: options.learningRate, seed: stream.int(2 ** 31) },
        {
          signal: watch.signal,
          progress: (done, all) => watch.progress?.(epoch * all + done, epochs * all),
        },
      );
    }
    for (const [name, snapshots] of await trajectory.read()) {
      const { kind, size } = model.parameters.layout.slot(name);
      recordings.push({
        training: seed,
        phase,
        learningRate: options.learningRate,
        name,
        kind,
        size,
        snapshots,
      });
    }
    trainer.destroy();
  };
  const everything = Uint32Array.from({ length: train.count }, (_, i) => i);
  await run("train", everything, {
    skip: settings.epochs,
    learningRate: settings.learningRate,
    optimizer: settings.optimizer,
  });
  const trained = await model.save();
  for (const learningRate of settings.fineTuneRates) {
    model.load(trained);
    await run("fine-tune", Uint32Array.from(changed), {
      skip: 0,
      learningRate,
      optimizer: { name: "adam" },
    });
  }
  trajectory.destroy();
  model.destroy();
  data.destroy();
  return recordings;
}
