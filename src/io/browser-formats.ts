/** `#formats` in browsers, where a bundle of the core holds no reader of others' files. */
import { DataError } from "../errors.ts";
import { requireFinite } from "./finite.ts";
import { readSealed } from "./seal.ts";
import type { readTensors as readAny } from "./tensor-file.ts";

/** Reads a safetensors file. @throws DataError for any other. */
export const readTensors: typeof readAny = async (bytes, name, options) => {
  // The brace of the header behind the eight bytes of its length.
  if (bytes[8] !== 0x7b) {
    throw new DataError(
      `"${name}" is no safetensors file, and in browsers the core reads no other; read it with \`readTensors\` of ` +
        "rewind-webgpu/io and hand over what that returns.",
    );
  }
  const { tensors, metadata } = await readSealed(bytes, name);
  if (options?.allowNonfinite !== true) requireFinite(tensors, name);
  return { kind: "safetensors", notes: [], tensors, metadata };
};
