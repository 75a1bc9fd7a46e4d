/** Scenarios by name: one file each, one line here. */
import type { z } from "zod";
import { type Dataset, requireImageSet } from "../data/dataset.ts";
import { isObject, requireGiven } from "../checked.ts";
import { UsageError } from "../errors.ts";
import { type Choice, choiceSchema, entryKinds, entrySchema, Registry } from "../registry.ts";
import { backdoor } from "./backdoor.ts";
import { labelNoise } from "./label-noise.ts";
import { overfit } from "./overfit.ts";
import { type Corrupted, requireFurtherSets, type Scenario } from "./scenario.ts";
import { standard } from "./standard.ts";

/** All scenarios; `scenarios.add(…)` makes another one known to configurations, commands and experiments. */
export const scenarios: Registry<Scenario> = new Registry(
  "scenario",
  [labelNoise, backdoor, standard, overfit],
  entrySchema({
    summary: entryKinds.text,
    settings: entryKinds.settings,
    apply: entryKinds.function,
  }),
);

/** Which scenario, with its settings. */
export type ScenarioSettings = Choice;

/** Validates a scenario with its settings. */
export const scenarioSchema: z.ZodType<ScenarioSettings, ScenarioSettings> =
  choiceSchema(scenarios);

/**
 * Applies a scenario to a data set; `seed` decides everything random.
 *
 * @param chosen places of the images that D_f is to be; absent: the scenario draws them.
 * @throws DataError where the data cannot serve; UsageError where the scenario draws D_f by itself, or names a further set
 *   as a run does one of its own.
 */
export function corrupt(
  train: Dataset,
  test: Dataset,
  scenario: ScenarioSettings,
  seed: number,
  chosen?: Uint32Array,
): Corrupted {
  requireImageSet(train, "corrupt: train");
  requireImageSet(test, "corrupt: test");
  requireGiven(isObject(scenario), "corrupt", "a scenario with its settings", scenario);
  const { name, ...settings } = scenario;
  const corrupted = scenarios.find(name).apply(train, test, settings, seed, chosen);
  if (corrupted.sets !== undefined) {
    requireFurtherSets(corrupted.sets, `scenario "${name}": sets`);
  }
  if (chosen !== undefined && !sameImages(corrupted.forget, chosen)) {
    throw new UsageError(`scenario "${name}" draws D_f by itself: it takes no named images.`);
  }
  return corrupted;
}

function sameImages(a: Uint32Array, b: Uint32Array): boolean {
  return a.length === b.length && a.every((image, i) => image === b[i]);
}
