/** An unlearning between two rounds as a file, which the same call goes on from. */
import { z } from "zod";
import { bytesOf } from "../data/dataset.ts";
import { type Precision, precisions } from "../gpu/device.ts";
import { writeSafetensors } from "../io/safetensors.ts";
import { writeSealed } from "../io/seal.ts";
import type { Tensors } from "../nn/model.ts";
import { contentDigest } from "../platform/digest.ts";
import type { Corrupted } from "../scenarios/scenario.ts";
import type { Progress } from "../unlearn/driver.ts";
import { differingPart, otherState, readGivenState, type StateWords } from "./given-state.ts";
import { packRound, type RoundState, sessionFields, unpackRound } from "../unlearn/round-state.ts";

/** What a run is of: a state of another one is refused. */
export interface RunIdentity {
  readonly method: string;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly seed: number;
  readonly precision: Precision;
  /** Digests of the weights it started from, and of its images, their labels and D_f. */
  readonly start: string;
  readonly images: string;
}

/** A run after some round. */
export interface RunState extends RoundState {
  /** Round 0 first. */
  readonly history: readonly Progress[];
}

const what: Readonly<Record<keyof RunIdentity, string>> = {
  method: "method",
  settings: "settings of the method",
  seed: "seed",
  precision: "precision of the device",
  start: "weights to start from",
  images: "images, labels or images to forget",
};

const runSchema = z.object({
  version: z.literal(1),
  run: z.object({
    method: z.string(),
    settings: z.record(z.string(), z.unknown()),
    seed: z.number(),
    // States of earlier versions do not say it.
    precision: z.enum(precisions).default("exact"),
    start: z.string(),
    images: z.string(),
  }),
  history: z
    .array(
      z.object({
        round: z.number(),
        steps: z.number(),
        seconds: z.number(),
        scores: z.record(z.string(), z.number()),
      }),
    )
    .min(2),
});

const words: StateWords = {
  ...{ call: "unlearn", key: "run", of: "an unlearning" },
  ...{ another: "another run", again: "the run" },
};

/** The digest of weights. */
export async function weightsDigest(weights: Tensors): Promise<string> {
  return contentDigest(writeSafetensors(weights));
}

/** The digest of the images of a run, of the labels they were trained with, and of which must go. */
export async function imagesDigest({
  train,
  labels,
  forget,
}: Pick<Corrupted, "train" | "labels" | "forget">): Promise<string> {
  const parts = [bytesOf(train.pixels), bytesOfNumbers(labels), bytesOfNumbers(forget)];
  const digests = await Promise.all(parts.map(contentDigest));
  return contentDigest(new TextEncoder().encode(digests.join()));
}

function bytesOfNumbers({ buffer, byteOffset, byteLength }: Uint16Array | Uint32Array) {
  return new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);
}

/** A state as the bytes of a sealed safetensors file; `name` is that of the model's spec. */
export async function writeRunState(
  { history, ...round }: RunState,
  run: RunIdentity,
  name: string,
): Promise<Uint8Array<ArrayBuffer>> {
  const { tensors, metadata } = packRound(round, name);
  return writeSealed(tensors, {
    ...metadata,
    [words.key]: JSON.stringify({ version: 1, run, history }),
  });
}

/**
 * Reads what {@link writeRunState} wrote.
 *
 * @throws DataError for bytes that are no such file, or a damaged one; UsageError for a state of another run.
 */
export async function readRunState(
  bytes: Uint8Array,
  run: RunIdentity,
  name: string,
): Promise<RunState> {
  const { tensors, metadata, said, refuse } = await readGivenState(bytes, words, runSchema);
  const { history, run: other } = said;
  const fields = z.object(sessionFields).safeParse(metadata);
  if (!fields.success) return refuse(z.prettifyError(fields.error));
  const part =
    differingPart(what, run, other) ?? (metadata["model"] === name ? undefined : "network");
  if (part !== undefined) throw otherState(words, part);
  if (history.at(-1)!.round !== fields.data.round) refuse("its rounds do not fit its weights");
  return { ...unpackRound(tensors, fields.data), history };
}
