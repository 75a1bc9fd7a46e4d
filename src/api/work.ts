/** A network together with images on its device: what is measured on them, and what methods of unlearning get. */
import type { Dataset } from "../data/dataset.ts";
import type { GpuDataset } from "../feed/gpu-dataset.ts";
import type { Gpu } from "../gpu/device.ts";
import { Owned } from "../gpu/owned.ts";
import type { CheckpointInfo } from "../io/checkpoint.ts";
import { type Drawing, Judge } from "../metrics/drawn.ts";
import type { Grader } from "../metrics/grader.ts";
import { type Measurable, measureScores } from "../metrics/measure.ts";
import type { Scores } from "../metrics/metric.ts";
import type { Model } from "../nn/model.ts";
import type { Corrupted } from "../scenarios/scenario.ts";
import { taskNamed } from "../tasks/index.ts";
import type { Watch } from "../train/replay.ts";
import type { UnlearnRequest } from "../unlearn/method.ts";
import { Evaluators, type LentEvaluator } from "./evaluators.ts";
import { uploadSets } from "./sets.ts";

/** A network and its images. Owns the images on the device; the model stays the caller's. */
export interface Work extends Measurable {
  readonly gpu: Gpu;
  /** What decides the network's answers besides its weights. */
  readonly info: CheckpointInfo;
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
  /** What measures the model on one of the sets. */
  evaluator(on: GpuDataset): Promise<LentEvaluator>;
  /** Scores of the model as it stands; `only`: the ones needed, where others would cost time. */
  evaluate(watch?: Watch, only?: readonly string[]): Promise<Scores>;
  /** What an unlearning method gets: the model, D_f and D_r, each refusing other images. */
  request(seed: number): UnlearnRequest;
  destroy(): void;
  [Symbol.dispose](): void;
}

/** What drawn images are judged by, and how many are drawn. */
export interface Judging {
  readonly grader: Grader;
  readonly drawing: Drawing;
}

/** Uploads the images of a network; `judging`: what a network of diffusion draws is measured as well. */
export function workOn(
  model: Model,
  info: CheckpointInfo,
  corrupted: Corrupted,
  test: Dataset,
  judging?: Judging,
): Promise<Work> {
  const { gpu } = model;
  return Owned.during(async (owned) => {
    const { train, labels, forget, retain } = corrupted;
    const { preprocessing } = info;
    const { data, testData, sets } = await uploadSets(gpu, corrupted, test, preprocessing, owned);
    const task = taskNamed(info.task);
    const measuredOn = [...new Set([...sets.values()].map((set) => set.data))];
    const evaluators = owned.add(await Evaluators.create(model, task, measuredOn));
    const totals: Work["totals"] = async (set, watch) => {
      const { run, done } = await evaluators.lend(set.data);
      try {
        return await run(set.items, watch);
      } finally {
        done();
      }
    };
    const judge =
      judging &&
      owned.add(
        await Judge.create(judging.grader, judging.drawing, {
          ...{ model, info, train, labels, forget, retain },
        }),
      );
    const measurable = { model, task, sets, totals, judge };
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
      info,
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
