/** Trainers of classifiers on images, with a step split into passes that fit into memory. */
import type { Graph } from "../graph/graph.ts";
import type { NormMode } from "../nn/layers.ts";
import type { Model } from "../nn/model.ts";
import type { OptimizerSettings } from "../optim/index.ts";
import { type Augmentation, type GpuDataset, ImageFeed } from "../feed/image-feed.ts";
import { classification, type Objective, Trainer, type TrainerOptions } from "./trainer.ts";

/** Settings by which a step is fitted into memory; see `memoryFields` of the configuration. */
export interface MemorySettings {
  readonly microBatch?: number | undefined;
  readonly recompute?: boolean | undefined;
  readonly activations?: "f32" | "f16" | undefined;
}

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

/** Images a pass and passes a step: the largest divisor of the batch up to `microBatch`. */
export function passesOf(
  batch: number,
  microBatch: number = batch,
): { rows: number; accumulate: number } {
  let rows = Math.min(batch, microBatch);
  while (batch % rows !== 0) rows--;
  return { rows, accumulate: batch / rows };
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
