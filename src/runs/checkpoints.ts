/** Tensors of a run in its checkpoints, and whose they are. */
import { DataError } from "../errors.ts";
import { wholeCheckpoint } from "../io/checkpoint.ts";
import type { RunFolder } from "../report/run-folder.ts";
import type { SetupConfig } from "./config.ts";
import type { Job } from "./job.ts";

/** Writes the network of a job as it stands, with all that decides its answers. */
export async function writeWhole(
  folder: RunFolder,
  name: string,
  { model, info, average }: Job<SetupConfig>,
): Promise<void> {
  const weights = await model.save();
  const averaged = await average?.model.save();
  const { tensors, metadata } = wholeCheckpoint(weights, model.spec.name, info, averaged);
  await folder.writeCheckpoint(name, tensors, metadata);
}

/** @throws DataError if a checkpoint is of another model than the job's. */
export function requireModel(
  metadata: Readonly<Record<string, string>>,
  job: Job<SetupConfig>,
  path: string,
): void {
  const { name } = job.model.spec;
  if (metadata["model"] !== name) {
    throw new DataError(
      `"${path}" holds model ${metadata["model"] ?? "(unnamed)"}, this run has ${name}.`,
    );
  }
}
