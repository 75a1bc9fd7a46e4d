/**
 * A job: the data, the wrong labels and the network of a run, on one device.
 *
 * The path of the data through Rewind starts here: pictures → what is wrong with them → GPU → model;
 * `train/run.ts` trains it, `unlearn/` makes it forget, `report/` writes down what changed.
 */
import { modelSpec } from "../models/index.ts";
import type { DataConfig, TrainConfig } from "./config.ts";
import type { Dataset } from "./data/dataset.ts";
import { loadDataset } from "./data/index.ts";
import { damage, type Damaged } from "./data/scenario.ts";
import type { Gpu } from "./gpu/device.ts";
import { readSafetensors } from "./io/safetensors.ts";
import { Model } from "./nn/model.ts";
import { readBytes } from "./platform/files.ts";
import { GpuDataset, meanPicture } from "./train/feed.ts";
import type { Totals } from "./train/step-queue.ts";
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
  readonly testData: GpuDataset;
  /** Labels the model is trained on, [train.count]. */
  readonly labels: Uint16Array;
  /** Picture numbers of D_f and of the rest, D_r. */
  readonly forget: Uint32Array;
  readonly retain: Uint32Array;
  /** Scores of the model as it stands; `only`: the ones needed, where others would cost time. */
  evaluate(watch?: Watch, only?: readonly (keyof Scores)[]): Promise<Scores>;
  /** What an unlearning method gets: the model, D_f and D_r, each refusing other pictures. */
  task(seed: number): UnlearnTask;
  destroy(): void;
}

/** Pictures a step when evaluating; larger only costs memory. */
const evaluationBatch = 256;

/** Loads data, applies the scenario, allocates the model. */
export async function prepareJob(gpu: Gpu, config: TrainConfig): Promise<Job> {
  const { train, test } = await loadData(config);
  return jobOn(gpu, config, damage(train, test, config.scenario, config.seed), test);
}

/** The pictures a configuration names, before anything is wrong with them. */
export function loadData({ data, seed }: TrainConfig): ReturnType<typeof loadDataset> {
  return loadDataset({ ...present(data), seed });
}

/** A job on data that is at hand; `blank`: with weights of zero, where only their number matters. */
export async function jobOn(
  gpu: Gpu,
  config: TrainConfig,
  damaged: Damaged,
  test: Dataset,
  { blank = false }: { blank?: boolean } = {},
): Promise<Job> {
  const { train, labels, forget, retain, triggered } = damaged;

  const mean = meanPicture(train);
  const data = await GpuDataset.upload(gpu, { ...train, labels }, mean);
  const testData = await GpuDataset.upload(gpu, test, mean);
  const input = [train.height, train.width, train.channels] as const;
  const spec = modelSpec(config.model, input, train.classes.length);
  const model = await Model.create(gpu, spec, blank ? undefined : config.seed);
  if (config.from !== undefined && !blank) {
    model.pretrain(readSafetensors(await readBytes(config.from), config.from).tensors);
  }

  const evaluatorOf = (of: GpuDataset): Promise<Evaluator> =>
    Evaluator.create(model, of, Math.min(evaluationBatch, of.count));
  const everyOf = (count: number): Uint32Array => Uint32Array.from({ length: count }, (_, i) => i);
  const onTrained = await evaluatorOf(data);
  const onTest = await evaluatorOf(testData);
  const owned: { destroy(): void }[] = [onTrained, onTest, testData, data, model];
  // Where D_f was trained with its true labels there is nothing more to measure on it.
  let onTrue: Evaluator | undefined;
  if (forget.some((i) => labels[i] !== train.labels[i])) {
    const trueData = await data.withLabels(train.labels);
    onTrue = await evaluatorOf(trueData);
    owned.unshift(onTrue, trueData);
  }
  let onTriggered: Evaluator | undefined;
  if (triggered !== undefined) {
    const triggeredData = await GpuDataset.upload(gpu, triggered, mean);
    onTriggered = await evaluatorOf(triggeredData);
    owned.unshift(onTriggered, triggeredData);
  }

  const evaluate: Job["evaluate"] = async (watch = {}, only) => {
    const measure = async (
      on: Evaluator | undefined,
      items: Uint32Array,
      ...scores: (keyof Scores)[]
    ): Promise<Totals | undefined> =>
      items.length === 0 || (only !== undefined && !scores.some((score) => only.includes(score)))
        ? undefined
        : on?.run(items, watch);
    const forgotten = await onTrained.run(forget, watch);
    const kept = await measure(onTrained, retain, "retainAccuracy");
    const unseen = await measure(onTest, everyOf(test.count), "testAccuracy", "testLoss");
    const clean = await measure(onTrue, forget, "forgetTrueAccuracy");
    const attack = await measure(onTriggered, everyOf(triggered?.count ?? 0), "attackSuccess");
    return {
      forgetAccuracy: forgotten.accuracy,
      forgetLoss: forgotten.loss,
      ...(clean === undefined ? {} : { forgetTrueAccuracy: clean.accuracy }),
      ...(kept === undefined ? {} : { retainAccuracy: kept.accuracy }),
      ...(unseen === undefined ? {} : { testAccuracy: unseen.accuracy, testLoss: unseen.loss }),
      ...(attack === undefined ? {} : { attackSuccess: attack.accuracy }),
    };
  };
  const destroy = (): void => owned.forEach((part) => part.destroy());
  const task = (unlearnSeed: number): UnlearnTask => ({
    model,
    forget: { data: data.only(forget, "D_f"), items: forget },
    retain: { data: data.only(retain, "D_r"), items: retain },
    seed: unlearnSeed,
  });
  return {
    gpu,
    config,
    train,
    test,
    model,
    data,
    testData,
    labels,
    forget,
    retain,
    evaluate,
    task,
    destroy,
  };
}

function present(data: DataConfig): Parameters<typeof loadDataset>[0] {
  const entries = Object.entries(data).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as unknown as Parameters<typeof loadDataset>[0];
}
