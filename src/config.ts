/** What a run is: plain data, validated where it enters, written into every run folder. */
import { z } from "zod";
import { modelNames } from "../models/index.ts";

/** Data sets by name. */
export const datasetNames = ["synthetic", "mnist", "cifar10", "cifar100", "image-folder"] as const;

const count = z.number().int().min(1);
const seed = z
  .number()
  .int()
  .min(0)
  .max(2 ** 31 - 1);

/** Which pictures. */
export const dataSchema = z.strictObject({
  name: z.enum(datasetNames),
  /** Folder of the files; the synthetic set needs none. */
  dir: z.string().optional(),
  trainCount: count.optional(),
  testCount: count.optional(),
});

/** Which network. */
export const modelSchema = z.strictObject({
  name: z.enum(modelNames),
  filters: z.tuple([count, count]).optional(),
  hidden: z.number().int().min(0).optional(),
});

/** Random changes of training pictures. */
export const augmentSchema = z.strictObject({
  rotation: z.number().min(0).max(180).optional(),
  shift: z.number().min(0).max(1).optional(),
  shear: z.number().min(0).max(89).optional(),
  zoom: z.tuple([z.number().positive(), z.number().positive()]).optional(),
  flip: z.number().min(0).max(1).optional(),
});

/** Which optimiser. */
export const optimizerSchema = z.discriminatedUnion("name", [
  z.strictObject({
    name: z.literal("adam"),
    beta1: z.number().min(0).lt(1).optional(),
    beta2: z.number().min(0).lt(1).optional(),
    epsilon: z.number().positive().optional(),
    weightDecay: z.number().min(0).optional(),
    decoupled: z.boolean().optional(),
  }),
  z.strictObject({
    name: z.literal("sgd"),
    momentum: z.number().min(0).lt(1).optional(),
    nesterov: z.boolean().optional(),
    weightDecay: z.number().min(0).optional(),
  }),
]);

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

/** A training run. */
export const trainSchema = z.strictObject({
  data: dataSchema,
  /** What is wrong with the training data, and which pictures are D_f. */
  scenario: scenarioSchema,
  model: modelSchema,
  epochs: count,
  batch: count,
  learningRate: z.number().positive(),
  /** `cosine` falls from the learning rate to a hundredth of it; `constant` stays. */
  schedule: z.enum(["constant", "cosine"]),
  optimizer: optimizerSchema,
  augment: augmentSchema.optional(),
  seed,
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
