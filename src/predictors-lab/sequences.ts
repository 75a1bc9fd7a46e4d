/** What a trajectory library holds, as sequences of snapshots that windows are cut from. */
import { z } from "zod";
import type { ParameterKind } from "../weights/arena.ts";
import { DataError } from "../errors.ts";
import { readSealed } from "../io/seal.ts";
import { exists, join, readBytes, readJson } from "../platform/files.ts";
import { decodeHistories, type LibraryHistory, type LibraryTraining } from "./library.ts";

/** Where in a network's life a window lies. */
export const phases = ["early", "late", "start", "fine-tune"] as const;

/**
 * `early`: the first epochs of a training. `late`: after twelve or more. `fine-tune`: on D_f alone.
 * `start`: across the end of training and the start of fine-tuning, as the first window of a rewind lies; its
 * target is a weight of the training, its history fine-tuning from the trained weight on.
 */
export type Phase = (typeof phases)[number];

/** Epochs after which a training counts as late. */
const lateEpochs = 12;

/** Histories of some weights of one tensor in one phase. */
export interface Sequence {
  /** Number of the training in its library, from 1. */
  readonly training: number;
  readonly architecture: string;
  readonly source: string;
  readonly phase: Phase;
  readonly kind: ParameterKind;
  /** Snapshots, one an epoch, oldest first: [weights, length]. */
  readonly rows: Float32Array;
  readonly length: number;
  /** Epochs of its phase before the first snapshot. */
  readonly epoch: number;
  /** In `start`: the snapshot where fine-tuning begins. */
  readonly fineTuneStart?: number;
}

const count = z
  .number()
  .int()
  .min(2)
  .max(2 ** 20);

/** What is read of a manifest. */
const manifestSchema = z.looseObject({
  seed: z.number(),
  length: count,
  perTensor: z.number(),
  architectures: z.array(z.string()),
  sources: z.array(z.string()),
  trainings: z.array(
    z.looseObject({
      file: z.string(),
      source: z.string(),
      train: z.looseObject({ model: z.looseObject({ name: z.string() }), epochs: z.number() }),
    }),
  ),
});

/** An opened library. */
export interface Library {
  /** Snapshots of a history. */
  readonly length: number;
  readonly trainings: number;
  /** What it was made of, for provenance. */
  readonly description: string;
  /** Paths of its files. */
  readonly files: readonly string[];
  readonly sequences: readonly Sequence[];
}

interface Manifest {
  readonly format?: string;
  readonly seed: number;
  readonly length: number;
  readonly perTensor: number;
  readonly architectures: readonly string[];
  readonly sources: readonly string[];
  readonly trainings: readonly (LibraryTraining & { readonly file: string })[];
}

/**
 * Reads a library that `rewind predictor record` made.
 *
 * @throws DataError if the folder holds none, or a file of it is missing or of another kind.
 */
export async function openLibrary(folder: string): Promise<Library> {
  const path = join(folder, "manifest.json");
  if (!(await exists(path))) {
    throw new DataError(
      `"${folder}" is no finished trajectory library (no manifest.json); \`rewind predictor record\` makes one.`,
    );
  }
  const manifest = ((await readJson(path)) ?? {}) as Manifest;
  if (manifest.format !== "rewind library 1") {
    const format = typeof manifest.format === "string" ? `"${manifest.format}"` : "not given";
    throw new DataError(`"${path}": its format is ${format}, "rewind library 1" is known.`);
  }
  const { success, error } = manifestSchema.safeParse(manifest);
  if (!success) {
    throw new DataError(`"${path}" is not valid:\n${z.prettifyError(error)}`);
  }
  const { length, seed, perTensor } = manifest;
  const sequences: Sequence[] = [];
  const files = manifest.trainings.map((entry) => join(folder, entry.file));
  for (const [i, entry] of manifest.trainings.entries()) {
    const file = files[i]!;
    const histories = decodeHistories(await readSealed(await readBytes(file), file), file);
    const sizes = new Map(histories.map(({ name, rows }) => [name, rows.length]));
    const wrong = histories.find(
      ({ name, rows }) => rows.length % length !== 0 || rows.length !== sizes.get(name),
    );
    if (wrong !== undefined) {
      throw new DataError(
        `"${file}" is damaged: its histories of "${wrong.name}" are not of ${length} snapshots each; record it again.`,
      );
    }
    for (const sequence of sequencesOf(i + 1, entry, histories, length)) sequences.push(sequence);
  }
  const parts = [
    `${manifest.trainings.length} trainings`,
    `sources ${manifest.sources.join(", ")}`,
    `networks ${manifest.architectures.join(", ")}`,
    `seed ${seed}`,
    `${length} snapshots`,
    `at most ${perTensor} weights a tensor`,
  ];
  return {
    length,
    trainings: manifest.trainings.length,
    description: parts.join("; "),
    files: [path, ...files],
    sequences,
  };
}

/** The sequences of one training: each history as it is, and each fine-tuning joined to the training. */
export function sequencesOf(
  training: number,
  { train, source }: LibraryTraining,
  histories: readonly LibraryHistory[],
  length: number,
): Sequence[] {
  const shared = { training, architecture: train.model.name, source };
  const before = train.epochs - length + 1;
  const trained = new Map(
    histories.filter(({ phase }) => phase === "train").map((one) => [one.name, one] as const),
  );
  return histories.flatMap(({ phase, name, kind, rows }): Sequence[] => {
    if (phase === "train") {
      const age = before < lateEpochs ? "early" : "late";
      return [{ ...shared, phase: age, kind, rows, length, epoch: before }];
    }
    const plain: Sequence = { ...shared, phase, kind, rows, length, epoch: 0 };
    const past = trained.get(name);
    if (past === undefined) return [plain];
    const joined = joinRows(past.rows, rows, length);
    const start: Sequence = {
      ...{ ...shared, phase: "start", kind, rows: joined, length: 2 * length - 1 },
      ...{ epoch: 0, fineTuneStart: length - 1 },
    };
    return [plain, start];
  });
}

/** Rows of training with rows of fine-tuning after them; the snapshot both have is there once. */
function joinRows(before: Float32Array, after: Float32Array, length: number): Float32Array {
  const count = before.length / length;
  const long = 2 * length - 1;
  const rows = new Float32Array(count * long);
  for (let i = 0; i < count; i++) {
    rows.set(before.subarray(i * length, (i + 1) * length), i * long);
    rows.set(after.subarray(i * length + 1, (i + 1) * length), i * long + length);
  }
  return rows;
}
