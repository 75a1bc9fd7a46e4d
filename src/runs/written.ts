/** What files of several kinds have in common: schemas of what is read of it, whatever stands beside that. */
import { z } from "zod";
import type { Final } from "../metrics/final.ts";
import type { Scores } from "../metrics/metric.ts";
import type { Progress } from "../unlearn/driver.ts";

/** Scores as they are written: null is what was no number. */
export const writtenScores = z.record(z.string(), z.number().nullable());

/** A round of an unlearning as it is written. */
export const writtenRound = z.looseObject({
  round: z.number(),
  steps: z.number(),
  seconds: z.number(),
  scores: writtenScores,
});

/** A number with what it means. */
export const writtenMeasurement = z.looseObject({
  name: z.string(),
  definition: z.string(),
  value: z.number().nullable(),
  n: z.number(),
});

/** A number that was measured, with NaN for what is none: JSON has null for it. */
export const numberSchema: z.ZodType<number> = z
  .number()
  .nullable()
  .transform((value) => value ?? Number.NaN);

/** Scores, with NaN for what is no number. */
export const scoresSchema: z.ZodType<Scores> = z.record(z.string(), numberSchema);

/** A round of an unlearning. */
export const roundSchema: z.ZodType<Progress> = writtenRound.extend({ scores: scoresSchema });

const measurements = z.record(z.string(), writtenMeasurement);

/** What methods are compared by, measured at the end of a run. */
export const finalSchema: z.ZodType<Final> = z
  .looseObject({
    accuracies: measurements,
    mia: z.looseObject({ attacks: z.looseObject({ confidence: writtenMeasurement }) }).optional(),
    others: measurements.optional(),
  })
  .transform((written) => written as unknown as Final);
