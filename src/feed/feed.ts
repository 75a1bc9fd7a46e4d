/** Where the batch of a step comes from. */
import type { BufferView } from "../gpu/device.ts";
import type { Launch, Value } from "../graph/value.ts";
import type { StepQueue } from "./step-queue.ts";

/** Launches that fetch the next batch, and the queue that says which it is. */
export interface Batches {
  readonly queue: StepQueue;
  /** They come first in a step. */
  readonly launches: readonly Launch[];
  readonly bindings: ReadonlyMap<Value, BufferView>;
}

/** Batches whose queue and buffers the feed owns; whoever made it destroys it. */
export interface Feed extends Batches {
  destroy(): void;
  [Symbol.dispose](): void;
}

/** A feed of examples for a network. */
export interface ExampleFeed extends Feed {
  /** What the network is built on: a batch of each of its inputs. */
  readonly inputs: readonly Value[];
  /** Weights of the rows [batch]: 1 / rows for those that count, 0 for padding. */
  readonly weights: Value;
}
