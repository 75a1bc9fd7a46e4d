/** The images that are planned for, where none are read. */
import { type ModelConfig, modelSpec } from "../../models/index.ts";
import { datasets } from "../data/index.ts";
import type { DatasetSizes } from "../data/source.ts";
import { ShapeError, UsageError } from "../errors.ts";
import { declare } from "../nn/model.ts";
import { listed } from "../registry.ts";
import type { ImageCounts } from "../runs/memory-plan.ts";

/** What flags say of the images. */
export interface ImageFlags {
  readonly dataset: string;
  readonly imageSize?: number;
  readonly channels?: number;
  readonly classes?: number;
  readonly onlyClasses?: readonly string[];
  readonly train?: number;
  readonly test?: number;
}

/** Images to plan for when the default ones are too small for a network and the user names no others. */
const larger = { size: 64, channels: 3 } as const;

/** Whether a network can be built for images of this size. */
function takes(model: ModelConfig, { size, channels, classes }: ImageCounts): boolean {
  try {
    declare(modelSpec(model, [size, size, channels], classes));
    return true;
  } catch (error) {
    if (error instanceof ShapeError) return false;
    throw error;
  }
}

/** Images as given where a network takes them, else larger ones. */
export function takenImages(
  flags: ImageFlags,
  model: ModelConfig,
  images: ImageCounts,
): ImageCounts {
  return takes(model, images) ? images : { ...images, ...larger, ...channelsOf(flags) };
}

/** The channels that are asked for, if any are. */
function channelsOf({ channels }: ImageFlags): { channels?: 1 | 3 } {
  if (channels === undefined) return {};
  if (channels !== 1 && channels !== 3) throw new UsageError("--channels: images have 1 or 3.");
  return { channels };
}

/** What is known of a data set's images, those of some classes alone where they are named. */
function sizesOf({ dataset, onlyClasses }: ImageFlags): DatasetSizes | undefined {
  const { sizes } = datasets.find(dataset);
  if (sizes === undefined || onlyClasses === undefined) return sizes;
  const classes = new Set(onlyClasses).size;
  const [train, test] = [sizes.train, sizes.test].map((n) =>
    Math.round((n * classes) / sizes.classes),
  ) as [number, number];
  return { ...sizes, classes, train, test };
}

/**
 * What flags and the data set say of the images.
 *
 * @param otherwise what else may be given where they do not say enough, for the error.
 * @throws UsageError naming the flags that are lacking.
 */
export function imagesOf(flags: ImageFlags, otherwise = "give "): ImageCounts {
  const known = sizesOf(flags);
  const lacking: string[] = [];
  const need = <T>(name: string, value: T | undefined): T => {
    if (value === undefined) lacking.push(`--${name}`);
    return value as T;
  };
  const counts = {
    size: need("image-size", flags.imageSize ?? known?.size),
    ...(known !== undefined && (flags.imageSize ?? 0) > known.size
      ? { stored: { height: known.size, width: known.size } }
      : {}),
    channels: need("channels", channelsOf(flags).channels ?? known?.channels),
    classes: need("classes", flags.classes ?? known?.classes),
    train: need("train", flags.train ?? known?.train),
    test: need("test", flags.test ?? known?.test),
  };
  if (lacking.length === 0) return counts;
  throw new UsageError(`--dataset ${flags.dataset}: ${otherwise}${listed(lacking)}.`);
}
