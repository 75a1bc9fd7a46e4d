/** Settings that trainings share, as configurations hold them. */
import { clipNormSchema } from "../optim/clip.ts";
import { scheduleFields } from "./schedule.ts";
import { z } from "zod";

/** How a training shapes its learning rate, gradients and targets; retraining takes them over. */
export const shapingFields = {
  ...scheduleFields,
  clipNorm: clipNormSchema.optional(),
  /** Share of each target that is spread over all classes. */
  labelSmoothing: z.number().min(0).lt(1).optional(),
};
