/**
 * A job: the data, the wrong labels and the network of a run, on one device.
 *
 * The path of the data through Rewind starts here: images → what is wrong with them → GPU → model;
 * `runs/training.ts` trains it, `unlearn/` makes it forget, `report/` writes down what changed.
 */
import { modelSpec } from "../../models/index.ts";
import type { TrainConfig } from "./config.ts";
import type { Dataset } from "../data/dataset.ts";
import { loadDataset } from "../data/index.ts";
import { corrupt } from "../scenarios/index.ts";
import type { Corrupted } from "../scenarios/scenario.ts";
import type { Gpu } from "../gpu/device.ts";
import { Owned } from "../gpu/owned.ts";
import { readTensors } from "../io/tensor-file.ts";
import { Model } from "../nn/model.ts";
import { readBytes } from "../platform/files.ts";
import type { GpuDataset } from "../feed/gpu-dataset.ts";
import { type Measurable, measureScores } from "../metrics/measure.ts";
import type { Scores } from "../metrics/metric.ts";
import type { Watch } from "../train/replay.ts";
import { classification } from "../tasks/classification.ts";
import type { UnlearnRequest } from "../unlearn/method.ts";
import { Evaluators, type LentEvaluator } from "./evaluators.ts";
import { uploadSets } from "./sets.ts";

/** Everything a run works on. Owns its model and its data sets. */
export interface Job extends Measurable {
  readonly gpu: Gpu;
  readonly config: TrainConfig;
  readonly train: Dataset;
  readonly test: Dataset;
  /** Training images with the labels the model is trained on. */
  readonly data: GpuDataset;
  readonly testData: GpuDataset;
  /** Labels the model is trained on, [train.count]. */
  readonly labels: Uint16Array;
  /** Image numbers of D_f and of the rest, D_r. */
  readonly forget: Uint32Array;
  readonly retain: Uint32Array;
  /** What measures the model on one of the job's sets. */
  evaluator(on: GpuDataset): Promise<LentEvaluator>;
  /** Scores of the model as it stands; `only`: the ones needed, where others would cost time. */
  evaluate(watch?: Watch, only?: readonly string[]): Promise<Scores>;
  /** What an unlearning method gets: the model, D_f and D_r, each refusing other images. */
  request(seed: number): UnlearnRequest;
  destroy(): void;
  [Symbol.dispose](): void;
}

/**
 * Applies the scenario to the data, allocates the model.
 *
 * @param loaded the images, where they are at hand already.
 */
export async function prepareJob(
  gpu: Gpu,
  config: TrainConfig,
  loaded?: Awaited<ReturnType<typeof loadData>>,
): Promise<Job> {
  const { train, test } = loaded ?? (await loadData(config));
  return jobOn(gpu, config, corrupt(train, test, config.scenario, config.seed), test);
}

/** The images a configuration names, before anything is wrong with them. */
export function loadData({ data, seed }: TrainConfig): ReturnType<typeof loadDataset> {
  return loadDataset({ ...data, seed });
}

/** A job on data that is at hand; `blank`: with weights of zero, where only their number matters. */
export function jobOn(
  gpu: Gpu,
  config: TrainConfig,
  corrupted: Corrupted,
  test: Dataset,
  { blank = false }: { blank?: boolean } = {},
): Promise<Job> {
  return Owned.during(async (owned) => {
    const { train, labels, forget, retain } = corrupted;
    const { data, testData, sets } = await uploadSets(gpu, corrupted, test, owned);
    const input = [train.height, train.width, train.channels] as const;
    const spec = modelSpec(config.model, input, train.classes.length);
    const model = owned.add(await Model.create(gpu, spec, blank ? undefined : config.seed));
    if (config.from !== undefined && !blank) {
      model.pretrain((await readTensors(await readBytes(config.from), config.from)).tensors);
    }
    const task = classification;
    const measuredOn = [...new Set([...sets.values()].map((set) => set.data))];
    const evaluators = owned.add(await Evaluators.create(model, task, measuredOn));
    const totals: Job["totals"] = async (set, watch) => {
      const { run, done } = await evaluators.lend(set.data);
      try {
        return await run(set.items, watch);
      } finally {
        done();
      }
    };
    const measurable = { model, task, sets, totals };
    const request = (seed: number): UnlearnRequest => ({
      model,
      task,
      forget: { data: data.only(forget, "D_f"), items: forget },
      retain: { data: data.only(retain, "D_r"), items: retain },
      seed,
    });
    const destroy = (): void => owned.destroy();
    return {
      gpu,
      config,
      train,
      test,
      data,
      testData,
      labels,
      forget,
      retain,
      ...measurable,
      evaluator: (on) => evaluators.lend(on),
      evaluate: (watch, only) => measureScores(measurable, only, watch),
      request,
      destroy,
      [Symbol.dispose]: destroy,
    };
  });
}
