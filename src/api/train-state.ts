/** A training between two epochs: what a file of it holds, and the file that the same call goes on from. */
import { z } from "zod";
import { type Precision, precisions } from "../gpu/device.ts";
import { writeSealed } from "../io/seal.ts";
import { prefixed, unprefixed, wholeText } from "../io/state-parts.ts";
import type { Model, Tensors } from "../nn/model.ts";
import { lossScaleName, lossScaleOf, lossScaleTensor } from "../train/loss-scale.ts";
import type { OptimizerState } from "../train/optimizer-arenas.ts";
import { differingPart, otherState, readGivenState, type StateWords } from "./given-state.ts";
import type { TrainingConfig } from "./training-config.ts";

/** What a training leaves behind after an epoch: enough to go on as if it had not been interrupted. */
export interface TrainState {
  readonly epoch: number;
  readonly tensors: Tensors;
  readonly optimizer: OptimizerState;
  /** Snapshots a nowcast has taken since its last forecast, oldest first. */
  readonly snapshots: readonly ReadonlyMap<string, Float32Array>[];
  /** The average of the weights, where there is one. */
  readonly average?: Tensors | undefined;
}

/** What metadata say of a training. */
interface TrainingFields {
  readonly epoch: number;
  readonly step: number;
  readonly moments: number;
  readonly snapshots: number;
}

/** The metadata of a training that has `most` epochs behind it at most. */
export function trainingFields(most: number): z.ZodType<TrainingFields, Record<string, string>> {
  return z.object({
    epoch: wholeText.pipe(z.number().min(1).max(most)),
    step: wholeText,
    moments: wholeText.pipe(z.number().max(8)),
    snapshots: wholeText.pipe(z.number().max(10_000)),
  });
}

/** Tensors and metadata of a state. */
export function packTraining(
  { epoch, tensors: weights, optimizer, snapshots, average = new Map() }: TrainState,
  { slots, spec }: Model,
): { tensors: Tensors; metadata: Record<string, string> } {
  const shapes = new Map(slots.map((slot) => [slot.name, slot.shape]));
  const tensors = new Map([...prefixed("model", weights), ...prefixed("average", average)]);
  for (const [prefix, list] of [
    ["moment", optimizer.moments],
    ["snapshot", snapshots],
  ] as const) {
    for (const [i, part] of list.entries()) {
      for (const [name, data] of part) {
        tensors.set(`${prefix}${i + 1}/${name}`, { shape: shapes.get(name)!, data });
      }
    }
  }
  const { lossScale } = optimizer;
  if (lossScale !== undefined) tensors.set(lossScaleName, lossScaleTensor(lossScale));
  return {
    tensors,
    metadata: {
      model: spec.name,
      epoch: String(epoch),
      step: String(optimizer.step),
      moments: String(optimizer.moments.length),
      snapshots: String(snapshots.length),
    },
  };
}

/** What {@link packTraining} packed. @param refuse called where its tensors are not all there. */
export function unpackTraining(
  tensors: Tensors,
  fields: TrainingFields,
  { parameters }: Model,
  refuse: (what: string) => never,
): TrainState {
  const { slots } = parameters.layout;
  const parts = (prefix: "moment" | "snapshot", count: number): Map<string, Float32Array>[] =>
    Array.from({ length: count }, (_, i) => {
      const part = unprefixed(`${prefix}${i + 1}`, tensors);
      // Forecasts of weights on their own leave batch norm out.
      const expected = slots.filter(
        ({ kind, name }) => prefix === "moment" || kind !== "norm" || part.has(name),
      );
      const unfit = expected.find(({ name, size }) => part.get(name)?.data.length !== size);
      if (unfit !== undefined || part.size !== expected.length) {
        refuse(`its ${prefix} ${i + 1} does not fit the network`);
      }
      return new Map([...part].map(([name, { data }]) => [name, data]));
    });
  const average = unprefixed("average", tensors);
  return {
    epoch: fields.epoch,
    average: average.size > 0 ? average : undefined,
    tensors: unprefixed("model", tensors),
    optimizer: {
      step: fields.step,
      moments: parts("moment", fields.moments),
      lossScale: lossScaleOf(tensors),
    },
    snapshots: parts("snapshot", fields.snapshots),
  };
}

/** What a training is of: a state of another one is refused. */
export interface TrainingIdentity {
  readonly config: TrainingConfig;
  readonly precision: Precision;
  /** Digests of the network it started from, with how it sees images, and of the images and their labels. */
  readonly start: string;
  readonly images: string;
}

const what: Readonly<Record<keyof TrainingIdentity, string>> = {
  config: "settings",
  precision: "precision of the device",
  start: "network, or the weights it started from,",
  images: "images or labels",
};

const identitySchema = z.object({
  version: z.literal(1),
  of: z.object({
    config: z.record(z.string(), z.unknown()),
    precision: z.enum(precisions),
    start: z.string(),
    images: z.string(),
  }),
});

const words: StateWords = {
  ...{ call: "train", key: "training", of: "a training" },
  ...{ another: "another training", again: "the training" },
};

/** A state as the bytes of a sealed safetensors file. */
export function writeTrainState(
  state: TrainState,
  of: TrainingIdentity,
  model: Model,
): Promise<Uint8Array<ArrayBuffer>> {
  const { tensors, metadata } = packTraining(state, model);
  return writeSealed(tensors, { ...metadata, [words.key]: JSON.stringify({ version: 1, of }) });
}

/**
 * Reads what {@link writeTrainState} wrote.
 *
 * @throws DataError for bytes that are no such file, or a damaged one; UsageError for a state of another training.
 */
export async function readTrainState(
  bytes: Uint8Array,
  of: TrainingIdentity,
  model: Model,
): Promise<TrainState> {
  const { tensors, metadata, said, refuse } = await readGivenState(bytes, words, identitySchema);
  const part = differingPart(what, of, said.of);
  if (part !== undefined) throw otherState(words, part);
  const fields = trainingFields(of.config.epochs).safeParse(metadata);
  if (!fields.success) return refuse(z.prettifyError(fields.error));
  return unpackTraining(tensors, fields.data, model, refuse);
}
