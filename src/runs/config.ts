/** What a run is: plain data, validated where it enters, written into every run folder. */
import { z } from "zod";
import { modelSchema } from "../../models/index.ts";
import { datasets } from "../data/index.ts";
import { augmentSchema } from "../feed/augment.ts";
import { nowcastSchema } from "../forecast/index.ts";
import { optimizerSchema } from "../optim/index.ts";
import { preprocessingSchema } from "../nn/preprocessing.ts";
import { nameSchema } from "../registry.ts";
import { scenarioSchema } from "../scenarios/index.ts";
import { selectionSchema } from "../scenarios/selection.ts";
import { memoryFields } from "../train/memory.ts";
import { shapingFields } from "../train/settings.ts";

const count = z.number().int().min(1);
const seed = z
  .number()
  .int()
  .min(0)
  .max(2 ** 31 - 1);

/** Which images. */
const dataSchema = z.strictObject({
  name: nameSchema(datasets),
  /** Folder of the files; the synthetic set needs none. */
  dir: z.string().optional(),
  trainCount: count.optional(),
  testCount: count.optional(),
  /** Side the images are resized to, in pixels. */
  size: count.optional(),
});

/** Which images are D_f. */
export const forgetSchema = z.strictObject({
  /** D_f is all that these name together. */
  images: z.array(selectionSchema).min(1).optional(),
  /** A folder of images that are D_f: DIR/CLASS/*.jpg, or with a metadata.csv. */
  dir: z.string().optional(),
  /** Class of the images in `dir`, where neither folders nor a file say it. */
  label: z.string().optional(),
  /** Copies that training images outside D_f are of those in it, byte for byte, belong to it as well. */
  copies: z.boolean().optional(),
});

/** What a run works on: which images, what of them is D_f, and which network. */
const setupFields = {
  data: dataSchema.optional(),
  /** What is wrong with the training data, and which images are D_f where `forget` does not say. */
  scenario: scenarioSchema,
  forget: forgetSchema.optional(),
  /** Absent: as the checkpoint says. */
  model: modelSchema.optional(),
  /** The file that the network is declared in, where it is the user's own. */
  modelFile: z.string().optional(),
  /** The network as it was trained elsewhere: a file, or a folder with a config.json. */
  checkpoint: z.string().optional(),
  /** Class names in the order of the network's outputs; absent: as the checkpoint or the data set has them. */
  classes: z.array(z.string()).min(1).optional(),
  /** How images are prepared; absent: as the checkpoint says, else the training images' mean is subtracted. */
  preprocessing: preprocessingSchema.optional(),
  seed,
};

/** What a run works on, for a network that is trained already. */
export const setupSchema = z.strictObject(setupFields);

/** A training run. */
export const trainSchema = z
  .strictObject({
    ...setupFields,
    data: dataSchema,
    model: modelSchema,
    checkpoint: z.undefined().optional(),
    /** Checkpoint whose weights training starts from; a classifier it lacks starts from a random draw. */
    from: z.string().optional(),
    epochs: count,
    batch: count,
    learningRate: z.number().positive(),
    ...shapingFields,
    optimizer: optimizerSchema,
    ...memoryFields,
    augment: augmentSchema.optional(),
    /** Forecasts that replace the weights now and then. */
    nowcast: nowcastSchema.optional(),
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
export type ForgetConfig = z.infer<typeof forgetSchema>;
export type SetupConfig = z.infer<typeof setupSchema>;
export type TrainConfig = z.infer<typeof trainSchema>;
export type UnlearnConfig = z.infer<typeof unlearnSchema>;

/** Configuration of a demo: training, then unlearning. */
export interface DemoConfig {
  readonly train: TrainConfig;
  readonly unlearn: UnlearnConfig;
}

/** What retraining takes over from the training it repeats. */
export function retrainSettings(train: TrainConfig): Partial<TrainConfig> {
  const { epochs, batch, learningRate, optimizer, augment, from } = train;
  const fields = Object.keys({ ...shapingFields, ...memoryFields }) as (
    keyof typeof shapingFields | keyof typeof memoryFields
  )[];
  const shaping = Object.fromEntries(fields.map((field) => [field, train[field]]));
  return { epochs, batch, learningRate, optimizer, augment, from, ...shaping };
}
