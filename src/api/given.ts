/** What the functions of the library are given: schemas of what is no plain data, and models that are in use. */
import { z } from "zod";
import { functionSchema, shown, signalSchema } from "../checked.ts";
import { UsageError } from "../errors.ts";
import { setsWithin } from "../data/dataset.ts";
import { Gpu } from "../gpu/device.ts";
import type { Model } from "../nn/model.ts";
import type { Corrupted } from "../scenarios/scenario.ts";
import type { Watch } from "../train/replay.ts";

export const gpuSchema: z.ZodType<Gpu> = z.custom<Gpu>((value) => value instanceof Gpu, {
  error: "expected a device of acquireDevice()",
});

export const watchSchema: z.ZodType<Watch> = z.strictObject({
  signal: signalSchema.optional(),
  progress: functionSchema.optional() as z.ZodType<Watch["progress"]>,
  phase: functionSchema.optional() as z.ZodType<Watch["phase"]>,
  addSeconds: functionSchema.optional() as z.ZodType<Watch["addSeconds"]>,
});

/** What a scenario leaves: who gives it whole gives fields that some work does not need. */
export const scenarioFields: readonly (keyof Corrupted)[] = [
  "train",
  "labels",
  "forget",
  "retain",
  "sets",
];

/** An object with these fields and no others. @throws UsageError naming those that are others, and what there is. */
export function requireFields(given: unknown, fields: readonly string[], what: string): void {
  if (typeof given !== "object" || given === null) {
    throw new UsageError(`${what}: expected images, got ${shown(given)}.`);
  }
  const unknown = Object.keys(given).find((key) => !fields.includes(key));
  if (unknown !== undefined) {
    throw new UsageError(
      `${what}: there is no field "${unknown}"; there are: ${fields.join(", ")}` +
        `${unknown === "dataset" ? setsWithin(given) : ""}.`,
    );
  }
}

/** Models whose weights are being changed, with what changes them. */
const changing = new WeakMap<Model, string>();

/**
 * Does work that changes a model's weights.
 *
 * @param what the work, for the error: "unlearn".
 * @throws UsageError where other such work on the model has not ended.
 */
export async function changingAlone<T>(
  model: Model,
  what: string,
  work: () => Promise<T>,
): Promise<T> {
  const other = changing.get(model);
  if (other !== undefined) {
    throw new UsageError(
      `${what}: the model is busy, ${other} is still changing its weights; wait for that, or use a copy.`,
    );
  }
  changing.set(model, what);
  try {
    return await work();
  } finally {
    changing.delete(model);
  }
}
