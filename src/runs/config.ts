/** What a run is: plain data, validated where it enters, written into every run folder. */
import { z } from "zod";
import { type ModelConfig, modelSchema, taskOf } from "../../models/index.ts";
import type { NetworkTask } from "../../models/network.ts";
import {
  consistent,
  seedSchema,
  type TrainingConfig,
  trainingFields,
} from "../api/training-config.ts";
import { datasets } from "../data/index.ts";
import { type Precision, precisions } from "../gpu/device.ts";
import { type PreprocessingConfig, preprocessingSchema } from "../nn/preprocessing.ts";
import { nameSchema } from "../registry.ts";
import { scenarioSchema, type ScenarioSettings } from "../scenarios/index.ts";
import { type Selection, selectionSchema } from "../scenarios/selection.ts";
import { memoryFields } from "../train/memory.ts";
import { shapingFields } from "../train/settings.ts";

const count = z.number().int().min(1);
const seed = seedSchema;

/** Which images. */
export interface DataConfig {
  name: string;
  /** Folder of the files; the synthetic set needs none. */
  dir?: string | undefined;
  trainCount?: number | undefined;
  testCount?: number | undefined;
  /** Share of each class that is held back to test on, where the files have no part for that. */
  testShare?: number | undefined;
  /** Side the images are resized to, in pixels. */
  size?: number | undefined;
  /** Names of the classes whose images are taken; absent: all. */
  classes?: string[] | undefined;
}

/** Which images are D_f. */
export interface ForgetConfig {
  /** D_f is all that these name together. */
  images?: Selection[] | undefined;
  /** A folder of images that are D_f: DIR/CLASS/*.jpg, or with a metadata.csv. */
  dir?: string | undefined;
  /** Class of the images in `dir`, where neither folders nor a file say it. */
  label?: string | undefined;
  /** Side the images in `dir` are resized to, in pixels, where there is no data set beside them. */
  size?: number | undefined;
  /** Copies that training images outside D_f are of those in it, byte for byte, belong to it as well. */
  copies?: boolean | undefined;
}

/** What a run works on, for a network that is trained already: which images, what of them is D_f, and which network. */
export interface SetupConfig {
  data?: DataConfig | undefined;
  /** What is wrong with the training data, and which images are D_f where `forget` does not say. */
  scenario: ScenarioSettings;
  forget?: ForgetConfig | undefined;
  /** Absent: as the checkpoint says. */
  model?: ModelConfig | undefined;
  /** The file that the network is declared in, where it is the user's own. */
  modelFile?: string | undefined;
  /** The network as it was trained elsewhere: a file, or a folder with a config.json. */
  checkpoint?: string | undefined;
  /** Where the tensors of a PyTorch file lie, as `model_ema`; absent: the first of the usual keys. */
  key?: string | undefined;
  /** Class names in the order of the network's outputs; absent: as the checkpoint or the data set has them. */
  classes?: string[] | undefined;
  /** How images are prepared; absent: as the checkpoint says, else the training images' mean is subtracted. */
  preprocessing?: PreprocessingConfig | undefined;
  /** Take weights from files that are NaN or infinite as they are. */
  allowNonfinite?: boolean | undefined;
  seed: number;
}

/** What a run is computed with; absent: `exact`. */
export interface ComputedConfig {
  precision?: Precision | undefined;
}

/** A training run. */
export interface TrainConfig extends SetupConfig, TrainingConfig, ComputedConfig {
  data: DataConfig;
  model: ModelConfig;
  checkpoint?: undefined;
  /** Checkpoint whose weights training starts from; a classifier it lacks starts from a random draw. */
  from?: string | undefined;
  /** What the network is for; absent: classification. */
  task?: NetworkTask | undefined;
  /** What a step keeps of the average of the weights that follows the training; absent: there is none. */
  average?: number | undefined;
  seed: number;
}

/** An unlearning run. */
export interface UnlearnConfig extends ComputedConfig {
  method: string;
  /** Settings of the method, checked by the method's own schema. */
  settings: Record<string, unknown>;
  rounds: number;
  unlearningAccuracy?: number | undefined;
  forgetShare?: number | undefined;
  unseen?: true | undefined;
  forgetLoss?: number | undefined;
  testFloor?: number | undefined;
  seconds?: number | undefined;
  /** End on the level that was asked for, not at the end of the round that passes it. */
  land?: true | undefined;
  /** Keep the weights after each round, of at most so many rounds. */
  keepRounds?: number | undefined;
  seed: number;
}

const dataSchema = z.strictObject({
  name: nameSchema(datasets),
  dir: z.string().optional(),
  trainCount: count.optional(),
  testCount: count.optional(),
  testShare: z.number().min(0).lt(1).optional(),
  size: count.optional(),
  classes: z.array(z.string()).min(1).optional(),
});

export const forgetSchema: z.ZodType<ForgetConfig, ForgetConfig> = z.strictObject({
  images: z.array(selectionSchema).min(1).optional(),
  dir: z.string().optional(),
  label: z.string().optional(),
  size: count.optional(),
  copies: z.boolean().optional(),
});

const setupFields = {
  data: dataSchema.optional(),
  scenario: scenarioSchema,
  forget: forgetSchema.optional(),
  model: modelSchema.optional(),
  modelFile: z.string().optional(),
  checkpoint: z.string().optional(),
  key: z.string().optional(),
  classes: z.array(z.string()).min(1).optional(),
  preprocessing: preprocessingSchema.optional(),
  allowNonfinite: z.boolean().optional(),
  seed,
};

export const setupSchema: z.ZodType<SetupConfig, SetupConfig> = z.strictObject(setupFields);

const precision = z.enum(precisions).optional();

export const trainSchema: z.ZodType<TrainConfig, TrainConfig> = consistent(
  z.strictObject({
    ...setupFields,
    data: dataSchema,
    model: modelSchema,
    checkpoint: z.undefined().optional(),
    from: z.string().optional(),
    task: z.enum(["classification", "diffusion"]).optional(),
    average: z.number().gt(0).lt(1).optional(),
    precision,
    ...trainingFields,
  }),
).superRefine(({ task = "classification", model, labelSmoothing, average }, context) => {
  const error = (path: string, message: string): void =>
    context.addIssue({ code: "custom", path: [path], message });
  if (taskOf(model) !== task) {
    error("model", `"${model.name}" is for ${taskOf(model)}, and the task is ${task}`);
  }
  if (task === "diffusion" && labelSmoothing !== undefined) {
    error("labelSmoothing", "a network of diffusion has no labels to smooth");
  }
  if (task === "classification" && average !== undefined) {
    error("average", "weights are averaged for diffusion");
  }
});

export const unlearnSchema: z.ZodType<UnlearnConfig, UnlearnConfig> = z.strictObject({
  method: z.string(),
  settings: z.record(z.string(), z.unknown()),
  rounds: count,
  unlearningAccuracy: z.number().min(0).max(100).optional(),
  forgetShare: z.number().min(0).lt(1).optional(),
  unseen: z.literal(true).optional(),
  forgetLoss: z.number().positive().optional(),
  testFloor: z.number().min(0).max(100).optional(),
  seconds: z.number().positive().optional(),
  land: z.literal(true).optional(),
  keepRounds: count.optional(),
  precision,
  seed,
});

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
