/** Tensors of a file for who is in the core: the readers of all formats are loaded when the first file is read. */
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
