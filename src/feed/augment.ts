/** Random changes of training images: which there are, and those of published scripts. */
import { z } from "zod";

const factors = z
  .tuple([z.number().min(0), z.number().min(0)])
  .refine(([low, high]) => low <= high, { error: "the lowest factor is above the highest" });

/**
 * Random changes of a training image; absent fields mean no change. The geometric ones have Keras'
 * meanings and happen first; cut-outs, contrast and saturation follow, in this order, on pixels in [0, 1]
 * before the mean image is subtracted.
 */
export interface Augmentation {
  /** Degrees, both ways. */
  rotation?: number | undefined;
  /** Fraction of the side, both ways, each axis on its own. */
  shift?: number | undefined;
  /** Degrees, both ways. */
  shear?: number | undefined;
  /** Lowest and highest zoom, each axis on its own. */
  zoom?: [number, number] | undefined;
  /** Probability of a horizontal flip. */
  flip?: number | undefined;
  /** What lies outside of a moved image: its border pixels, or its mirror image. Default "nearest". */
  fill?: "nearest" | "reflect" | undefined;
  /** How a moved image is sampled. Default "bilinear". */
  sampling?: "bilinear" | "nearest" | undefined;
  /** At most 3 grey (127) rectangles inside the image, each `side` of its height and width. */
  cutouts?: { count: number; side: number } | undefined;
  /** Lowest and highest factor on the distance from the unmoved image's mean, per channel. */
  contrast?: [number, number] | undefined;
  /** Lowest and highest factor on the saturation of HSV; grey images stay as they are. */
  saturation?: [number, number] | undefined;
}

/** Validates an augmentation. */
export const augmentSchema: z.ZodType<Augmentation, Augmentation> = z.strictObject({
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

/** The augmentation of the published unlearning script. */
export const paperAugmentation = {
  rotation: 10,
  shift: 0.15,
  shear: 0.1,
  zoom: [0.7, 1.3] as [number, number],
  flip: 0.5,
} satisfies Augmentation;

/** The augmentation of the published script for PVTv2 and ConvNeXt. */
export const strongAugmentation = {
  shift: 0.2,
  flip: 0.5,
  fill: "reflect",
  sampling: "nearest",
  cutouts: { count: 2, side: 0.4 },
  contrast: [0.8, 1.2] as [number, number],
  saturation: [0.5, 1.5] as [number, number],
} satisfies Augmentation;
