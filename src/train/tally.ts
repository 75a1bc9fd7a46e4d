/** Totals of a pass, added up on the GPU. */
import type { StepQueue } from "../feed/step-queue.ts";
import type { Launch } from "../graph/value.ts";
import type { Objective } from "../tasks/task.ts";

/** Words that a batch is added to: loss (f32 bits), hits, rows, batches, and batches whose loss is not finite. */
export const totalWords = 5;

/**
 * Launches that add a batch's loss and hits to the totals of its queue, or to others by a shader that says where; they
 * follow the forward pass.
 */
export function tally(
  { step, totals }: Pick<StepQueue, "step" | "totals">,
  { loss, hits }: Pick<Objective, "loss" | "hits">,
  { shader, constants }: Pick<Launch, "shader" | "constants"> = {
    shader: "train/tally",
    constants: {},
  },
): Launch[] {
  const add = {
    shader,
    constants: { ...constants, HAS_HITS: hits !== undefined },
    bind: { loss, hits: hits?.value ?? null, step, totals },
    groups: [1, 1, 1],
  } as const;
  return [...(hits?.launches ?? []), add];
}
