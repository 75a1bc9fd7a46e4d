/** Training from a configuration: epochs, and resuming to the same bits. */
import type { Job } from "../job.ts";
import type { Tensors } from "../nn/model.ts";
import { Random } from "../random.ts";
import { pictureTrainer } from "./passes.ts";
import { scheduleOf } from "./schedule.ts";
import type { Totals } from "./step-queue.ts";
import type { OptimizerState, Trainer, Watch } from "./trainer.ts";

/** What a training leaves behind after an epoch: enough to go on as if it had not been interrupted. */
export interface TrainState {
  readonly epoch: number;
  readonly tensors: Tensors;
  readonly optimizer: OptimizerState;
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
export function jobTrainer({ config, model, data }: Job): Promise<Trainer> {
  const batch = Math.min(config.batch, data.count);
  return pictureTrainer(model, data, data.count, { ...config, batch }, { norm: "train" });
}

/** Trains the job's model on all its training pictures; returns the last epoch's totals. */
export async function trainJob(job: Job, hooks: TrainHooks = {}): Promise<Totals | undefined> {
  const { config, model, data } = job;
  const { watch = {}, resume, onEpoch } = hooks;
  const trainer = await jobTrainer(job);
  if (resume !== undefined) {
    model.load(resume.tensors);
    trainer.loadState(resume.optimizer);
  }
  // Batch statistics of a batch padded with empty rows would be wrong: such a batch is left out.
  const dropLast = model.statistics.layout.slots.length > 0;
  const perEpoch = data.count / Math.min(config.batch, data.count);
  const steps = config.epochs * (dropLast ? Math.floor(perEpoch) : Math.ceil(perEpoch));
  const schedule = scheduleOf(config, steps);
  let totals: Totals | undefined;
  for (let epoch = resume?.epoch ?? 0; epoch < config.epochs; epoch++) {
    const stream = new Random(config.seed).fork(`train epoch ${epoch}`);
    const order = stream.permutation(data.count);
    const start = trainer.step;
    totals = await trainer.epoch(
      {
        order,
        learningRate: (step) => schedule(start + step),
        seed: stream.int(2 ** 31),
        dropLast,
      },
      {
        signal: watch.signal,
        progress: (done, all) => watch.progress?.(epoch * all + done, config.epochs * all),
      },
    );
    await onEpoch?.(epoch + 1, totals, async () => ({
      epoch: epoch + 1,
      tensors: await model.save(),
      optimizer: await trainer.saveState(),
    }));
  }
  trainer.destroy();
  return totals;
}
