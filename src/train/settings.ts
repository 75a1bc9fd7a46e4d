/** Settings that trainings share, as configurations hold them. */
import type { z } from "zod";
import { clipNormSchema } from "../optim/clip.ts";
import { labelSmoothingSchema } from "../tasks/classification.ts";
import { scheduleFields } from "./schedule.ts";

/** How a training shapes its learning rate, gradients and targets; retraining takes them over. */
export const shapingFields: typeof scheduleFields & {
  readonly clipNorm: z.ZodOptional<z.ZodNumber>;
  readonly labelSmoothing: z.ZodOptional<z.ZodNumber>;
} = {
  ...scheduleFields,
  clipNorm: clipNormSchema
    .optional()
    .describe("gradients are scaled down to this norm of all together"),
  labelSmoothing: labelSmoothingSchema
    .optional()
    .describe("share of a target that is spread over all classes"),
};

/** See {@link shapingFields}. */
export type ShapingSettings = z.infer<z.ZodObject<typeof shapingFields>>;
