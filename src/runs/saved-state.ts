/** States that interrupted runs go on from: read back only where they are whole and fit the run. */
import { z } from "zod";
import { DataError, GpuError, UsageError } from "../errors.ts";
import type { Gpu } from "../gpu/device.ts";
import type { Tensors } from "../nn/model.ts";
import type { RunFolder } from "../report/run-folder.ts";
import { requireModel } from "./checkpoints.ts";
import type { SetupConfig } from "./config.ts";
import type { Job } from "./job.ts";

/** A state, and how to refuse it. */
export interface SavedState<T> {
  readonly fields: T;
  readonly tensors: Tensors;
  /** @throws DataError naming the file, and what to do. */
  refuse(what: string, cause?: unknown): never;
}

/**
 * Reads a state of a run.
 *
 * @param fields what its metadata hold.
 * @returns undefined if there is none.
 * @throws DataError for a state that is damaged, of another network, of an earlier version, or not valid.
 */
export async function readState<T>(
  folder: RunFolder,
  name: string,
  job: Job<SetupConfig>,
  fields: z.ZodType<T, Record<string, string>>,
): Promise<SavedState<T> | undefined> {
  const path = folder.file(name);
  const refuse = (what: string, cause?: unknown): never => {
    throw new DataError(
      `"${path}": ${what}. The run cannot go on from it: remove the file, and it starts over.`,
      { cause },
    );
  };
  let saved: Awaited<ReturnType<RunFolder["readCheckpoint"]>>;
  try {
    saved = await folder.readCheckpoint(name);
  } catch (cause) {
    if (!(cause instanceof DataError)) throw cause;
    return refuse(`it is damaged (${cause.message.replace(/\.$/, "")})`, cause);
  }
  if (saved === undefined) return undefined;
  const { metadata, tensors, sealed } = saved;
  if (!sealed) return refuse("it is damaged or of an earlier version: it has no digest");
  requireModel(metadata, job, path);
  const { precision = "exact" } = metadata;
  if (precision !== job.model.gpu.precision) {
    throw new UsageError(
      `"${path}": the run was begun with precision "${precision}" and is to go on with "${job.model.gpu.precision}", to other bits: ` +
        `open the device with \`precision=${precision}\`.`,
    );
  }
  const parsed = fields.safeParse(metadata);
  if (!parsed.success) return refuse(z.prettifyError(parsed.error));
  return { fields: parsed.data, tensors, refuse };
}

/** What a state says of the precision that it was computed in; nothing where it is exact, as in states of earlier versions. */
export function computedIn({ precision }: Pick<Gpu, "precision">): Record<string, string> {
  return precision === "exact" ? {} : { precision };
}

/** Runs what puts a state back. @throws DataError where its tensors do not fit. */
export function putBack<T>({ refuse }: Pick<SavedState<T>, "refuse">, work: () => void): void {
  try {
    work();
  } catch (cause) {
    if (cause instanceof GpuError) throw cause;
    refuse((cause as Error).message.replace(/\.$/, ""), cause);
  }
}
