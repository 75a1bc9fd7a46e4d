/** Figures and tables of an experiment from what its run wrote: results.json and results.csv. */
import { z } from "zod";
import { DataError } from "../errors.ts";
import { join, readJson } from "../platform/files.ts";
import type { Arm } from "../unlearn/arm.ts";
import { readResults, type WrittenStatistic } from "./earlier.ts";
import { type NowcastResult, readNowcast } from "./nowcast.ts";
import { type Protocol, protocolOf } from "./protocol.ts";
import type { ArmResult } from "./trained-network.ts";

const writtenSchema = z.looseObject({
  experiment: z.string(),
  dataset: z.string(),
  seeds: z.array(z.number().int()).min(1),
  drawn: z.array(z.string()).optional(),
});

/** An experiment as its folder has it. */
export interface RecordedExperiment {
  /** Its protocol, with the arms that there are results of. */
  readonly protocol: Protocol;
  readonly results: readonly ArmResult[];
}

/** What a folder says it is of. @throws DataError for a folder of no experiment. */
async function writtenExperiment(dir: string): Promise<z.output<typeof writtenSchema>> {
  const path = join(dir, "results.json");
  const written = writtenSchema.safeParse(await readJson(path));
  if (written.success) return written.data;
  throw new DataError(
    `"${path}" holds no results of \`rewind experiment\`: ${z.prettifyError(written.error)}.`,
  );
}

/** The trainings of a folder of `rewind experiment nowcast`; undefined where it is of another. @throws DataError as {@link recordedExperiment}. */
export async function recordedNowcast(
  dir: string,
): Promise<{ readonly dataset: string; readonly results: readonly NowcastResult[] } | undefined> {
  const { experiment, dataset } = await writtenExperiment(dir);
  if (experiment !== "nowcast") return undefined;
  return { dataset, results: await readNowcast(join(dir, "results.csv")) };
}

/** What an experiment is judged by, or was when results were written: then runs that never got there were left out. */
function asThen({ statistic: now }: Protocol, then: WrittenStatistic): Protocol["statistic"] {
  if (then.definition === now.definition) return now;
  const { never: _, ...without } = now;
  return { ...without, ...then };
}

/** Reads an experiment, judged as it was then. @throws DataError for a folder of none. */
export async function recordedExperiment(dir: string): Promise<RecordedExperiment> {
  const { experiment, dataset, seeds, drawn } = await writtenExperiment(dir);
  const protocol = protocolOf(experiment, { name: dataset }, { size: "scaled" });
  const { results, statistic } = await readResults(dir, protocol, dataset, seeds);
  const names = [...new Set(results.map(({ arm }) => arm))];
  const arms = names.map((name): Arm => {
    const { method } = results.find(({ arm }) => arm === name)!;
    // A variant is not known here.
    const arm = protocol.known.find((one) => one.name === name) ?? {
      name,
      method,
      settings: {},
      trials: [],
      rounds: 0,
    };
    return drawn === undefined ? arm : { ...arm, hidden: !drawn.includes(name) };
  });
  return { protocol: { ...protocol, arms, statistic: asThen(protocol, statistic) }, results };
}
