/** Scenarios by name: one file each, one line here. */
import type { z } from "zod";
import type { Dataset } from "../data/dataset.ts";
import { type Choice, choiceSchema, Registry } from "../registry.ts";
import { backdoor } from "./backdoor.ts";
import { labelNoise } from "./label-noise.ts";
import { overfit } from "./overfit.ts";
import type { Corrupted, Scenario } from "./scenario.ts";
import { standard } from "./standard.ts";

/** All scenarios; `scenarios.add(…)` makes another one known to configurations, commands and experiments. */
export const scenarios: Registry<Scenario> = new Registry("scenario", [
  labelNoise,
  backdoor,
  standard,
  overfit,
]);

/** Which scenario, with its settings. */
export type ScenarioSettings = Choice;

/** Validates a scenario with its settings. */
export const scenarioSchema: z.ZodType<ScenarioSettings, ScenarioSettings> =
  choiceSchema(scenarios);

/** Applies a scenario to a data set; `seed` decides everything random. @throws DataError where the data cannot serve. */
export function corrupt(
  train: Dataset,
  test: Dataset,
  { name, ...settings }: ScenarioSettings,
  seed: number,
): Corrupted {
  return scenarios.find(name).apply(train, test, settings, seed);
}
