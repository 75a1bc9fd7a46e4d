/** The rewind's arms in experiments: with either predictor, on either snapshot, and its controls. */
import { type Arm, type ArmContext, type DrawingContext, windowTuning } from "./arm.ts";

/** A rewind goes as far as its predictor says, or four times as far, as Task Vector does. */
function tuningOf(context: ArmContext): ReturnType<typeof windowTuning> {
  return windowTuning(context, "strength", [1, 4]);
}

/** The arms of one predictor; `suffix`: what their names end with. */
function armsOf(
  context: ArmContext,
  suffix: string,
  predictor: { readonly predictor?: string },
): Arm[] {
  const { window, rounds } = context;
  const name = `rewind${suffix}`;
  const settings = { ...window, ...predictor };
  const common = { trials: [], tunedAs: name, rounds: rounds.windows };
  return [
    {
      name,
      method: "rewind",
      settings,
      ...tuningOf(context),
      rounds: rounds.windows,
      compared: true,
      planned: suffix !== "",
    },
    {
      ...common,
      name: `${name}-newest`,
      method: "rewind",
      settings: { ...settings, base: "newest" },
      // It fails: residuals belong on the oldest snapshot.
      hidden: true,
    },
    { ...common, name: `random-rewind${suffix}`, method: "random-rewind", settings },
  ];
}

/**
 * With the predictor that ships, with the authors' where it is at hand, and with the line whose last steps count more: a
 * learnt predictor is worth what it adds to that.
 */
export function rewindArms(context: ArmContext): readonly Arm[] {
  const { published, window, rounds } = context;
  return [
    ...armsOf(context, "", {}),
    ...(published === undefined ? [] : armsOf(context, "-published", { predictor: published })),
    {
      ...late,
      settings: { ...window, ...late.settings },
      ...tuningOf(context),
      rounds: rounds.windows,
      compared: true,
    },
  ];
}

/** The control of every learnt predictor: one number, chosen by hand. */
const late = {
  name: "late-rewind",
  method: "rewind",
  settings: { predictor: "late" },
} as const;

/** Straight lines in place of a predictor, tuned on their own. */
export function linearRewindArms(context: ArmContext): readonly Arm[] {
  const { window, rounds } = context;
  return [
    {
      name: "linear-rewind",
      method: "linear-rewind",
      settings: window,
      ...tuningOf(context),
      rounds: rounds.windows,
      planned: true,
    },
  ];
}

/** With the predictor that ships and with the late line, on a network that draws. */
export function rewindDrawingArms({ window, rounds }: DrawingContext): readonly Arm[] {
  return [
    {
      ...{ name: "rewind", method: "rewind", settings: window, trials: [] },
      ...{ rounds: rounds.windows, compared: true },
    },
    {
      ...{ ...late, settings: { ...window, ...late.settings }, trials: [] },
      ...{ rounds: rounds.windows },
    },
  ];
}

/** Straight lines in place of a predictor, on a network that draws. */
export function linearRewindDrawingArms({ window, rounds }: DrawingContext): readonly Arm[] {
  const name = "linear-rewind";
  return [{ name, method: name, settings: window, trials: [], rounds: rounds.windows }];
}
