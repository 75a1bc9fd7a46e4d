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
const numbers = z.array(z.number()).min(1);
const above = z.array(z.number().positive()).min(1);

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

/** The fields of timm's `pretrained_cfg` and of `preprocessor_config.json` that say what happens to an image. */
const publishedSchema = z.union([
  z
    .looseObject({ mean: numbers, std: above, crop_pct: share.optional() })
    .transform(({ mean, std, crop_pct: crop }) => ({ mean, deviation: std, crop })),
  z
    .looseObject({
      image_mean: numbers,
      image_std: above,
      crop_pct: share.nullable().optional(),
      size: z.looseObject({ shortest_edge: z.number().positive() }).optional(),
      crop_size: z
        .union([z.number().positive(), z.looseObject({ height: z.number().positive() })])
        .optional(),
    })
    .transform(({ image_mean, image_std, crop_pct, size, crop_size }) => {
      const side = typeof crop_size === "number" ? crop_size : crop_size?.height;
      const cut = size === undefined || side === undefined ? undefined : side / size.shortest_edge;
      const crop = crop_pct ?? (cut !== undefined && cut <= 1 ? cut : undefined);
      return { mean: image_mean, deviation: image_std, crop };
    }),
]);

/**
 * Preprocessing from the JSON of a file: `{ mean, deviation, crop }`, a model's `config.json` as timm writes it, or a
 * `preprocessor_config.json`.
 *
 * @throws DataError naming the file.
 */
export function parsePreprocessing(json: unknown, file: string): PreprocessingConfig {
  const own = preprocessingSchema.safeParse(json);
  if (own.success) return own.data;
  const inner = z.looseObject({ pretrained_cfg: z.unknown() }).safeParse(json);
  const published = publishedSchema.safeParse(inner.success ? inner.data.pretrained_cfg : json);
  if (published.success) {
    const { mean, deviation, crop } = published.data;
    return { mean, deviation, ...(crop === undefined ? {} : { crop }) };
  }
  throw new DataError(
    `${file}: it does not say how images are prepared. It needs {"mean": [r, g, b], "deviation": [r, g, b], ` +
      `"crop": share}, of pixels from 0 to 1, or the fields of timm's config.json (mean, std, crop_pct).`,
  );
}
