/** What a run is: plain data, validated where it enters, written into every run folder. */
import { z } from "zod";
import { modelNames } from "../../models/index.ts";
import { datasets } from "../data/index.ts";
import { optimizerSchema } from "../optim/index.ts";
import { nameSchema } from "../registry.ts";
import { scheduleNames } from "../train/schedule.ts";

const count = z.number().int().min(1);
const seed = z
  .number()
  .int()
  .min(0)
  .max(2 ** 31 - 1);

/** Which images. */
export const dataSchema = z.strictObject({
  name: nameSchema(datasets),
  /** Folder of the files; the synthetic set needs none. */
  dir: z.string().optional(),
  trainCount: count.optional(),
  testCount: count.optional(),
  /** Side the images are resized to, in pixels. */
  size: count.optional(),
});

/** Which network. */
export const modelSchema = z
  .strictObject({
    name: z.enum(modelNames),
    filters: z.tuple([count, count]).optional(),
    hidden: z.number().int().min(0).optional(),
  })
  .refine(
    ({ name, filters, hidden }) =>
      name === "small-cnn" || (filters === undefined && hidden === undefined),
    { error: "filters and hidden are settings of small-cnn" },
  );

const factors = z
  .tuple([z.number().min(0), z.number().min(0)])
  .refine(([low, high]) => low <= high, { error: "the lowest factor is above the highest" });

/** Random changes of training images. */
export const augmentSchema = z.strictObject({
  rotation: z.number().min(0).max(180).optional(),
  shift: z.number().min(0).max(1).optional(),
  shear: z.number().min(0).max(89).optional(),
  zoom: z.tuple([z.number().positive(), z.number().positive()]).optional(),
  flip: z.number().min(0).max(1).optional(),
  fill: z.enum(["nearest", "reflect"]).optional(),
  sampling: z.enum(["bilinear", "nearest"]).optional(),
  cutouts: z
    .strictObject({ count: z.number().int().min(0).max(3), side: z.number().gt(0).max(1) })
    .optional(),
  contrast: factors.optional(),
  saturation: factors.optional(),
});

const share = z.number().gt(0).lt(1);

/** See `data/scenario.ts`. */
export const scenarioSchema = z.discriminatedUnion("name", [
  z.strictObject({ name: z.literal("standard"), share }),
  z.strictObject({ name: z.literal("label-noise"), share }),
  z.strictObject({
    name: z.literal("backdoor"),
    share,
    target: z.number().int().min(0),
    width: count,
    value: z.number().int().min(0).max(255),
  }),
  z.strictObject({ name: z.literal("overfit") }),
]);

/** How a training shapes its learning rate, gradients and targets; retraining takes them over. */
export const recipeFields = {
  /** `cosine` falls to a hundredth of the learning rate, `step` at milestones; `constant` stays. */
  schedule: z.enum(scheduleNames),
  /** Schedule `step`: epochs after which the rate falls; default: half and three quarters of them. */
  milestones: z.array(z.number().positive()).min(1).optional(),
  /** Schedule `step`: what the rate is multiplied by at each milestone; default 0.1. */
  factor: z.number().gt(0).lt(1).optional(),
  /** Epochs over which the rate first rises linearly. */
  warmupEpochs: z.number().min(0).optional(),
  /** Norm of all gradients together above which they are scaled down to it. */
  clipNorm: z.number().positive().optional(),
  /** Share of each target that is spread over all classes. */
  labelSmoothing: z.number().min(0).lt(1).optional(),
};

/** How a step is fitted into memory; what it computes stays the same, but for roundings. */
export const memoryFields = {
  /**
   * Images a pass, where a step's batch does not fit: gradients of passes are added up. The largest
   * divisor of the batch up to this is taken. Batch norm in training sees each pass on its own.
   */
  microBatch: count.optional(),
  /** Compute activations again for the backward pass instead of keeping them, stage by stage. */
  recompute: z.boolean().optional(),
  /** What kept activations are stored as. */
  activations: z.enum(["f32", "f16"]).optional(),
};

const predictorPath = z.string();

/** See `train/nowcast.ts`. */
export const nowcastSchema = z.discriminatedUnion("method", [
  z.strictObject({ method: z.literal("wnn"), predictor: predictorPath }),
  z.strictObject({
    method: z.literal("introspection"),
    predictor: predictorPath,
    /** Shares of the training's steps. */
    jumps: z.array(share).min(1).optional(),
  }),
  z.strictObject({
    method: z.literal("nino"),
    predictor: predictorPath,
    /** Steps from a forecast to the next. */
    period: count.default(1000),
  }),
]);

/** A training run. */
export const trainSchema = z
  .strictObject({
    data: dataSchema,
    /** What is wrong with the training data, and which images are D_f. */
    scenario: scenarioSchema,
    model: modelSchema,
    /** Checkpoint whose weights training starts from; a classifier it lacks starts from a random draw. */
    from: z.string().optional(),
    epochs: count,
    batch: count,
    learningRate: z.number().positive(),
    ...recipeFields,
    optimizer: optimizerSchema,
    ...memoryFields,
    augment: augmentSchema.optional(),
    /** Forecasts that replace the weights now and then. */
    nowcast: nowcastSchema.optional(),
    seed,
  })
  .refine(
    ({ schedule, milestones, factor }) =>
      schedule === "step" || (milestones === undefined && factor === undefined),
    { path: ["milestones"], error: 'milestones and a factor belong to schedule "step"' },
  )
  .refine(({ warmupEpochs = 0, epochs }) => warmupEpochs < epochs, {
    path: ["warmupEpochs"],
    error: "the warm-up must be shorter than the training",
  });

/** An unlearning run. */
export const unlearnSchema = z.strictObject({
  method: z.string(),
  /** Settings of the method, checked by the method's own schema. */
  settings: z.record(z.string(), z.unknown()),
  rounds: count,
  unlearningAccuracy: z.number().min(0).max(100).optional(),
  forgetShare: z.number().min(0).lt(1).optional(),
  forgetLoss: z.number().positive().optional(),
  testFloor: z.number().min(0).max(100).optional(),
  seconds: z.number().positive().optional(),
  seed,
});

export type DataConfig = z.infer<typeof dataSchema>;
export type TrainConfig = z.infer<typeof trainSchema>;
export type UnlearnConfig = z.infer<typeof unlearnSchema>;

/** What retraining takes over from the training it repeats. */
export function recipeOf(train: TrainConfig): Partial<TrainConfig> {
  const { epochs, batch, learningRate, optimizer, augment, from } = train;
  const fields = Object.keys({ ...recipeFields, ...memoryFields }) as (
    keyof typeof recipeFields | keyof typeof memoryFields
  )[];
  const shaping = Object.fromEntries(fields.map((field) => [field, train[field]]));
  return { epochs, batch, learningRate, optimizer, augment, from, ...shaping };
}
