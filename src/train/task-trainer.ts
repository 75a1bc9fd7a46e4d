/** Trainers of tasks: what training and the unlearning methods made of steps have in common. */
import type { Augmentation } from "../feed/augment.ts";
import type { ExampleFeed } from "../feed/feed.ts";
import type { GpuDataset } from "../feed/gpu-dataset.ts";
import type { Graph } from "../graph/graph.ts";
import type { NormMode } from "../nn/layers.ts";
import type { Model } from "../nn/model.ts";
import type { OptimizerSettings } from "../optim/index.ts";
import type { Objective, Task } from "../tasks/task.ts";
import { hasBatchNorm } from "./epochs.ts";
import { type MemorySettings, passesOf } from "./memory.ts";
import { Trainer, type TrainerOptions } from "./trainer.ts";

/** A model and what it is for. */
export interface TaskModel {
  readonly model: Model;
  readonly task: Task;
}

/** Settings of {@link taskTrainer}. */
export interface StepSettings extends MemorySettings {
  /** Examples a step. */
  readonly batch: number;
  readonly augment?: Augmentation | undefined;
  readonly optimizer: OptimizerSettings;
  readonly clipNorm?: number | undefined;
  readonly labelSmoothing?: number | undefined;
}

/** What else a step does. */
export interface StepOptions extends Pick<TrainerOptions, "rate" | "after" | "sharing"> {
  readonly norm: NormMode;
  /** Changes the task's objective, for example what is minimised. */
  readonly objective?: (plain: Objective, feed: ExampleFeed, graph: Graph) => Objective;
}

/**
 * A trainer of a task, its step split into passes that fit into memory. It owns its feed.
 *
 * @param items longest order list of an epoch.
 */
export async function taskTrainer(
  { model, task }: TaskModel,
  data: GpuDataset,
  items: number,
  settings: StepSettings,
  options: StepOptions,
): Promise<Trainer> {
  const { augment, optimizer, clipNorm, labelSmoothing } = settings;
  const { norm, objective = (plain) => plain, rate, after, sharing } = options;
  const { batch, microBatch } = settings;
  const even = norm === "train" && hasBatchNorm(model);
  const { rows, accumulate } = passesOf(batch, microBatch, even);
  const feed = await task.feed(data, { batch: rows, step: batch, items, augment });
  return Trainer.create(model, {
    feed,
    objective: (graph) =>
      objective(task.objective(graph, model, feed, { norm, labelSmoothing }), feed, graph),
    optimizer,
    clipNorm,
    rate,
    after,
    sharing,
    accumulate,
    batch,
    memory: settings,
    owned: [feed],
  });
}
