/** Tensors of a file for who is in the core: the readers of all formats are loaded when the first file is read. */
import { parseCheckpoint } from "./checkpoint.ts";
import type { Tensor } from "./safetensors.ts";
import type { ReadOptions, TensorContents } from "./tensor-file.ts";

/**
 * Reads the tensors of a file, whose kind its content tells. A bundle for browsers reads safetensors alone.
 *
 * @param name what errors call the file.
 * @throws DataError for a file that is damaged or of another kind: what it is, and what to do.
 */
export async function openTensors(
  bytes: Uint8Array,
  name: string,
  options?: ReadOptions,
): Promise<TensorContents> {
  const { readTensors } = await import("#formats");
  return readTensors(bytes, name, options);
}

/** The weights of a checkpoint, Rewind's own or of others, without what it says of them. @throws DataError as {@link openTensors}. */
export async function openWeights(
  bytes: Uint8Array,
  name: string,
  options?: ReadOptions,
): Promise<Map<string, Tensor>> {
  return parseCheckpoint(await openTensors(bytes, name, options), name).tensors;
}
