/**
 * Training in a folder: checkpoints on the way, and resuming from them.
 *
 * A training that was killed anywhere continues, with the same command, from its last checkpoint and ends
 * with the same bits on the same adapter.
 */
import { unprefixed } from "../io/state-parts.ts";
import type { RunFolder } from "../report/run-folder.ts";
import type { Watch } from "../train/replay.ts";
import { requireModel, writeWhole } from "./checkpoints.ts";
import { computedIn, putBack, readState } from "./saved-state.ts";
import type { SetupConfig } from "./config.ts";
import type { Job } from "./job.ts";
import { classification } from "../tasks/classification.ts";
import {
  packTraining,
  type TrainState,
  trainingFields,
  unpackTraining,
} from "../api/train-state.ts";
import { trainJob } from "../api/training.ts";

/** Training state between epochs; removed when training is done. */
const trainingFile = "training-state.safetensors";

/** Saves are this many milliseconds apart at least, so that short epochs stay short. */
const defaultSaveEveryMs = 15_000;

/** An epoch that takes this many milliseconds is left at once when a run is interrupted, a shorter one is finished. */
const longEpochMs = 3_000;

/** Settings of {@link trainInFolder}. */
export interface TrainOptions {
  readonly watch?: Watch;
  readonly onEpoch?: (line: object) => void;
  /** What else an epoch's line says, for example scores. */
  readonly measure?: () => Promise<object>;
  /** The state is saved this many milliseconds after the last save at the earliest. */
  readonly saveEveryMs?: number;
}

/**
 * Trains the job's model in a folder, or loads its checkpoint `result` if it is trained already.
 *
 * An interrupted training saves the state after its last whole epoch before it ends.
 */
export async function trainInFolder(
  folder: RunFolder,
  job: Job,
  result: string,
  options: TrainOptions = {},
): Promise<void> {
  const { saveEveryMs = defaultSaveEveryMs, watch = {} } = options;
  if (await loadTrained(folder, job, result)) {
    await folder.discard(trainingFile);
    return;
  }
  const saved = await savedTraining(folder, job);
  const done = saved?.resume.epoch ?? 0;
  await folder.keepMetrics((line) => line["phase"] !== "train" || Number(line["epoch"]) <= done);
  const known = (await folder.metrics()).filter((line) => line["phase"] === "train");
  if (known.length !== done) {
    saved?.refuse(`metrics.jsonl has ${known.length} of the ${done} epochs it has behind it`);
  }
  const stopNow = new AbortController();
  let epochMs = Infinity;
  const stop = (): void => {
    if (epochMs >= longEpochMs) stopNow.abort(watch.signal!.reason);
  };
  watch.signal?.addEventListener("abort", stop);
  if (watch.signal?.aborted === true) stop();
  let lastSave = performance.now();
  let lastEpoch = lastSave;
  // The state after the last epoch, where it is not in the file.
  let unsaved: TrainState | undefined;
  try {
    await trainJob(job, {
      resume: saved?.resume,
      watch: { ...watch, signal: stopNow.signal },
      async onEpoch(epoch, totals, save) {
        const { loss, accuracy } = totals;
        // Of a network of diffusion nothing is right or wrong.
        const hits = job.task.name === classification.name ? { accuracy } : {};
        const line = { phase: "train", epoch, loss, ...hits, ...(await options.measure?.()) };
        await folder.log(line);
        options.onEpoch?.(line);
        unsaved = undefined;
        const now = performance.now();
        epochMs = now - lastEpoch;
        lastEpoch = now;
        if (epoch === job.config.epochs) return;
        const interrupted = watch.signal?.aborted === true;
        if (interrupted || now - lastSave >= saveEveryMs) {
          await saveTraining(folder, job, await save());
          lastSave = performance.now();
        } else if (epochMs >= longEpochMs) {
          unsaved = await save();
        }
        watch.signal?.throwIfAborted();
      },
    });
  } catch (error) {
    if (watch.signal?.aborted === true && unsaved !== undefined) {
      await saveTraining(folder, job, unsaved);
    }
    throw error;
  } finally {
    watch.signal?.removeEventListener("abort", stop);
  }
  await writeWhole(folder, result, job);
  await folder.discard(trainingFile);
}

/** Reads what {@link saveTraining} wrote. */
async function savedTraining(
  folder: RunFolder,
  job: Job,
): Promise<{ readonly resume: TrainState; refuse: (what: string) => never } | undefined> {
  const fields = trainingFields(job.config.epochs - 1);
  const state = await readState(folder, trainingFile, job, fields);
  if (state === undefined) return undefined;
  const { refuse } = state;
  const resume = unpackTraining(state.tensors, state.fields, job.model, refuse);
  const { average } = resume;
  if ((average !== undefined) !== (job.average !== undefined)) {
    refuse("its weights have an average where the configuration has none, or the other way");
  }
  putBack(state, () => {
    job.model.load(resume.tensors);
    if (average !== undefined) job.average?.model.load(average);
  });
  return { resume, refuse };
}

/** Saves the state after an epoch. */
async function saveTraining(folder: RunFolder, { model }: Job, state: TrainState): Promise<void> {
  const { tensors, metadata } = packTraining(state, model);
  await folder.writeCheckpoint(trainingFile, tensors, { ...metadata, ...computedIn(model.gpu) });
}

/** Loads a trained checkpoint of a folder into the job's model; false if there is none. */
export async function loadTrained(
  folder: RunFolder,
  job: Job<SetupConfig>,
  name: string,
): Promise<boolean> {
  const checkpoint = await folder.readCheckpoint(name);
  if (checkpoint === undefined) return false;
  requireModel(checkpoint.metadata, job, folder.file(name));
  job.model.load(checkpoint.tensors);
  job.average?.model.load(unprefixed("average", checkpoint.tensors));
  return true;
}
