/**
 * What an unlearning method is: sessions that advance round by round, so that one driver gives every
 * method the same stop rules, metrics, progress and checkpoints.
 */
import type { Model, Tensors } from "../nn/model.ts";
import type { GpuDataset } from "../train/feed.ts";
import type { Totals } from "../train/step-queue.ts";
import type { Watch } from "../train/trainer.ts";

/** What a method works on. It may read only what it is handed. */
export interface UnlearnTask {
  readonly model: Model;
  /** The training pictures with the labels the model was trained on. */
  readonly data: GpuDataset;
  /** Picture numbers of D_f, the data to forget. */
  readonly forget: Uint32Array;
  readonly seed: number;
}

/** What one round did. */
export interface Round {
  /** 1-based. */
  readonly round: number;
  /** Optimiser steps so far. */
  readonly steps: number;
  /** Training totals on D_f of each epoch of the round. */
  readonly epochs: readonly Totals[];
}

/** Everything a session needs besides the weights to continue to the same bits. */
export interface SessionState {
  readonly round: number;
  /** Optimiser steps of all rounds. */
  readonly steps: number;
  /** Steps since the optimiser was last reset: Adam's bias corrections need it. */
  readonly optimizerStep: number;
  readonly tensors: Tensors;
}

/** A method at work on a task. */
export interface UnlearnSession {
  readonly method: string;
  /** Performs the next round on the model's weights. */
  round(watch: Watch): Promise<Round>;
  save(): Promise<SessionState>;
  load(state: SessionState): void;
  destroy(): void;
}
