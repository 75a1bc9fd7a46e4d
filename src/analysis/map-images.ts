/** Class activation maps of images in one call. */
import { z } from "zod";
import {
  type Classifier,
  predict,
  requireClassifier,
  requireImages,
  upload,
} from "../api/classifier.ts";
import { watchSchema } from "../api/given.ts";
import { checked } from "../checked.ts";
import type { Dataset } from "../data/dataset.ts";
import { UsageError } from "../errors.ts";
import { Owned } from "../gpu/owned.ts";
import type { Watch } from "../train/replay.ts";
import { ClassMapper, type ClassMaps } from "./class-maps.ts";

/** Settings of {@link classMaps}. */
export interface ClassMapOptions {
  /** Numbers of the classes whose maps are wanted, one an image. Default: the network's answers. */
  readonly classes?: ArrayLike<number> | undefined;
  /** Grad-CAM where the head's weights would do. */
  readonly weights?: "gradient" | undefined;
  readonly watch?: Watch | undefined;
}

/** Maps of images, and the classes they are of. */
export interface MappedImages extends ClassMaps {
  /** [images]. */
  readonly classes: Uint16Array;
}

const optionsSchema = z.strictObject({
  classes: z.custom<ArrayLike<number>>().optional(),
  weights: z.literal("gradient").optional(),
  watch: watchSchema.default({}),
});

/**
 * Where in each image the network sees a class: CAM (Zhou et al., 2016) where its head stands on a global average, else
 * Grad-CAM (Selvaraju et al., 2017).
 *
 * @returns maps [images, height, width] of the feature maps' size.
 * @throws UsageError if there are no images, for a network without feature maps, and for classes that there are not;
 *   DataError for images that the network cannot see.
 */
export async function classMaps(
  model: Classifier,
  images: Dataset,
  options: ClassMapOptions = {},
): Promise<MappedImages> {
  requireClassifier(model, "classMaps");
  const { weights, watch } = checked(optionsSchema, options, "classMaps");
  const { count } = requireImages(model, images, "classMaps: images");
  if (count === 0) throw new UsageError("classMaps: there are no images.");
  const wanted = options.classes ?? (await predict(model, images, watch)).classes;
  const classes = Uint16Array.from(wanted);
  const known = model.info.classes.length;
  const odd = Array.from(wanted).findIndex((one, i) => one !== classes[i] || one >= known);
  if (classes.length !== count || odd >= 0) {
    throw new UsageError(
      `classMaps: \`classes\` must be ${count} numbers of classes below ${known}, one an image` +
        (odd < 0 ? `; there are ${classes.length}.` : `; number ${odd} is ${wanted[odd]}.`),
    );
  }
  const all = Uint32Array.from({ length: count }, (_, i) => i);
  return Owned.within(async (owned) => {
    const data = owned.add(await upload(model, images));
    data.setLabels([...classes]);
    const mapper = owned.add(await ClassMapper.create(model.model, data, weights && { weights }));
    return { ...(await mapper.run(all, watch)), classes };
  });
}
