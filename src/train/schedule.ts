/** Learning-rate schedules: the rate of a step as a pure function of its number, counted from 0. */
import { z } from "zod";
import { checked, isList, isObject, requireGiven } from "../checked.ts";
import { requireCount, UsageError } from "../errors.ts";

/** The rate of each step. */
export type Schedule = (step: number) => number;

/**
 * Which schedule: `cosine` falls to a hundredth of the learning rate, `step` at milestones; `one-cycle` rises to it and
 * falls; `constant` stays.
 */
export const scheduleNames = ["constant", "cosine", "step", "one-cycle"] as const;

/** Settings of a schedule beside the learning rate; epochs may be fractions. */
export const scheduleFields: {
  readonly schedule: z.ZodEnum<{
    constant: "constant";
    cosine: "cosine";
    step: "step";
    "one-cycle": "one-cycle";
  }>;
  readonly milestones: z.ZodOptional<z.ZodArray<z.ZodNumber>>;
  readonly factor: z.ZodOptional<z.ZodNumber>;
  readonly warmupEpochs: z.ZodOptional<z.ZodNumber>;
} = {
  schedule: z.enum(scheduleNames).describe("the learning rate over time"),
  milestones: z
    .array(z.number().positive())
    .min(1)
    .optional()
    .describe(
      "for the schedule step: epochs after which the rate falls; without it half and three quarters of them all",
    ),
  factor: z
    .number()
    .gt(0)
    .lt(1)
    .optional()
    .describe(
      "for the schedule step: what the rate is multiplied by at each milestone; without it 0.1",
    ),
  warmupEpochs: z
    .number()
    .min(0)
    .optional()
    .describe("epochs over which the rate first rises linearly; without it none"),
};

/** Settings of {@link scheduleOf}. */
export interface ScheduleSettings extends z.infer<z.ZodObject<typeof scheduleFields>> {
  readonly learningRate: number;
  /** Length of the training in epochs; what milestones and warm-up are measured in. */
  readonly epochs: number;
}

/** What {@link scheduleOf} reads of any settings; a warm-up it checks itself. */
const givenSchema = z.looseObject({
  learningRate: z.number(),
  epochs: z.number().positive(),
  schedule: scheduleFields.schedule,
  milestones: scheduleFields.milestones,
  factor: scheduleFields.factor,
});

/** Whether milestones rise from one to the next and lie within a training. */
export function milestonesFit(milestones: readonly number[], epochs: number): boolean {
  return milestones.every((milestone, i) => milestone < (milestones[i + 1] ?? epochs));
}

/** The same rate for every step. */
export function constant(rate: number): Schedule {
  return () => rate;
}

/**
 * Half a cosine from `rate` at step `first` down to `floor` at step `end` (Loshchilov and Hutter 2017,
 * without restarts).
 */
export function cosine(
  rate: number,
  options: { first?: number; end: number; floor?: number },
): Schedule {
  requireGiven(isObject(options) && Number.isFinite(options.end), "cosine", "{ end }", options);
  const { first = 0, end, floor = rate / 100 } = options;
  return (step) =>
    // Where it begins at its end there is no way between them.
    step >= end
      ? floor
      : floor + 0.5 * (rate - floor) * (1 + Math.cos((Math.PI * (step - first)) / (end - first)));
}

/** One-cycle: the rate it begins with, as a part of the largest; the part of the steps that rise; the rate it ends with. */
const [cycleStart, cycleRise, cycleEnd] = [1 / 25, 0.3, 1e-4] as const;

/**
 * One cycle over `steps` steps, for few epochs at a high rate (Smith and Topin 2019): linearly from a 25th of `rate` to
 * `rate` over three tenths of them, then half a cosine down to a ten-thousandth of it.
 */
export function oneCycle(rate: number, steps: number): Schedule {
  const top = Math.round(cycleRise * steps);
  const fall = cosine(rate, { first: top, end: steps, floor: cycleEnd * rate });
  return (step) =>
    step < top ? rate * (cycleStart + ((1 - cycleStart) * step) / top) : fall(step);
}

/** `rate`, multiplied by `factor` from each milestone (a step) on. */
export function stepwise(rate: number, milestones: readonly number[], factor: number): Schedule {
  requireGiven(isList(milestones), "stepwise: milestones", "an array of steps", milestones);
  return (step) => rate * factor ** milestones.filter((milestone) => step >= milestone).length;
}

/**
 * Linear warm-up (Goyal et al. 2017): step s of the first `steps` has (s + 1) / steps of `rate`; the
 * schedule takes over after them, at its own count of steps.
 */
export function warmUp(rate: number, steps: number, then: Schedule): Schedule {
  return (step) => (step < steps ? (rate * (step + 1)) / steps : then(step));
}

/**
 * The schedule of a training of `steps` steps.
 *
 * `cosine` falls to a hundredth of the learning rate, over what the warm-up leaves of the training;
 * milestones count from the start of the training.
 *
 * @throws UsageError if the warm-up takes the whole training, or is asked for with `one-cycle`, which has its own; for
 *   milestones that do not rise, or lie beyond the training; and for settings of another kind.
 */
export function scheduleOf(settings: ScheduleSettings, steps: number): Schedule {
  checked(givenSchema, settings, "schedule");
  requireCount("schedule: steps", steps);
  const { learningRate, schedule, epochs, warmupEpochs = 0, factor = 0.1 } = settings;
  const { milestones = [epochs / 2, (3 * epochs) / 4] } = settings;
  if (!(warmupEpochs >= 0 && (warmupEpochs === 0 || warmupEpochs < epochs))) {
    throw new UsageError(
      `schedule: ${warmupEpochs} epochs of warm-up must be fewer than the ${epochs} of the training.`,
    );
  }
  if (schedule === "step" && !milestonesFit(milestones, epochs)) {
    throw new UsageError(
      `schedule: \`milestones\` must rise and lie within the ${epochs} epochs of the training, got ${milestones.join(", ")}.`,
    );
  }
  if (schedule === "one-cycle" && warmupEpochs > 0) {
    throw new UsageError(
      "schedule: one-cycle rises by itself; leave `warmupEpochs` out, or take another schedule.",
    );
  }
  const stepAt = (epoch: number): number => Math.round((epoch * steps) / epochs);
  const first = stepAt(warmupEpochs);
  const schedules: Record<ScheduleSettings["schedule"], () => Schedule> = {
    constant: () => constant(learningRate),
    cosine: () => cosine(learningRate, { first, end: steps }),
    step: () => stepwise(learningRate, milestones.map(stepAt), factor),
    "one-cycle": () => oneCycle(learningRate, steps),
  };
  const then = schedules[schedule]();
  return first === 0 ? then : warmUp(learningRate, first, then);
}
