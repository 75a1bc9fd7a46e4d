/** How an epoch divides examples into steps. */
import type { Model } from "../nn/model.ts";

/** Steps of an epoch. */
export interface EpochSteps {
  /** Examples a step: all of them where they are fewer than a batch. */
  readonly batch: number;
  readonly steps: number;
  /** A last batch that is not full is left out. */
  readonly dropLast: boolean;
}

/** Whether a model has batch norm, which takes statistics of a batch where it learns. */
export function hasBatchNorm({ statistics }: Pick<Model, "statistics">): boolean {
  return statistics.layout.slots.length > 0;
}

/**
 * The steps of an epoch that trains batch norm, where a model has any: statistics of a batch padded with empty
 * rows would be wrong, so that a last batch that is not full is left out.
 */
export function epochSteps(model: Model, examples: number, batch: number): EpochSteps {
  const dropLast = hasBatchNorm(model);
  const rows = Math.min(batch, examples);
  const batches = examples / rows;
  return { batch: rows, steps: dropLast ? Math.floor(batches) : Math.ceil(batches), dropLast };
}
