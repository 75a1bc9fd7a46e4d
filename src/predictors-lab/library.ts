/**
 * A library of trajectories to fit predictors to: many small trainings, each with the fine-tunings on D_f
 * that unlearning would follow it with.
 *
 * What training i is follows from the seed and i alone, so that a library can be made again from its
 * manifest, grown, and continued after an interruption. A file holds, for each phase and tensor, some
 * weights' histories, the same weights in every phase: the first value in float32, the steps from snapshot
 * to snapshot in half precision over the tensor's largest step.
 */
import { z } from "zod";
import { networks } from "../../models/index.ts";
import type { DataConfig, TrainConfig } from "../runs/config.ts";
import { type ParameterKind, parameterKinds } from "../weights/arena.ts";
import type { Gpu } from "../gpu/device.ts";
import { Owned } from "../gpu/owned.ts";
import { DataError } from "../errors.ts";
import { parseJson } from "../platform/json.ts";
import type { TensorFile } from "../io/safetensors.ts";
import type { Tensor } from "../io/safetensors.ts";
import { prepareJob } from "../runs/job.ts";
import type { OptimizerSettings } from "../optim/index.ts";
import { Random } from "../random.ts";
import { paperAugmentation } from "../feed/augment.ts";
import { trainJob } from "../api/training.ts";
import type { Watch } from "../train/replay.ts";
import { Trajectory } from "../weights/trajectory/record.ts";
import { stepTrainer } from "../unlearn/steps.ts";

/** Images a library trains on; `name` tells sources apart. */
export interface LibrarySource {
  readonly name: string;
  readonly data: Pick<DataConfig, "name" | "dir">;
}

/** What decides a library, given an adapter. */
export interface LibrarySettings {
  readonly seed: number;
  /** Snapshots of a window: history and horizon together. */
  readonly length: number;
  /** Weights of a tensor that are kept at most, drawn among those that moved. */
  readonly perTensor: number;
  readonly architectures: readonly TrainConfig["model"]["name"][];
}

/** Networks small enough to train by the dozen. */
export const libraryArchitectures = [
  "mlp",
  "small-cnn",
  "tiny-cnn",
  "simple-net",
  "tiny-resnet",
  "tiny-vit",
] as const satisfies readonly TrainConfig["model"]["name"][];

/** One training with its fine-tunings. */
export interface LibraryTraining {
  readonly source: string;
  /** As `rewind train` would be told; `epochs` end with the window. */
  readonly train: TrainConfig;
  /** Fine-tunings on D_f from the trained weights, a window each. */
  readonly fineTunings: readonly {
    readonly learningRate: number;
    readonly optimizer: OptimizerSettings;
    readonly batch: number;
  }[];
}

/** Training number i of a library. */
export function libraryTraining(
  i: number,
  sources: readonly LibrarySource[],
  { seed, length, architectures }: LibrarySettings,
): LibraryTraining {
  const random = new Random(seed).fork(`library ${i}`);
  const pick = <T>(options: readonly T[]): T => options[random.int(options.length)]!;
  // In turn, so that a library of any size has every pair it can.
  const model = architectures[i % architectures.length]!;
  const source = sources[Math.floor(i / architectures.length) % sources.length]!;
  const adamRates = [3e-4, 1e-3, 2e-3];
  const [optimizer, rates] = pick<readonly [OptimizerSettings, readonly number[]]>([
    [{ name: "adam" }, adamRates],
    [{ name: "adam" }, adamRates],
    [{ name: "adam", decoupled: true, weightDecay: 0.01 }, adamRates],
    [{ name: "sgd", momentum: 0.9 }, [0.003, 0.01]],
    [{ name: "sgd" }, [0.02, 0.05]],
  ]);
  const scenario = pick<TrainConfig["scenario"]>([
    { name: "label-noise", share: 0.2 },
    { name: "label-noise", share: 0.4 },
    { name: "standard", share: 0.3 },
  ]);
  const adam = { name: "adam" } as const;
  return {
    source: source.name,
    train: {
      data: { ...source.data, trainCount: pick([300, 500, 800]), testCount: 100 },
      scenario,
      model: {
        name: model,
        ...networks.find(model).varied?.(pick),
      },
      epochs: pick([1, 4, 12]) + length - 1,
      batch: pick([32, 64, 128]),
      learningRate: pick(rates),
      schedule: pick(["constant", "cosine"] as const),
      optimizer,
      ...(pick([false, false, true]) ? { augment: paperAugmentation } : {}),
      seed: random.int(2 ** 31),
    },
    fineTunings: [
      { learningRate: 3e-5, optimizer: adam, batch: pick([50, 200]) },
      { learningRate: pick([1e-4, 3e-4]), optimizer: adam, batch: pick([50, 200]) },
      { learningRate: pick([1e-4, 1e-3]), optimizer: { name: "sgd", momentum: 0.9 }, batch: 128 },
    ],
  };
}

/** Histories of some weights of a tensor, oldest first, [weights, length]. */
export interface LibraryHistory {
  readonly phase: "train" | "fine-tune";
  readonly learningRate: number;
  readonly name: string;
  readonly kind: ParameterKind;
  readonly rows: Float32Array;
}

/** Trains network i and returns the histories of some of its weights. */
export async function recordLibraryTraining(
  gpu: Gpu,
  training: LibraryTraining,
  { length, perTensor }: LibrarySettings,
  watch: Watch = {},
): Promise<LibraryHistory[]> {
  return Owned.within(async (owned) => {
    const job = owned.add(await prepareJob(gpu, training.train));
    const { model } = job;
    const { seed, epochs } = training.train;
    const trajectory = owned.add(await Trajectory.create(gpu, model.slots, length));
    const histories: LibraryHistory[] = [];
    // The same weights in every phase: a fine-tuning goes on where the training ended.
    const kept = new Map<string, number[]>();
    const keep = async (phase: LibraryHistory["phase"], learningRate: number): Promise<void> => {
      for (const [name, history] of await trajectory.read()) {
        const { kind } = model.parameters.layout.slot(name);
        const draw = new Random(seed).fork(`weights of ${name}`);
        const weights = kept.get(name) ?? movedWeights(history, length, perTensor, draw);
        kept.set(name, weights);
        if (weights.length === 0) continue;
        const rows = rowsOf(history, length, weights);
        histories.push({ phase, learningRate, name, kind, rows });
      }
      trajectory.reset();
    };
    await trainJob(job, {
      watch,
      onEpoch: (epoch) => {
        if (epoch > epochs - length) trajectory.record(model.parameters);
        return Promise.resolve();
      },
    });
    await keep("train", training.train.learningRate);
    const trained = await model.save();
    const { data, items } = job.request(seed).forget;
    for (const { learningRate, optimizer, batch } of training.fineTunings) {
      model.load(trained);
      const settings = { optimizer, batch: Math.min(batch, items.length) };
      await Owned.within(async (own) => {
        const trainer = own.add(await stepTrainer(job, data, items, settings));
        for (let epoch = 0; epoch < length; epoch++) {
          trajectory.record(model.parameters);
          if (epoch === length - 1) break;
          const stream = new Random(seed).fork(`fine-tune ${learningRate} epoch ${epoch}`);
          const order = stream.shuffle(Uint32Array.from(items));
          await trainer.epoch({ order, learningRate, seed: stream.int(2 ** 31) }, watch);
        }
      });
      await keep("fine-tune", learningRate);
    }
    return histories;
  });
}

/** At most `count` of the weights that moved. */
function movedWeights(
  history: Float32Array,
  length: number,
  count: number,
  random: Random,
): number[] {
  const size = history.length / length;
  const moved = random.permutation(size).filter((i) => {
    for (let k = 1; k < length; k++) if (history[k * size + i] !== history[i]) return true;
    return false;
  });
  return Array.from(moved.slice(0, count));
}

/** Histories [length, size] of some weights as rows [weights, length]. */
function rowsOf(history: Float32Array, length: number, weights: readonly number[]): Float32Array {
  const size = history.length / length;
  const rows = new Float32Array(weights.length * length);
  weights.forEach((i, row) => {
    for (let k = 0; k < length; k++) rows[row * length + k] = history[k * size + i]!;
  });
  return rows;
}

/** Tensors of a library file: by history the first values, the steps in half precision, and their unit. */
export function encodeHistories(
  histories: readonly LibraryHistory[],
  length: number,
): { tensors: Map<string, Tensor>; metadata: Record<string, string> } {
  const tensors = new Map<string, Tensor>();
  const list = histories.map(({ rows, ...rest }, h) => {
    const count = rows.length / length;
    const first = new Float32Array(count);
    const steps = new Float32Array(count * (length - 1));
    let unit = 0;
    for (let i = 0; i < count; i++) {
      first[i] = rows[i * length]!;
      for (let k = 1; k < length; k++) {
        const step = rows[i * length + k]! - rows[i * length + k - 1]!;
        steps[i * (length - 1) + k - 1] = step;
        unit = Math.max(unit, Math.abs(step));
      }
    }
    tensors.set(`${h}.first`, { shape: [count], data: first });
    tensors.set(`${h}.steps`, {
      shape: [count, length - 1],
      data: unit === 0 ? steps : steps.map((step) => step / unit),
      format: "F16",
    });
    return { ...rest, unit };
  });
  return { tensors, metadata: { format: "rewind library 1", histories: JSON.stringify(list) } };
}

const historiesSchema = z.array(
  z.object({
    phase: z.enum(["train", "fine-tune"]),
    learningRate: z.number(),
    name: z.string(),
    kind: z.enum(parameterKinds),
    unit: z.number(),
  }),
);

/** What {@link encodeHistories} wrote. @throws DataError for a file of another kind. */
export function decodeHistories({ tensors, metadata }: TensorFile, name: string): LibraryHistory[] {
  if (metadata["format"] !== "rewind library 1") {
    throw new DataError(`"${name}" is no file of a trajectory library.`);
  }
  let list: z.infer<typeof historiesSchema>;
  try {
    list = historiesSchema.parse(parseJson(metadata["histories"] ?? "[]"));
  } catch (cause) {
    throw new DataError(
      `"${name}" is damaged: its list of histories is not one; record it again.`,
      {
        cause,
      },
    );
  }
  return list.map(({ unit, ...rest }, h) => {
    const first = tensors.get(`${h}.first`)?.data ?? new Float32Array(0);
    const steps = tensors.get(`${h}.steps`)?.data ?? new Float32Array(0);
    const length = steps.length / first.length + 1;
    if (!Number.isInteger(length)) {
      throw new DataError(
        `"${name}" is damaged: history ${h} has no whole steps; record it again.`,
      );
    }
    const rows = new Float32Array(first.length * length);
    first.forEach((value, i) => {
      let at = value;
      rows[i * length] = value;
      for (let k = 1; k < length; k++) {
        at += unit * steps[i * (length - 1) + k - 1]!;
        rows[i * length + k] = at;
      }
    });
    return { ...rest, rows };
  });
}
