/** What happens to the bytes of an image before a network sees it. */
import { z } from "zod";
import { checked, shown } from "../checked.ts";
import { DataError, UsageError } from "../errors.ts";

/** Height, width and channels of an image. */
export type ImageShape = readonly [number, number, number];

/**
 * How a network's images are made: of a file the square in the middle is taken and resized; then
 * x = (byte / 255 - mean) / deviation. It belongs to the weights: with another the network is another.
 */
export interface Preprocessing {
  /** What is subtracted: an image [H·W·C] or a number a channel [C], of pixels in [0, 1]. */
  readonly mean: Float32Array;
  /** What is divided by, a number a channel [C]; absent: nothing is divided. */
  readonly deviation?: readonly number[] | undefined;
  /** Side of the square that is taken, as a share of the shorter side of the file's image. Default: 1. */
  readonly crop?: number | undefined;
}

/** Names of {@link preprocessingOf}. */
export const preprocessingNames = ["imagenet", "half", "none"] as const;

/** Preprocessing by name. */
type Name = (typeof preprocessingNames)[number];

const named: Readonly<Record<Name, { mean: number[]; deviation?: number[]; crop?: number }>> = {
  // The constants of torchvision and timm.
  imagenet: { mean: [0.485, 0.456, 0.406], deviation: [0.229, 0.224, 0.225], crop: 0.875 },
  half: { mean: [0.5], deviation: [0.5] },
  none: { mean: [0] },
};

const share = z.number().gt(0).max(1);
/** Kernels compute in single precision, and divide by deviations. */
const single = z.number().refine((value) => Number.isFinite(Math.fround(value)), {
  error: "expected a number of single precision (at most 3.4e38)",
});
const divisor = z.number().min(1e-30).max(1e30);
const numbers = z.array(single).min(1);
const above = z.array(divisor).min(1);

/** As configurations hold it: a name, or numbers a channel; one number is taken for every channel. */
export type PreprocessingConfig =
  Name | { mean: number[]; deviation?: number[] | undefined; crop?: number | undefined };

/** Validates it. */
export const preprocessingSchema: z.ZodType<PreprocessingConfig, PreprocessingConfig> = z.union([
  z.enum(preprocessingNames),
  z.strictObject({ mean: numbers, deviation: above.optional(), crop: share.optional() }),
]);

/**
 * Preprocessing of images with so many channels.
 *
 * @throws UsageError where it is not valid, or has numbers for another number of channels.
 */
export function preprocessingOf(config: PreprocessingConfig, channels: number): Preprocessing {
  const valid = checked(preprocessingSchema, config, "preprocessing");
  const { mean, deviation, crop } = typeof valid === "string" ? named[valid] : valid;
  const each = (values: readonly number[], what: string): number[] => {
    if (values.length !== 1 && values.length !== channels) {
      throw new UsageError(
        `preprocessing has ${values.length} ${what}, and the images have ${channels} ` +
          `channel${channels === 1 ? "" : "s"}.`,
      );
    }
    return Array.from({ length: channels }, (_, c) => values[c % values.length]!);
  };
  return {
    mean: Float32Array.from(each(mean, "means")),
    ...(deviation === undefined ? {} : { deviation: each(deviation, "deviations") }),
    ...(crop === undefined ? {} : { crop }),
  };
}

const exactSchema = z.strictObject({
  mean: z.custom<Float32Array>(
    (value) => value instanceof Float32Array && value.every((one) => Number.isFinite(one)),
    { error: "expected a Float32Array of finite numbers" },
  ),
  deviation: above.optional(),
  crop: share.optional(),
});

/**
 * Preprocessing of images of a size, from numbers or from what {@link Preprocessing} has.
 *
 * @throws UsageError where it is not valid, or is for images of another size.
 */
export function preprocessingFor(
  given: Preprocessing | PreprocessingConfig,
  [height, width, channels]: ImageShape,
): Preprocessing {
  if (typeof given !== "object" || given === null || !(given.mean instanceof Float32Array)) {
    return preprocessingOf(given as PreprocessingConfig, channels);
  }
  const exact = checked(exactSchema, given, "preprocessing");
  const { mean, deviation } = exact;
  const size = height * width * channels;
  if (![channels, size].includes(mean.length)) {
    throw new UsageError(
      `preprocessing: the mean has ${mean.length} values, not ${size} (an image) or ${channels} (channels).`,
    );
  }
  if (deviation !== undefined && deviation.length !== channels) {
    throw new UsageError(
      `preprocessing: ${channels} deviations are needed, one a channel, got ${shown(deviation)}.`,
    );
  }
  return exact;
}

/** What files have besides, which says nothing of how an image becomes numbers, or what is done here in one way. */
const ignored = {
  timm: [
    ...[
      "input_size",
      "interpolation",
      "crop_mode",
      "num_classes",
      "first_conv",
      "classifier",
      "pool_size",
    ],
    ...[
      "fixed_input_size",
      "min_input_size",
      "test_input_size",
      "test_crop_pct",
      "architecture",
      "license",
    ],
    ...[
      "url",
      "file",
      "hf_hub_id",
      "hf_hub_filename",
      "source",
      "tag",
      "custom_load",
      "label_names",
    ],
    ...[
      "label_descriptions",
      "label_offset",
      "num_features",
      "global_pool",
      "origin_url",
      "paper_name",
    ],
    ...["paper_ids", "notes", "description"],
  ],
  processor: [
    ...[
      "do_resize",
      "resample",
      "do_convert_rgb",
      "image_processor_type",
      "feature_extractor_type",
    ],
    ...[
      "processor_class",
      "data_format",
      "input_data_format",
      "return_tensors",
      "device",
      "auto_map",
    ],
    ...["default_to_square", "disable_grouping", "size_divisor", "_valid_processor_keys"],
  ],
} as const;

const optional = (names: readonly string[]) =>
  Object.fromEntries(names.map((name) => [name, z.unknown().optional()]));
const side = z.number().positive();

/** Our own fields, and those of timm's `pretrained_cfg`. */
const ownFields = z.strictObject({
  mean: numbers,
  deviation: above.optional(),
  std: above.optional(),
  crop: share.optional(),
  crop_pct: share.optional(),
  ...optional(ignored.timm),
});

/** The fields of a `preprocessor_config.json`. */
const processorFields = z.strictObject({
  image_mean: numbers,
  image_std: above,
  crop_pct: share.nullish(),
  size: z.union([side, z.looseObject({ shortest_edge: side.optional() })]).optional(),
  crop_size: z.union([side, z.looseObject({ height: side })]).optional(),
  do_center_crop: z.boolean().optional(),
  do_rescale: z.boolean().optional(),
  rescale_factor: z.number().optional(),
  do_normalize: z.boolean().optional(),
  do_flip_channel_order: z.boolean().optional(),
  do_pad: z.boolean().optional(),
  ...optional(ignored.processor),
});

interface Numbers {
  readonly mean: number[];
  readonly deviation?: number[] | undefined;
  readonly crop?: number | undefined;
}

/**
 * Preprocessing from the JSON of a file: `{ mean, deviation, crop }`, a model's `config.json` as timm writes it, or a
 * `preprocessor_config.json`.
 *
 * @throws DataError naming the file and what of it cannot be followed.
 */
export function parsePreprocessing(json: unknown, file: string): PreprocessingConfig {
  const refuse = (why: string): never => {
    throw new DataError(`${file}: ${why}.`);
  };
  const inner = z
    .looseObject({ pretrained_cfg: z.record(z.string(), z.unknown()) })
    .safeParse(json);
  const { mean, deviation, crop } =
    Object(json) === json && "image_mean" in (json as object)
      ? ofProcessor(read(processorFields, json, file), refuse)
      : // What timm writes may have any fields; in a file of one's own they are misspelt.
        ofOwn(
          read(
            inner.success ? ownFields.strip() : ownFields,
            inner.data?.pretrained_cfg ?? json,
            file,
          ),
          refuse,
        );
  // A mean of numbers from 0 to 1 lies among them.
  const far = mean.find((value) => Math.abs(value) > 1);
  if (far !== undefined) {
    refuse(
      `a mean of ${far} is not of pixels from 0 to 1: divide means and deviations of bytes by 255`,
    );
  }
  return {
    mean,
    ...(deviation === undefined ? {} : { deviation }),
    ...(crop === undefined ? {} : { crop }),
  };
}

function read<T>(fields: z.ZodType<T>, json: unknown, file: string): T {
  const parsed = fields.safeParse(json);
  if (parsed.success) return parsed.data;
  const [unknown] = parsed.error.issues.flatMap((issue) =>
    issue.code === "unrecognized_keys" ? [issue.keys] : [],
  );
  if (parsed.error.issues.length === 1 && unknown !== undefined) {
    throw new DataError(
      `${file}: ${unknown.map((key) => `"${key}"`).join(", ")} is not known; it has mean, deviation (or std) and crop.`,
    );
  }
  throw new DataError(
    `${file}: it does not say how images are prepared. It needs {"mean": [r, g, b], "deviation": [r, g, b], ` +
      `"crop": share}, of pixels from 0 to 1, or the fields of timm's config.json (mean, std, crop_pct).`,
  );
}

function ofOwn(
  { mean, deviation, std, crop, crop_pct }: z.output<typeof ownFields>,
  refuse: (why: string) => never,
): Numbers {
  if (deviation !== undefined && std !== undefined) {
    refuse("deviation and std are the same, and both are given");
  }
  if (crop !== undefined && crop_pct !== undefined) {
    refuse("crop and crop_pct are the same, and both are given");
  }
  return { mean, deviation: deviation ?? std, crop: crop ?? crop_pct };
}

function ofProcessor(
  fields: z.output<typeof processorFields>,
  refuse: (why: string) => never,
): Numbers {
  const { image_mean, image_std, crop_pct, size, crop_size, rescale_factor: factor } = fields;
  if (fields.do_rescale === false || (factor !== undefined && Math.abs(factor * 255 - 1) > 1e-3)) {
    refuse(
      "its network sees other numbers than bytes / 255 (do_rescale, rescale_factor), which are not supported",
    );
  }
  if (fields.do_flip_channel_order === true) refuse("do_flip_channel_order is not supported");
  if (fields.do_pad === true) refuse("do_pad is not supported");
  const shorter = typeof size === "number" ? size : size?.shortest_edge;
  const square = typeof crop_size === "number" ? crop_size : crop_size?.height;
  const cut =
    shorter === undefined || square === undefined || fields.do_center_crop === false
      ? undefined
      : square / shorter;
  const crop = crop_pct ?? (cut !== undefined && cut <= 1 ? cut : undefined);
  if (fields.do_normalize === false) return { mean: [0], crop };
  return { mean: image_mean, deviation: image_std, crop };
}

/** Undoes what images are prepared by: values [images, H, W, C] of a network's units in those of pixels, 0 to 1 and beyond. */
export function unprepared(
  values: Float32Array,
  { mean, deviation }: Pick<Preprocessing, "mean" | "deviation">,
  channels: number,
): Float32Array<ArrayBuffer> {
  return Float32Array.from(
    values,
    (value, i) => value * (deviation?.[i % channels] ?? 1) + mean[i % mean.length]!,
  );
}
