/** The `config.json` that timm writes beside a model's weights, and reads again. */
import { z } from "zod";
import { DataError } from "../errors.ts";
import {
  type ImageShape,
  parsePreprocessing,
  type PreprocessingConfig,
} from "../nn/preprocessing.ts";

/** What a model's `config.json` says of it. */
export interface HubConfig {
  /** timm's name of the architecture, without the tag of its weights. */
  readonly architecture: string;
  readonly outputs: number;
  readonly classes?: readonly string[] | undefined;
  readonly input?: ImageShape | undefined;
  readonly preprocessing?: PreprocessingConfig | undefined;
}

const size = z
  .number()
  .int()
  .min(1)
  .max(2 ** 24);

const timmSchema = z.looseObject({
  architecture: z.string(),
  num_classes: size,
  label_names: z.array(z.string()).optional(),
  pretrained_cfg: z
    .looseObject({ input_size: z.tuple([size, size, size]).optional(), mean: z.unknown() })
    .optional(),
});

/**
 * Reads the configuration of a model.
 *
 * @param file what errors call it.
 * @throws DataError where it is of another library, or does not say what the model is.
 */
export function parseHubConfig(json: unknown, file: string): HubConfig {
  const parsed = timmSchema.safeParse(json);
  if (!parsed.success) {
    const other = z.looseObject({ model_type: z.string() }).safeParse(json);
    throw new DataError(
      other.success
        ? `${file}: a model of the transformers library ("${other.data.model_type}"), whose tensors have names of ` +
            "their own; take the same network from timm or torchvision."
        : `${file}: it does not say which network this is (\`architecture\` and \`num_classes\`, as timm writes ` +
            "them); give the weights' file itself and a `model`.",
    );
  }
  const { architecture, num_classes: outputs, label_names: classes, pretrained_cfg } = parsed.data;
  if (classes !== undefined && classes.length !== outputs) {
    throw new DataError(`${file}: ${classes.length} label_names for ${outputs} classes.`);
  }
  const [channels, height, width] = pretrained_cfg?.input_size ?? [];
  return {
    architecture: architecture.split(".")[0]!,
    outputs,
    classes,
    ...(channels === undefined ? {} : { input: [height!, width!, channels] }),
    ...(pretrained_cfg?.mean === undefined
      ? {}
      : { preprocessing: parsePreprocessing(json, file) }),
  };
}

/** The configuration of a model as timm reads it. Means and deviations are a number a channel. */
export function hubConfig({
  architecture,
  classes,
  input: [height, width, channels],
  mean,
  deviation,
  crop,
  classifier,
  first,
}: {
  readonly architecture: string;
  readonly classes: readonly string[];
  readonly input: ImageShape;
  readonly mean: readonly number[];
  readonly deviation: readonly number[];
  readonly crop: number;
  /** Names of the last and the first layer. */
  readonly classifier: string;
  readonly first: string;
}): object {
  return {
    architecture,
    num_classes: classes.length,
    label_names: classes,
    pretrained_cfg: {
      input_size: [channels, height, width],
      interpolation: "bilinear",
      crop_pct: crop,
      crop_mode: "center",
      mean,
      std: deviation,
      num_classes: classes.length,
      first_conv: first,
      classifier,
    },
  };
}
