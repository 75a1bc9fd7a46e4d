/**
 * A job: the data, the wrong labels and the network of a run, on one device.
 *
 * The path of the data through Rewind starts here: pictures → labels made wrong → GPU → model;
 * `train/run.ts` trains it, `unlearn/` rewinds it, `report/` writes down what changed.
 */
import { modelSpec } from "../models/index.ts";
import type { DataConfig, TrainConfig } from "./config.ts";
import { mislabel } from "./data/corrupt.ts";
import type { Dataset } from "./data/dataset.ts";
import { loadDataset } from "./data/index.ts";
import type { Gpu } from "./gpu/device.ts";
import { GpuError } from "./gpu/errors.ts";
import { Model } from "./nn/model.ts";
import { GpuDataset, meanPicture } from "./train/feed.ts";
import { Evaluator, type Watch } from "./train/trainer.ts";
import type { Scores } from "./unlearn/driver.ts";
import type { UnlearnTask } from "./unlearn/method.ts";

/** Everything a run works on. */
export interface Job {
  readonly gpu: Gpu;
  readonly config: TrainConfig;
  readonly train: Dataset;
  readonly test: Dataset;
  readonly model: Model;
  /** Training pictures with the labels the model is trained on. */
  readonly data: GpuDataset;
  /** Picture numbers whose label was made wrong (D_f), and the rest (D_r). */
  readonly forget: Uint32Array;
  readonly retain: Uint32Array;
  /** Scores of the model as it stands. */
  evaluate(watch?: Watch): Promise<Scores>;
  /** What an unlearning method gets: the model, D_f and D_r, each refusing other pictures. */
  task(seed: number): UnlearnTask;
  destroy(): void;
}

/** Pictures a step when evaluating; larger only costs memory. */
const evaluationBatch = 256;

/** Loads data, makes labels wrong, allocates the model. */
export async function prepareJob(gpu: Gpu, config: TrainConfig): Promise<Job> {
  const { train, test } = await loadDataset({ ...present(config.data), seed: config.seed });
  const { labels, changed } = mislabel(train, config.mislabel, config.seed);
  const forget = Uint32Array.from(changed).sort();
  const wrong = new Set(forget);
  const retain = Uint32Array.from(train.labels.keys()).filter((i) => !wrong.has(i));

  const mean = meanPicture(train);
  const data = await GpuDataset.upload(gpu, { ...train, labels }, mean);
  const trueData = await data.withLabels(train.labels);
  const testData = await GpuDataset.upload(gpu, test, mean);
  const input = [train.height, train.width, train.channels] as const;
  const spec = modelSpec(config.model, input, train.classes.length);
  const model = await Model.create(gpu, spec, config.seed);

  const batchOf = (count: number): number => Math.min(evaluationBatch, count);
  const onNoisy = await Evaluator.create(model, data, batchOf(data.count));
  const onTrue = await Evaluator.create(model, trueData, batchOf(data.count));
  const onTest = await Evaluator.create(model, testData, batchOf(testData.count));
  const everyTest = Uint32Array.from({ length: test.count }, (_, i) => i);

  const evaluate = async (watch: Watch = {}): Promise<Scores> => {
    if (forget.length === 0) {
      throw new GpuError(
        "evaluate: no label was made wrong, so there is no D_f: use a mislabel share above 0.",
      );
    }
    const noisy = await onNoisy.run(forget, watch);
    const clean = await onTrue.run(forget, watch);
    const kept = await onNoisy.run(retain, watch);
    const unseen = await onTest.run(everyTest, watch);
    return {
      forgetAccuracy: noisy.accuracy,
      forgetLoss: noisy.loss,
      forgetTrueAccuracy: clean.accuracy,
      retainAccuracy: kept.accuracy,
      testAccuracy: unseen.accuracy,
      testLoss: unseen.loss,
    };
  };
  const destroy = (): void => {
    for (const owned of [onNoisy, onTrue, onTest, trueData, testData, data, model]) owned.destroy();
  };
  const task = (unlearnSeed: number): UnlearnTask => ({
    model,
    forget: { data: data.only(forget, "D_f"), items: forget },
    retain: { data: data.only(retain, "D_r"), items: retain },
    seed: unlearnSeed,
  });
  return { gpu, config, train, test, model, data, forget, retain, evaluate, task, destroy };
}

function present(data: DataConfig): Parameters<typeof loadDataset>[0] {
  const entries = Object.entries(data).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as unknown as Parameters<typeof loadDataset>[0];
}
