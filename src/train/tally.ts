/** Totals of a pass, added up on the GPU. */
import type { StepQueue } from "../feed/step-queue.ts";
import type { Launch } from "../graph/value.ts";
import type { Objective } from "../tasks/task.ts";

/** Launches that add a batch's loss and hits to the totals of its queue; they follow the forward pass. */
export function tally(
  { step, totals }: StepQueue,
  { loss, hits }: Pick<Objective, "loss" | "hits">,
): Launch[] {
  const add = {
    shader: "train/tally",
    constants: { B: hits?.value.size ?? 0 },
    bind: { loss, hits: hits?.value ?? null, step, totals },
    groups: [1, 1, 1],
  } as const;
  return [...(hits?.launches ?? []), add];
}
