/** How an experiment chose settings, as its folder has it. */
import { z } from "zod";
import { exists, join, readJson } from "../platform/files.ts";
import { checkedFile } from "../runs/checked-file.ts";
import type { Tuned } from "./plan.ts";

const settings = z.record(z.string(), z.unknown());

const absent = z
  .number()
  .nullish()
  .transform((value) => value ?? undefined);

const tunedSchema = z.record(
  z.string(),
  z.looseObject({
    settings,
    trials: z.array(
      z.looseObject({
        settings,
        statistic: absent,
        reached: z.number().optional(),
        // JSON has null for NaN.
        end: z.number().nullable(),
      }),
    ),
  }),
);

/** Reads it; undefined where nothing was written down. @throws DataError for a file that is damaged. */
export async function readTuning(
  dir: string,
): Promise<Readonly<Record<string, Tuned>> | undefined> {
  const file = join(dir, "tuning.json");
  if (!(await exists(file))) return undefined;
  return checkedFile(tunedSchema, await readJson(file), file) as Record<string, Tuned>;
}
