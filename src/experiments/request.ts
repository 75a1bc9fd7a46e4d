/** What is asked of an experiment, as plain data: one process, shares of it and a queue make the same runs of it. */
import { z } from "zod";
import { type ModelConfig, modelSchema } from "../../models/index.ts";
import { UsageError } from "../errors.ts";
import { type Precision, precisions } from "../gpu/device.ts";
import { shippedDigest } from "../predictors/shipped.ts";
import { type ForgetConfig, forgetSchema, type TrainConfig } from "../runs/config.ts";
import type { Variant } from "./arms.ts";
import { diffusionName, drawingOf, graderFloorOf, graderTraining } from "./diffusion.ts";
import type { GraderOptions } from "./grader.ts";
import { optimizerSchema } from "../optim/index.ts";
import { scheduleNames } from "../train/schedule.ts";
import { experimentNames, type Protocol, protocolOf } from "./protocol.ts";
import { type TakenSettings, takenSchema, withTaken } from "./taken.ts";
import { type Overrides, type Size, sizeNames } from "./scale.ts";

/** An experiment over seeds. */
export interface ExperimentRequest {
  readonly experiment: string;
  readonly data: {
    readonly name: string;
    readonly dir?: string | undefined;
    readonly size?: number | undefined;
    readonly classes?: string[] | undefined;
  };
  readonly size: Size;
  /** Folder of the authors' predictors. */
  readonly published?: string | undefined;
  /** A network by name, or described. */
  readonly model?: string | ModelConfig | undefined;
  /** The module that declares the network, where it is the user's own. */
  readonly modelFile?: string | undefined;
  readonly forget?: ForgetConfig | undefined;
  readonly overrides: Overrides;
  /** Names of the arms; absent: all. */
  readonly arms?: readonly string[] | undefined;
  readonly variants: readonly Variant[];
  readonly seeds: readonly number[];
  /** Seeds that settings are chosen on; none of them is reported. */
  readonly tuningSeeds: readonly number[];
  /** How often an arm is tried beyond an edge; absent: as often as the size says. */
  readonly widenings?: number | undefined;
  /** Settings that another run chose: nothing is tried. */
  readonly tuned?: TakenSettings | undefined;
  /** What drawn images are judged by; absent: a grader that is trained first. */
  readonly grader?: string | undefined;
  readonly precision?: Precision | undefined;
}

const count = z.number().int().min(1);
const seed = z
  .number()
  .int()
  .min(0)
  .max(2 ** 31 - 1);

/** The parts of a recipe that a request may give: none of them names code. */
const recipeSchema = z.strictObject({
  from: z.string().optional(),
  allowNonfinite: z.boolean().optional(),
  epochs: count.optional(),
  batch: count.optional(),
  learningRate: z.number().positive().optional(),
  schedule: z.enum(scheduleNames).optional(),
  optimizer: optimizerSchema.optional(),
  microBatch: count.optional(),
  recompute: z.boolean().optional(),
  activations: z.enum(["f32", "f16"]).optional(),
});

/** A request as a file or a message has it; what it comes to is checked by {@link requestProtocol}. */
export const requestSchema: z.ZodType<ExperimentRequest> = z.strictObject({
  experiment: z.string(),
  data: z.strictObject({
    name: z.string(),
    dir: z.string().optional(),
    size: count.optional(),
    classes: z.array(z.string()).min(1).optional(),
  }),
  size: z.enum(sizeNames),
  published: z.string().optional(),
  model: z.union([z.string(), modelSchema]).optional(),
  modelFile: z.string().optional(),
  forget: forgetSchema.optional(),
  overrides: z.strictObject({
    train: count.optional(),
    test: count.optional(),
    recipe: recipeSchema.optional(),
  }) as z.ZodType<Overrides>,
  arms: z.array(z.string()).min(1).optional(),
  variants: z.array(
    z.strictObject({ arm: z.string(), settings: z.record(z.string(), z.unknown()) }),
  ),
  seeds: z.array(seed).min(1).max(10_000),
  tuningSeeds: z.array(seed).min(1).max(100),
  widenings: z.number().int().min(0).max(10).optional(),
  tuned: takenSchema.optional(),
  grader: z.string().optional(),
  precision: z.enum(precisions).optional(),
});

/** The error for an experiment that there is not. */
export function unknownExperiment(name: string): UsageError {
  return new UsageError(
    `no experiment "${name}"; there are: ${experimentNames().join(", ")}, nowcast.`,
  );
}

/**
 * The protocol of a request.
 *
 * @throws UsageError for an experiment, arm or setting that there is not.
 */
export function requestProtocol(request: ExperimentRequest): Protocol {
  const { experiment, data, size, published, model, modelFile, forget, overrides } = request;
  const { arms, variants, seeds, tuningSeeds, widenings, tuned } = request;
  if (!experimentNames().includes(experiment)) {
    throw unknownExperiment(experiment);
  }
  const both = tuningSeeds.find((one) => seeds.includes(one));
  if (both !== undefined && tuned === undefined) {
    throw new UsageError(
      `seed ${both} would both choose settings and be reported; give another \`tuningSeed\`.`,
    );
  }
  const protocol = protocolOf(experiment, data, {
    ...{ size, published, model, modelFile, forget, overrides, variants, widenings },
    only: arms,
  });
  if (tuned === undefined) return protocol;
  if (experiment === diffusionName) {
    throw new UsageError(`\`tuned\`: experiment ${diffusionName} tunes nothing: leave it out.`);
  }
  return { ...protocol, arms: withTaken(protocol.arms, tuned) };
}

/** What drawn images are judged by; undefined where none are drawn. */
export function graderOf(
  protocol: Protocol,
  { grader: given, size }: Pick<ExperimentRequest, "grader" | "size">,
): GraderOptions | undefined {
  if (protocol.name !== diffusionName) return undefined;
  const { data } = protocol.train(0);
  return { train: graderTraining(data, size), given, floor: graderFloorOf(size) };
}

/** What the folder of an experiment is begun with (config.json): arms and seeds may be added later. */
export async function experimentConfig(
  protocol: Protocol,
  request: Pick<ExperimentRequest, "tuningSeeds" | "tuned" | "precision" | "grader" | "size">,
): Promise<{ readonly train: TrainConfig } & Readonly<Record<string, unknown>>> {
  const asked = graderOf(protocol, request);
  return {
    experiment: protocol.name,
    train: protocol.train(0),
    ...(request.tuned === undefined
      ? {
          tuningSeeds: request.tuningSeeds,
          ...(protocol.widenings > 0 ? { widenings: protocol.widenings } : {}),
        }
      : { tuned: request.tuned }),
    shippedPredictor: await shippedDigest(),
    ...((request.precision ?? "exact") === "exact" ? {} : { precision: request.precision }),
    ...(asked && { grader: asked.given ?? asked.train, drawing: drawingOf(request.size) }),
  };
}
