/**
 * Results of an earlier run of an experiment, reported with those of arms that are run now.
 *
 * They are taken from what that run wrote (results.json, results.csv, tuning.json), so that one competitor
 * can be added or refreshed without running the others again. That is fair only where both started from the
 * same trained networks: their first scores must agree to the last digit.
 */
import { z } from "zod";
import { csvRecords } from "../data/csv.ts";
import { DataError, UsageError } from "../errors.ts";
import { join, readJson, readText } from "../platform/files.ts";
import { allScores } from "../metrics/index.ts";
import { checkedFile } from "../runs/checked-file.ts";
import { finalSchema, scoresSchema } from "../runs/written.ts";
import type { Progress } from "../unlearn/driver.ts";
import type { Arm } from "../unlearn/arm.ts";
import type { Protocol } from "./protocol.ts";
import type { Tuned } from "./plan.ts";
import { type ArmResult, endedShort, hasNothingToForget } from "./trained-network.ts";
import { readTuning } from "./tuning-file.ts";

/** What an earlier run left: the results of its arms, and how their settings were chosen. */
export interface Earlier {
  readonly results: readonly ArmResult[];
  readonly tuned: Readonly<Record<string, Tuned>>;
  /** As {@link Protocol.widenings} was. */
  readonly widenings: number;
}

/** The parts of results.json that are read. */
const writtenSchema = z.looseObject({
  experiment: z.unknown().optional(),
  dataset: z.unknown().optional(),
  widenings: z.number().default(0),
  statistic: z
    .looseObject({ name: z.string().optional(), definition: z.string().optional() })
    .default({}),
  runs: z
    .array(
      z.looseObject({
        arm: z.string(),
        method: z.string(),
        seed: z.number(),
        stoppedBy: z.string(),
        statistic: z.number().optional(),
        end: scoresSchema,
        final: finalSchema.optional(),
      }),
    )
    .default([]),
});

/** Curves of results.csv by arm and seed. */
export async function histories(path: string): Promise<Map<string, Progress[]>> {
  const curves = new Map<string, Progress[]>();
  const names = allScores().map(({ name }) => name);
  for (const row of csvRecords(await readText(path), path)) {
    const measured = names.filter((key) => row[key] !== undefined && row[key] !== "");
    const progress: Progress = {
      round: Number(row["round"]),
      steps: Number(row["steps"]),
      seconds: Number(row["seconds"]),
      scores: Object.fromEntries(measured.map((key) => [key, Number(row[key])])),
    };
    const key = `${row["seed"]} ${row["arm"]}`;
    curves.set(key, [...(curves.get(key) ?? []), progress]);
  }
  return curves;
}

/** What the results in a folder were judged by, in words. */
export type WrittenStatistic = Partial<Pick<Protocol["statistic"], "name" | "definition">>;

/**
 * Reads the results of an experiment.
 *
 * @param dir its folder.
 * @param dataset name of the data set, as `--dataset` gives it.
 * @returns the results, and what they were judged by then.
 * @throws if it is another experiment or data set, lacks one of the seeds, or a file is damaged.
 */
export async function readResults(
  dir: string,
  protocol: Protocol,
  dataset: string,
  seeds: readonly number[],
): Promise<{
  readonly results: ArmResult[];
  readonly statistic: WrittenStatistic;
  readonly widenings: number;
}> {
  const file = join(dir, "results.json");
  const written = checkedFile(writtenSchema, await readJson(file), file);
  if (written.experiment !== protocol.name || written.dataset !== dataset) {
    throw new DataError(
      `"${dir}" holds results of ${String(written.experiment)} on ${String(written.dataset)}, ` +
        `not of ${protocol.name} on ${dataset}.`,
    );
  }
  const curves = await histories(join(dir, "results.csv"));
  const runs = written.runs.filter(({ seed }) => seeds.includes(seed));
  const results = runs.map((run): ArmResult => {
    const history = curves.get(`${run.seed} ${run.arm}`);
    if (history === undefined) {
      throw new DataError(
        `"${join(dir, "results.csv")}" has no curve of ${run.arm} on seed ${run.seed}, which results.json names.`,
      );
    }
    return { ...(run as typeof run & ArmResult), settings: {}, history };
  });
  for (const arm of new Set(results.map((result) => result.arm))) {
    const lacking = seeds.filter(
      (seed) => !results.some((result) => result.arm === arm && result.seed === seed),
    );
    if (lacking.length > 0) {
      throw new DataError(
        `"${dir}" has no result of ${arm} on seed ${lacking.join(", ")}; run the same seeds.`,
      );
    }
  }
  const { statistic, widenings } = written;
  return { results, statistic: statistic as WrittenStatistic, widenings };
}

/** Results without the numbers of runs that begin where they are to get, which older versions have. */
function judgedAnew(protocol: Protocol, results: readonly ArmResult[]): ArmResult[] {
  return results.map((run) => {
    const { statistic: _, ...left } = run;
    return hasNothingToForget(protocol, results, run) ? left : run;
  });
}

/**
 * Reads what an experiment's earlier run wrote, as {@link readResults} does, and how its settings were chosen.
 *
 * @throws DataError where it was judged by another statistic, too.
 */
export async function readEarlier(
  dir: string,
  protocol: Protocol,
  dataset: string,
  seeds: readonly number[],
): Promise<Earlier> {
  const { results, statistic, widenings } = await readResults(dir, protocol, dataset, seeds);
  if (statistic.definition !== protocol.statistic.definition) {
    throw new DataError(
      `"${dir}" measured another statistic: ${String(statistic.definition)}. Run all arms again.`,
    );
  }
  const short = results.find((run) => endedShort(protocol, run));
  if (short !== undefined) {
    throw new DataError(
      `"${dir}": ${short.arm} on seed ${short.seed} was stopped short of the level that it is judged at. Run all arms again.`,
    );
  }
  const tuned = await readTuning(dir);
  if (tuned === undefined) {
    throw new DataError(
      `"${dir}" has no tuning.json: give the folder of an experiment that has ended.`,
    );
  }
  return { results: judgedAnew(protocol, results), tuned, widenings };
}

/**
 * Checks that earlier and new results started from the same trained networks.
 *
 * @throws naming the seed and the score that differs.
 */
function checkSameStart(earlier: readonly ArmResult[], results: readonly ArmResult[]): void {
  for (const { seed, history } of results) {
    const before = earlier.find((result) => result.seed === seed)?.history[0]?.scores;
    const now = history[0]!.scores;
    const differing = Object.keys(now).find(
      (key) => before?.[key] !== undefined && before[key] !== now[key],
    );
    if (differing !== undefined) {
      throw new DataError(
        `the trained network of seed ${seed} is not the one of the earlier results: ${differing} was ` +
          `${before![differing]}, is ${now[differing]}. Another adapter or version trained it; run all arms again.`,
      );
    }
  }
}

/**
 * Checks that arms which take over an arm's tuned settings are run again with it.
 *
 * @throws UsageError naming both.
 */
export function checkTunedTogether(
  { known, arms }: Pick<Protocol, "known" | "arms">,
  earlier: Pick<Earlier, "results">,
): void {
  const runs = (name: string | undefined): boolean => arms.some((arm) => arm.name === name);
  const before = new Set(earlier.results.map(({ arm }) => arm));
  for (const { name, tunedAs } of known) {
    if (tunedAs === undefined) continue;
    if (runs(tunedAs) && !runs(name) && before.has(name)) {
      throw new UsageError(
        `\`beside\`: ${name} was run with the earlier settings of ${tunedAs}; run it again, too (\`arms\`).`,
      );
    }
    if (runs(name) && !runs(tunedAs)) {
      throw new UsageError(
        `\`beside\`: ${name} takes over the settings of ${tunedAs}; run both (\`arms\`).`,
      );
    }
  }
}

/** Results of arms that run now, with those of an earlier run. */
export interface Merged {
  readonly protocol: Protocol;
  readonly results: readonly ArmResult[];
  readonly tuned: Readonly<Record<string, Tuned>>;
  /** Names of the arms taken over. */
  readonly before: readonly string[];
}

/**
 * The protocol, tuning and results of both: the earlier arms in their order, those that were run again replaced,
 * new ones at the end.
 */
export function mergeEarlier(
  protocol: Protocol,
  results: readonly ArmResult[],
  tuned: Readonly<Record<string, Tuned>>,
  earlier: Earlier,
): Merged {
  const again = new Set(protocol.arms.map(({ name }) => name));
  const kept = earlier.results.filter(({ arm }) => !again.has(arm));
  checkSameStart(kept, results);
  const methodOf = new Map(earlier.results.map(({ arm, method }) => [arm, method]));
  const before = [...methodOf].map(
    ([name, method]): Arm =>
      protocol.arms.find((arm) => arm.name === name) ?? {
        ...protocol.known.find((arm) => arm.name === name),
        name,
        method,
        settings: {},
        trials: [],
        rounds: 0,
      },
  );
  const added = protocol.arms.filter(({ name }) => !methodOf.has(name));
  return {
    protocol: { ...protocol, arms: [...before, ...added] },
    results: [...kept, ...results],
    tuned: { ...earlier.tuned, ...tuned },
    before: [...new Set(kept.map(({ arm }) => arm))],
  };
}
