/**
 * What a network is for: where its examples come from, what it minimises, and what a pass over examples can
 * measure. Trainers, evaluators and unlearning methods take a task and know no loss of their own.
 */
import type { Augmentation } from "../feed/augment.ts";
import type { ExampleFeed } from "../feed/feed.ts";
import type { GpuDataset } from "../feed/gpu-dataset.ts";
import type { Graph } from "../graph/graph.ts";
import type { Launch, Value } from "../graph/value.ts";
import type { NormMode } from "../nn/layers.ts";
import type { BuiltModel, Model } from "../nn/model.ts";

/** What a step computes from its batch. */
export interface Objective {
  readonly built: BuiltModel;
  /** Mean loss of the rows that count, one element: what totals report. */
  readonly loss: Value;
  /** What to minimise, where that is not the loss itself: its negative for gradient ascent. */
  readonly minimise?: Value;
  /** Which rows the network got right, for tasks that know right from wrong: what the accuracy counts. */
  readonly hits?: {
    /** [batch] u32: 1 for a hit, 0 for a miss. */
    readonly value: Value;
    /** Launches that write it; they follow the forward pass. */
    readonly launches: readonly Launch[];
  };
}

/** Settings of a task's feed. */
export interface FeedOptions {
  /** Examples a pass. */
  readonly batch: number;
  /** Examples a step of several passes, the last of which may be shorter. Default: a pass. */
  readonly step?: number | undefined;
  /** Longest list of examples that is fed in one go. */
  readonly items: number;
  readonly augment?: Augmentation | undefined;
}

/** Settings of a task's objective. */
export interface ObjectiveOptions {
  readonly norm: NormMode;
  /** Share of each target that is spread over all classes, where there are any. */
  readonly labelSmoothing?: number | undefined;
}

/** A task; see {@link classification}. */
export interface Task<F extends ExampleFeed = ExampleFeed> {
  readonly name: string;
  /** Feeds examples of a data set; the caller destroys the feed. */
  feed(data: GpuDataset, options: FeedOptions): Promise<F>;
  /** Adds the network and its loss over a batch of the feed to a graph. */
  objective(graph: Graph, model: Model, feed: F, options: ObjectiveOptions): Objective;
}
