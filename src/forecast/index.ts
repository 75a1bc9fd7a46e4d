/** Forecasters by name: one file each, one line here. */
import { z } from "zod";
import type { Predictor } from "../predictors/predictor.ts";
import { choiceSchema, entryKinds, entrySchema, Registry } from "../registry.ts";
import type { Forecaster, NowcastEvent, TrainingLength } from "./forecaster.ts";
import { introspection } from "./introspection.ts";
import { nino } from "./nino.ts";
import { wnn } from "./wnn.ts";

/** All forecasters; `forecasters.add(…)` makes another one known to configurations and commands. */
export const forecasters: Registry<Forecaster> = new Registry(
  "forecaster",
  [wnn, introspection, nino],
  entrySchema({
    title: entryKinds.text,
    settings: entryKinds.settings,
    takes: z.looseObject({ text: z.string(), place: z.enum(["DIR", "FILE", "PATH"]) }),
    events: entryKinds.function,
  }),
);

/** Which forecaster, with its settings, and its predictor. */
export type NowcastConfig = {
  readonly method: string;
  /** What forecasts, as `loadPredictor` takes it. */
  readonly predictor: string;
  readonly [setting: string]: unknown;
};

/** Validates a forecaster with its settings. */
export const nowcastSchema: z.ZodType<NowcastConfig, NowcastConfig> = choiceSchema<
  Forecaster,
  NowcastConfig
>(forecasters, "method", {
  predictor: z.string(),
});

/**
 * The events of a training, in order.
 *
 * @throws UsageError where the schedule does not fit the training.
 */
export function nowcastEvents(
  config: NowcastConfig,
  predictor: Pick<Predictor, "window" | "joint">,
  length: TrainingLength,
): NowcastEvent[] {
  return forecasters.find(config.method).events(config, predictor, length);
}
