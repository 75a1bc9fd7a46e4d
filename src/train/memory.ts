/** How a step is fitted into memory; what it computes stays the same, but for roundings. */
import { z } from "zod";

/** Settings that save memory. */
export const memoryFields = {
  /**
   * Images a pass, where a step's batch does not fit: gradients of passes are added up. The largest
   * divisor of the batch up to this is taken. Batch norm in training sees each pass on its own.
   */
  microBatch: z.number().int().min(1).optional(),
  /** Compute activations again for the backward pass instead of keeping them, stage by stage. */
  recompute: z.boolean().optional(),
  /** What kept activations are stored as; the forward pass itself stays in float32. */
  activations: z.enum(["f32", "f16"]).optional(),
};

/** See {@link memoryFields}. */
export type MemorySettings = z.infer<z.ZodObject<typeof memoryFields>>;

/** Images a pass and passes a step: the largest divisor of the batch up to `microBatch`. */
export function passesOf(
  batch: number,
  microBatch: number = batch,
): { rows: number; accumulate: number } {
  let rows = Math.min(batch, microBatch);
  while (batch % rows !== 0) rows--;
  return { rows, accumulate: batch / rows };
}
