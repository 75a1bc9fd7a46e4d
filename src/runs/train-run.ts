/**
 * Training in a folder: checkpoints on the way, and resuming from them.
 *
 * A training that was killed anywhere continues, with the same command, from its last checkpoint and ends
 * with the same bits on the same adapter.
 */
import type { RunFolder } from "../report/run-folder.ts";
import type { Watch } from "../train/replay.ts";
import { prefixed, requireModel, unprefixed, writeWhole } from "./checkpoints.ts";
import type { SetupConfig } from "./config.ts";
import type { Job } from "./job.ts";
import { type TrainState, trainJob } from "../api/training.ts";

/** Training state between epochs; removed when training is done. */
const trainingFile = "training-state.safetensors";

/** Saves are this many milliseconds apart at least, so that short epochs stay short. */
const defaultSaveEveryMs = 15_000;

/** Trains the job's model in a folder, or loads its checkpoint `result` if it is trained already. */
export async function trainInFolder(
  folder: RunFolder,
  job: Job,
  result: string,
  options: {
    watch?: Watch;
    onEpoch?: (line: object) => void;
    /** What else an epoch's line says, for example scores. */
    measure?: () => Promise<object>;
    /** The state is saved this many milliseconds after the last save at the earliest. */
    saveEveryMs?: number;
  } = {},
): Promise<void> {
  const { model } = job;
  const { saveEveryMs = defaultSaveEveryMs } = options;
  if (await loadTrained(folder, job, result)) return;
  const saved = await folder.readCheckpoint(trainingFile);
  let resume: TrainState | undefined;
  if (saved !== undefined) {
    requireModel(saved.metadata, job, folder.file(trainingFile));
    const moments = Number(saved.metadata["moments"]);
    resume = {
      epoch: Number(saved.metadata["epoch"]),
      tensors: unprefixed("model", saved.tensors),
      optimizer: {
        step: Number(saved.metadata["step"]),
        moments: Array.from({ length: moments }, (_, i) => {
          const moment = unprefixed(`moment${i + 1}`, saved.tensors);
          return new Map([...moment].map(([name, { data }]) => [name, data]));
        }),
      },
      snapshots: Array.from({ length: Number(saved.metadata["snapshots"] ?? 0) }, (_, k) => {
        const snapshot = unprefixed(`snapshot${k + 1}`, saved.tensors);
        return new Map([...snapshot].map(([name, { data }]) => [name, data]));
      }),
    };
  }
  const done = resume?.epoch ?? 0;
  await folder.keepMetrics((line) => line["phase"] !== "train" || Number(line["epoch"]) <= done);
  let lastSave = performance.now();
  await trainJob(job, {
    resume,
    ...(options.watch === undefined ? {} : { watch: options.watch }),
    async onEpoch(epoch, totals, save) {
      const { loss, accuracy } = totals;
      const line = { phase: "train", epoch, loss, accuracy, ...(await options.measure?.()) };
      await folder.log(line);
      options.onEpoch?.(line);
      if (performance.now() - lastSave < saveEveryMs || epoch === job.config.epochs) return;
      const state = await save();
      const shapes = new Map(model.slots.map((slot) => [slot.name, slot.shape]));
      const tensors = prefixed("model", state.tensors);
      for (const [prefix, list] of [
        ["moment", state.optimizer.moments],
        ["snapshot", state.snapshots],
      ] as const) {
        for (const [i, part] of list.entries()) {
          for (const [name, data] of part) {
            tensors.set(`${prefix}${i + 1}/${name}`, { shape: shapes.get(name)!, data });
          }
        }
      }
      await folder.writeCheckpoint(trainingFile, tensors, {
        model: model.spec.name,
        epoch: String(epoch),
        step: String(state.optimizer.step),
        moments: String(state.optimizer.moments.length),
        snapshots: String(state.snapshots.length),
      });
      lastSave = performance.now();
    },
  });
  await writeWhole(folder, result, job);
  await folder.discard(trainingFile);
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
  return true;
}
