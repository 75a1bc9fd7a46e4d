/** The training part that `rewind train` and `rewind demo` share. */
import type { RunFolder } from "../report/run-folder.ts";
import type { Job } from "../runs/job.ts";
import { trainInFolder } from "../runs/train-run.ts";
import { epochSteps, hasBatchNorm } from "../train/epochs.ts";
import { passNotes } from "../train/memory.ts";
import { sayNotes } from "./notes.ts";
import { withEpochs } from "./progress.ts";
import { StepTime } from "./step-time.ts";
import type { TrainFlags } from "./train-options.ts";

/** Trains a job in its folder under a bar; see {@link trainInFolder} for `result`. */
export function trainShown(
  folder: RunFolder,
  job: Job,
  result: string,
  { saveEvery }: Pick<TrainFlags, "saveEvery">,
  signal: AbortSignal,
): Promise<void> {
  const { config, data, model } = job;
  const { batch } = epochSteps(model, data.count, config.batch);
  sayNotes(passNotes({ ...config, batch }, hasBatchNorm(model)));
  return withEpochs(
    "training",
    config.epochs,
    signal,
    (watch, onEpoch) =>
      trainInFolder(folder, job, result, { watch, onEpoch, saveEveryMs: 1000 * saveEvery }),
    StepTime.of(job),
  );
}
