/** Trainers of classifiers on images, with a step split into passes that fit into memory. */
import type { Graph } from "../graph/graph.ts";
import type { NormMode } from "../nn/layers.ts";
import type { Model } from "../nn/model.ts";
import type { OptimizerSettings } from "../optim/index.ts";
import type { Augmentation } from "../feed/augment.ts";
import { type GpuDataset, ImageFeed } from "../feed/image-feed.ts";
import { type MemorySettings, passesOf } from "./memory.ts";
import { classification, type Objective, Trainer, type TrainerOptions } from "./trainer.ts";

/** Settings of {@link imageTrainer}: what training and the methods have in common. */
export interface PassSettings extends MemorySettings {
  /** Images a step. */
  readonly batch: number;
  readonly augment?: Augmentation | undefined;
  readonly optimizer: OptimizerSettings;
  readonly clipNorm?: number | undefined;
  readonly labelSmoothing?: number | undefined;
}

/** What else a trainer does. */
export interface PassOptions extends Pick<TrainerOptions, "rate" | "after" | "sharing"> {
  readonly norm: NormMode;
  /** Changes the objective, for example what is minimised. */
  readonly objective?: (graph: Graph, classifier: Objective, feed: ImageFeed) => Objective;
}

/**
 * A trainer by softmax cross-entropy.
 *
 * @param items longest order list of an epoch.
 */
export async function imageTrainer(
  model: Model,
  data: GpuDataset,
  items: number,
  settings: PassSettings,
  options: PassOptions,
): Promise<Trainer> {
  const { augment, optimizer, clipNorm, labelSmoothing = 0 } = settings;
  const { rows, accumulate } = passesOf(settings.batch, settings.microBatch);
  const feed = await ImageFeed.create(data, { batch: rows, items, augment });
  const classifier = classification(model, feed, options.norm, { smoothing: labelSmoothing });
  const { objective = (_, plain) => plain, rate, after, sharing } = options;
  return Trainer.create(model, {
    feed,
    objective: (graph) => objective(graph, classifier(graph), feed),
    optimizer,
    clipNorm,
    rate,
    after,
    sharing,
    accumulate,
    memory: settings,
  });
}
