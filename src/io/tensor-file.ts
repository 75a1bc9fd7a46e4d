/** The one way to open a file of tensors that somebody gives: its kind is told by its content. */
import { shown } from "../checked.ts";
import { DataError, printable, UsageError } from "../errors.ts";
import { tensorFileKind } from "./file-kind.ts";
import { requireFinite } from "./finite.ts";
import { type KerasFile, readKeras, readKerasArchive } from "./keras-h5.ts";
import type { TensorFile } from "./safetensors.ts";
import { readSealed } from "./seal.ts";
import { withoutPrefixes } from "./state-names.ts";
import { readTorch } from "./torch-pt.ts";

/** What a file of tensors holds. */
export type TensorContents = TensorFile & {
  /** What was done to find its tensors and to their names: a sentence each, for people. */
  readonly notes: readonly string[];
} & (
    | { readonly kind: "safetensors" | "torch" }
    | ({ readonly kind: "keras" } & Pick<KerasFile, "layers" | "numbering">)
  );

/** Options of {@link readTensors}. */
export interface ReadOptions {
  /**
   * Where the tensors of a PyTorch checkpoint lie, with dots between keys: `model_ema`. By default the first
   * of `state_dict`, `model_state_dict`, `model`, `net` and other usual keys, the trained weights before
   * their running averages.
   */
  readonly key?: string | undefined;
  /**
   * Names that the network's tensors have in such files. Of several dictionaries of tensors the one with most
   * of them is taken, and of a file that holds more than the network what lies behind the prefix that fits.
   */
  readonly names?: ReadonlySet<string> | undefined;
  /** Take NaN and infinities as they are. */
  readonly allowNonfinite?: boolean | undefined;
}

/**
 * Reads the tensors of a safetensors file, a PyTorch checkpoint or a Keras file. What wrappers put before all
 * names (`module.`, `_orig_mod.`, `model.`) is taken off, unless Rewind wrote the file.
 *
 * @param name what errors call the file.
 * @throws DataError for a file that is damaged or of another kind: what it is, and what to do, and for numbers that are
 *   not finite; UsageError for a `key` that holds no tensors, and for a path in place of bytes.
 */
export async function readTensors(
  bytes: Uint8Array,
  name: string,
  options: ReadOptions = {},
): Promise<TensorContents> {
  if (!(bytes instanceof Uint8Array) || typeof name !== "string") {
    throw new UsageError(
      `readTensors: \`bytes\` must be the bytes of a file and \`name\` what errors call it, got ${shown(bytes)} and ` +
        `${shown(name)}; read the file first, as by readFile.`,
    );
  }
  try {
    const contents = await contentsOf(bytes, name, options);
    if (options.allowNonfinite !== true) requireFinite(contents.tensors, name);
    return { ...contents, notes: contents.notes.map(inOneLine) };
  } catch (cause) {
    if (cause instanceof UsageError) throw cause;
    if (cause instanceof DataError) {
      // Names of the file stand in messages.
      const message = inOneLine(cause.message);
      throw message === cause.message ? cause : new DataError(message, { cause });
    }
    // What no check foresaw, such as numbers that memory does not hold.
    throw new DataError(`"${name}" cannot be read (${(cause as Error).message}).`, { cause });
  }
}

/** Text of a file as one line without what steers a terminal. */
const inOneLine = (text: string): string => printable(text, 1000).replaceAll("\n", "\u{fffd}");

async function contentsOf(
  bytes: Uint8Array,
  name: string,
  { key, names }: ReadOptions,
): Promise<TensorContents> {
  const kind = tensorFileKind(bytes, name);
  if (kind === "torch" || kind === "torch-legacy") {
    return { kind: "torch", ...readTorch(bytes, name, { key, names }) };
  }
  if (key !== undefined) {
    throw new UsageError(`"${name}" is no PyTorch checkpoint, so \`key=${key}\` finds nothing.`);
  }
  if (kind === "safetensors") {
    const { tensors, metadata } = await readSealed(bytes, name);
    const foreign = metadata["format"] === "pt" || Object.keys(metadata).length === 0;
    const named = foreign ? withoutPrefixes({ tensors, notes: [] }, names) : { tensors, notes: [] };
    return { kind, metadata, ...named };
  }
  const read = kind === "keras" ? readKeras : readKerasArchive;
  return { kind: "keras", metadata: {}, notes: [], ...(await read(bytes, name)) };
}
