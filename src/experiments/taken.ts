/** Settings that an experiment takes over from another run of it, in place of choosing its own. */
import { z } from "zod";
import { DataError, UsageError } from "../errors.ts";
import { exists, join, readJson } from "../platform/files.ts";
import { listed } from "../registry.ts";
import { numbersLine } from "../report/written-numbers.ts";
import { checkedFile } from "../runs/checked-file.ts";
import type { Arm } from "../unlearn/arm.ts";

/** What another run chose, by the name of the arm, and on what. */
export interface TakenSettings {
  readonly dataset: string;
  readonly tuningSeeds: readonly number[];
  readonly settings: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

const settings = z.record(z.string(), z.unknown());

export const takenSchema: z.ZodType<TakenSettings> = z.strictObject({
  dataset: z.string(),
  tuningSeeds: z.array(z.number().int().min(0)),
  settings: z.record(z.string(), settings),
});

const resultsSchema = z.looseObject({
  experiment: z.string(),
  dataset: z.string(),
  tuningSeed: z.number().optional(),
  tuningSeeds: z.array(z.number()).optional(),
});

const tuningSchema = z.record(z.string(), z.looseObject({ settings }));

/**
 * Reads what a run of an experiment chose: on any data set, network and size.
 *
 * @param dir its folder, with results.json and tuning.json.
 * @throws DataError where it is of another experiment, chose nothing or a file is damaged.
 */
export async function readTaken(dir: string, experiment: string): Promise<TakenSettings> {
  const [resultsFile, tuningFile] = [join(dir, "results.json"), join(dir, "tuning.json")];
  for (const file of [resultsFile, tuningFile]) {
    if (await exists(file)) continue;
    throw new DataError(
      `\`tuned\`: there is no "${file}": give the folder of an experiment that has ended.`,
    );
  }
  const results = checkedFile(resultsSchema, await readJson(resultsFile), resultsFile);
  if (results.experiment !== experiment) {
    throw new DataError(
      `\`tuned\`: "${dir}" chose settings of ${results.experiment}, not of ${experiment}.`,
    );
  }
  const chosen = checkedFile(tuningSchema, await readJson(tuningFile), tuningFile);
  if (Object.keys(chosen).length === 0) {
    throw new DataError(
      `\`tuned\`: "${dir}" chose no settings: give the folder of the run that did.`,
    );
  }
  const { dataset, tuningSeed, tuningSeeds } = results;
  return {
    dataset,
    tuningSeeds: tuningSeeds ?? (tuningSeed === undefined ? [] : [tuningSeed]),
    settings: Object.fromEntries(
      Object.entries(chosen).map(([arm, { settings }]) => [arm, settings]),
    ),
  };
}

/**
 * Arms with the settings that were chosen elsewhere: nothing is tried.
 *
 * @throws UsageError where one of them was not tuned there.
 */
export function withTaken(arms: readonly Arm[], { settings }: TakenSettings): Arm[] {
  const open = arms.filter(({ trials, tunedAs }) => trials.length > 0 || tunedAs !== undefined);
  const lacking = open.filter(({ name, tunedAs }) => settings[tunedAs ?? name] === undefined);
  if (lacking.length > 0) {
    throw new UsageError(
      `\`tuned\`: no settings of ${listed(lacking.map(({ name }) => name))} were chosen there (of ` +
        `${Object.keys(settings).join(", ")} they were): leave them out by \`arms\`, or choose all here.`,
    );
  }
  return arms.map((arm) => {
    if (!open.includes(arm)) return arm;
    const { tunedAs, ...own } = arm;
    const chosen = settings[tunedAs ?? arm.name]!;
    return { ...own, trials: [], settings: { ...chosen, ...arm.settings } };
  });
}

/** Where settings come from, in words. */
export function takenText({
  dataset,
  tuningSeeds,
}: Pick<TakenSettings, "dataset" | "tuningSeeds">): string {
  const seeds = tuningSeeds.length === 0 ? "" : `, seeds ${numbersLine(tuningSeeds)}`;
  return `settings taken over from another run (${dataset}${seeds})`;
}
