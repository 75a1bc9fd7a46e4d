/** Finished runs of unlearning, as their folders have them: what figures are made from. */
import { z } from "zod";
import { DataError } from "../errors.ts";
import { join, readJson } from "../platform/files.ts";
import { RunFolder } from "../report/run-folder.ts";
import type { Progress } from "../unlearn/driver.ts";
import { checkedFile } from "./checked-file.ts";
import {
  type ForgetConfig,
  forgetSchema,
  type SetupConfig,
  setupSchema,
  trainSchema,
  type UnlearnConfig,
  unlearnSchema,
} from "./config.ts";
import { roundSchema } from "./written.ts";

/** What a run worked on. */
export interface RecordedSetup {
  readonly setup: SetupConfig;
  /** D_f of an unlearning, where it is not that of the training. */
  readonly forget?: ForgetConfig | undefined;
}

/** The kinds of config.json, by a field that no other kind has. */
const kinds = {
  setup: z.looseObject({ setup: setupSchema }).transform(({ setup }): RecordedSetup => ({ setup })),
  train: z
    .looseObject({ train: trainSchema, forget: forgetSchema.optional() })
    .transform(({ train, forget }): RecordedSetup => ({ setup: train, forget })),
};
const trainingSchema = trainSchema.transform((train): RecordedSetup => ({ setup: train }));

/** A run's config.json is a training's, or has one under `train`, or is of a network that was trained elsewhere. */
export const recordedSchema: z.ZodType<RecordedSetup> = z
  .looseObject({})
  .transform((config, context): RecordedSetup => {
    // Not a union: that says of no field what is wrong with it.
    const kind = (["setup", "train"] as const).find((field) => field in config);
    const parsed = (kind === undefined ? trainingSchema : kinds[kind]).safeParse(config);
    if (parsed.success) return parsed.data;
    for (const issue of parsed.error.issues) {
      context.issues.push({ ...issue, input: config } as (typeof context.issues)[number]);
    }
    return z.NEVER;
  });

const landedSchema = z.looseObject({ history: z.array(roundSchema) });

const unlearnedSchema = z.looseObject({ unlearn: unlearnSchema, run: z.string().optional() });

/** A finished run of unlearning. */
export interface RecordedRun extends RecordedSetup {
  readonly folder: RunFolder;
  /** Its method, with the folder's name where several runs are of one method. */
  readonly name: string;
  readonly unlearn: UnlearnConfig;
  /** File of the weights that it started from. */
  readonly trained: string;
}

/** The file that the weights of a run end in. */
export const unlearnedFile = "checkpoint.safetensors";

/** The weights that an unlearning started from: of the run it names, a file, its own folder's or its experiment's. */
async function trainedOf(
  folder: RunFolder,
  run: string | undefined,
  { checkpoint }: SetupConfig,
): Promise<string> {
  if (run !== undefined) return join(run, unlearnedFile);
  if (checkpoint !== undefined) return checkpoint;
  if (await folder.has("trained.safetensors")) return folder.file("trained.safetensors");
  return folder.file(join("..", "trained", unlearnedFile));
}

/**
 * Opens runs of unlearning that started from one network.
 *
 * @throws DataError for a folder that is none, not finished or damaged, or where networks, images or D_f differ.
 */
export async function recordedRuns(paths: readonly string[]): Promise<RecordedRun[]> {
  const runs: RecordedRun[] = [];
  for (const path of paths) {
    const folder = await RunFolder.open(path);
    const config = await folder.config();
    if (!("unlearn" in (config as object))) {
      throw new DataError(
        `"${path}" is no folder of an unlearning: its config.json says nothing of one. Give folders of ` +
          "`rewind unlearn`, `rewind demo` or the arms of an experiment.",
      );
    }
    const file = folder.file("config.json");
    const recorded = checkedFile(recordedSchema, config, file);
    const { unlearn, run } = checkedFile(unlearnedSchema, config, file);
    if (!(await folder.has(unlearnedFile))) {
      throw new DataError(`"${path}" has no ${unlearnedFile}: its unlearning is not finished.`);
    }
    const trained = await trainedOf(folder, run, recorded.setup);
    runs.push({ ...recorded, folder, name: unlearn.method, unlearn, trained });
  }
  const [first] = runs;
  const what = ({ setup, forget, trained }: RecordedRun): string =>
    JSON.stringify([setup, forget, trained]);
  const other = runs.find((run) => what(run) !== what(first!));
  if (other !== undefined) {
    throw new DataError(
      `"${other.folder.path}" and "${first!.folder.path}" did not start from the same network with the same D_f: a ` +
        "figure shows runs that did.",
    );
  }
  return runs.map((run) => {
    const alone = runs.filter(({ name }) => name === run.name).length === 1;
    return alone ? run : { ...run, name: `${run.name} (${baseName(run.folder.path)})` };
  });
}

/** Where a run landed before the end of its last round: there its weights are, and only its report says so. */
export async function landedAt({ folder, unlearn }: RecordedRun): Promise<Progress | undefined> {
  if (unlearn.land !== true || !(await folder.has("report.json"))) return undefined;
  const file = folder.file("report.json");
  const { history } = checkedFile(landedSchema, await readJson(file), file);
  const last = history.at(-1);
  return last === undefined || Number.isInteger(last.round) ? undefined : last;
}

/** The last part of a path. */
export function baseName(path: string): string {
  return path.split(/[\\/]/).findLast((part) => part !== "") ?? path;
}
