/** Training from a configuration: epochs, and resuming to the same bits. */
import type { GpuDataset } from "../feed/gpu-dataset.ts";
import type { TrainingConfig } from "./training-config.ts";
import { Owned } from "../gpu/owned.ts";
import { epochSteps } from "../train/epochs.ts";
import { Random } from "../random.ts";
import { Nowcaster } from "../forecast/nowcast.ts";
import { type TaskModel, taskTrainer } from "../train/task-trainer.ts";
import { type Schedule, scheduleOf } from "../train/schedule.ts";
import type { Totals } from "../feed/step-queue.ts";
import type { MovingAverage } from "../train/moving-average.ts";
import type { Trainer } from "../train/trainer.ts";
import type { Watch } from "../train/replay.ts";
import { changingAlone } from "./given.ts";
import type { TrainState } from "./train-state.ts";

/** A model to train, on which examples and how. */
export interface Training extends TaskModel {
  readonly config: TrainingConfig;
  readonly data: GpuDataset;
  /** Follows the weights, where a training has an average. */
  readonly average?: MovingAverage | undefined;
}

/** Hooks of {@link trainJob}. */
export interface TrainHooks {
  /** A state to continue from. */
  readonly resume?: TrainState | undefined;
  /** After each epoch; `save` downloads the state and is only called if wanted. */
  readonly onEpoch?: (
    epoch: number,
    totals: Totals,
    save: () => Promise<TrainState>,
  ) => Promise<void>;
  readonly watch?: Watch;
}

/** The trainer of a job, as {@link trainJob} uses it. */
export function jobTrainer({ config, model, task, data, average }: Training): Promise<Trainer> {
  const { batch } = epochSteps(model, data.count, config.batch);
  const options = { norm: "train", after: average?.step } as const;
  return taskTrainer({ model, task }, data, data.count, { ...config, batch }, options);
}

/** The nowcaster of a job, if it has one. */
export async function jobNowcaster({
  config,
  model,
  data,
}: Training): Promise<Nowcaster | undefined> {
  if (config.nowcast === undefined) return undefined;
  const { steps: perEpoch } = epochSteps(model, data.count, config.batch);
  return Nowcaster.create(model, config.nowcast, { perEpoch, steps: config.epochs * perEpoch });
}

/** Totals of an epoch from those of its parts. */
function joinTotals(parts: readonly Totals[]): Totals {
  if (parts.length === 1) return parts[0]!;
  const sum = (of: (part: Totals) => number): number =>
    parts.reduce((total, part) => total + of(part), 0);
  const rows = sum((part) => part.rows);
  return {
    loss: sum((part) => part.loss * part.rows) / rows,
    accuracy: sum((part) => part.accuracy * part.rows) / rows,
    correct: sum((part) => part.correct),
    rows,
    steps: sum((part) => part.steps),
    badSteps: sum((part) => part.badSteps),
  };
}

/**
 * Trains the job's model on all its training images; returns the last epoch's totals.
 *
 * @throws UsageError where the model is being trained, or unlearns.
 */
export function trainJob(job: Training, hooks: TrainHooks = {}): Promise<Totals | undefined> {
  const { config, model, data, average } = job;
  const { resume, onEpoch } = hooks;
  const work = async (owned: Owned): Promise<Totals | undefined> => {
    const trainer = owned.add(await jobTrainer(job));
    if (resume !== undefined) {
      model.load(resume.tensors);
      trainer.loadState(resume.optimizer);
    }
    average?.reset(model);
    if (resume?.average !== undefined) average?.model.load(resume.average);
    const nowcaster = await jobNowcaster(job);
    if (nowcaster !== undefined) owned.add(nowcaster);
    await nowcaster?.load(resume?.snapshots ?? []);
    const { steps } = epochSteps(model, data.count, config.batch);
    const schedule = scheduleOf(config, config.epochs * steps);
    let totals: Totals | undefined;
    hooks.watch?.phase?.("steps");
    for (let epoch = resume?.epoch ?? 0; epoch < config.epochs; epoch++) {
      totals = await trainEpoch(job, epoch, { trainer, nowcaster, schedule }, hooks.watch);
      await onEpoch?.(epoch + 1, totals, async () => ({
        epoch: epoch + 1,
        tensors: await model.save(),
        optimizer: await trainer.saveState(),
        snapshots: (await nowcaster?.save()) ?? [],
        average: await average?.model.save(),
      }));
    }
    return totals;
  };
  return changingAlone(model, "train", () => Owned.within(work));
}

/** One epoch, in one go or from event to event of a nowcast. */
async function trainEpoch(
  { config, model, data }: Training,
  epoch: number,
  parts: { trainer: Trainer; nowcaster: Nowcaster | undefined; schedule: Schedule },
  watch: Watch = {},
): Promise<Totals> {
  const { trainer, nowcaster, schedule } = parts;
  const { batch, steps: all, dropLast } = epochSteps(model, data.count, config.batch);
  const stream = new Random(config.seed).fork(`train epoch ${epoch}`);
  const order = stream.permutation(data.count);
  const first = trainer.step;
  const totals: Totals[] = [];
  for (let done = 0; done < all; done = trainer.step - first) {
    const start = trainer.step;
    const end = Math.min(all, (nowcaster?.next(start) ?? Infinity) - first);
    const part = await trainer.epoch(
      {
        order: order.subarray(done * batch, end === all ? undefined : end * batch),
        learningRate: (step) => schedule(start + step),
        seed: stream.int(2 ** 31),
        dropLast,
      },
      {
        ...watch,
        progress: (steps) => watch.progress?.(epoch * all + done + steps, config.epochs * all),
      },
    );
    totals.push(part);
    await nowcaster?.reached(trainer.step);
  }
  return joinTotals(totals);
}
