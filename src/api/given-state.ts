/** States that a call goes on from: read only where they are whole and of what that call does. */
import { z } from "zod";
import { DataError, UsageError } from "../errors.ts";
import type { TensorFile } from "../io/safetensors.ts";
import { readSealed } from "../io/seal.ts";
import { parseJson } from "../platform/json.ts";

/** What errors say of a kind of state. */
export interface StateWords {
  readonly call: "train" | "unlearn";
  /** The metadata that say what a state is of, as JSON. */
  readonly key: string;
  /** As in "no state of a training", "the state of another training" and "the training starts over". */
  readonly of: string;
  readonly another: string;
  readonly again: string;
}

/** A state that was read. */
export interface GivenState<T> extends TensorFile {
  /** What its metadata say. */
  readonly said: T;
  /** Throws the error of a state that does not hold together. */
  refuse(why: string): never;
}

/** Reads a sealed state. @throws DataError for bytes that are no such file, or a damaged one. */
export async function readGivenState<T>(
  bytes: Uint8Array,
  { call, key, of, again }: StateWords,
  schema: z.ZodType<T>,
): Promise<GivenState<T>> {
  const { tensors, metadata, sealed } = await readSealed(bytes, `${call}: resume`);
  const refuse = (why: string): never => {
    throw new DataError(
      `\`resume\` is no state of ${of}: ${why}; leave it out, and ${again} starts over.`,
    );
  };
  const text = metadata[key];
  if (!sealed || text === undefined) return refuse("it was not written by `state()`");
  const parsed = schema.safeParse(parseJson(text));
  if (!parsed.success) return refuse(z.prettifyError(parsed.error));
  return { tensors, metadata, said: parsed.data, refuse };
}

/** In which part a state differs from what is given, in words; undefined where in none. */
export function differingPart<K extends string>(
  words: Readonly<Record<K, string>>,
  given: Readonly<Record<K, unknown>>,
  state: Readonly<Record<K, unknown>>,
): string | undefined {
  const differs = (Object.keys(words) as K[]).find(
    (one) => JSON.stringify(given[one]) !== JSON.stringify(state[one]),
  );
  return differs && words[differs];
}

/** The error for a state of something else. */
export function otherState({ call, another }: StateWords, part: string): UsageError {
  return new UsageError(
    `${call}: \`resume\` is the state of ${another}: its ${part} differ from those given. Give those it was made with, ` +
      "or leave it out.",
  );
}
