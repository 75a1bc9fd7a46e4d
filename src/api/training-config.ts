/** How a network is trained, as plain data: what `train` takes, and what configurations of runs have. */
import { z } from "zod";
import { type Augmentation, augmentSchema } from "../feed/augment.ts";
import { type NowcastConfig, nowcastSchema } from "../forecast/index.ts";
import { optimizerSchema, type OptimizerSettings } from "../optim/index.ts";
import { milestonesFit } from "../train/schedule.ts";
import { memoryFields, type MemorySettings } from "../train/memory.ts";
import { shapingFields, type ShapingSettings } from "../train/settings.ts";

const count = z.number().int().min(1);

/** A seed of everything random. */
export const seedSchema: z.ZodNumber = z
  .number()
  .int()
  .min(0)
  .max(2 ** 31 - 1);

/** Settings of a training. */
export interface TrainingConfig extends ShapingSettings, MemorySettings {
  epochs: number;
  /** Images a step. */
  batch: number;
  learningRate: number;
  optimizer: OptimizerSettings;
  augment?: Augmentation | undefined;
  /** Forecasts that replace the weights now and then. */
  nowcast?: NowcastConfig | undefined;
  seed: number;
}

export const trainingFields = {
  epochs: count,
  batch: count,
  learningRate: z.number().positive(),
  ...shapingFields,
  optimizer: optimizerSchema,
  ...memoryFields,
  augment: augmentSchema.optional(),
  nowcast: nowcastSchema.optional(),
  seed: seedSchema,
};

/** Adds what settings of a training must keep together. */
export function consistent<S extends z.ZodType<TrainingConfig>>(schema: S): S {
  return schema
    .refine(({ schedule, milestones }) => schedule === "step" || milestones === undefined, {
      path: ["milestones"],
      error: 'milestones belong to schedule "step"',
    })
    .refine(({ schedule, factor }) => schedule === "step" || factor === undefined, {
      path: ["factor"],
      error: 'a factor belongs to schedule "step"',
    })
    .refine(({ milestones = [], epochs }) => milestonesFit(milestones, epochs), {
      path: ["milestones"],
      error: "milestones must rise, and lie within the epochs of the training",
    })
    .refine(({ warmupEpochs = 0, epochs }) => warmupEpochs === 0 || warmupEpochs < epochs, {
      path: ["warmupEpochs"],
      error: "the warm-up must be shorter than the training",
    })
    .refine(({ schedule, warmupEpochs = 0 }) => schedule !== "one-cycle" || warmupEpochs === 0, {
      path: ["warmupEpochs"],
      error: 'schedule "one-cycle" rises by itself',
    });
}
