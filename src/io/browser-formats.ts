/** `#formats` in browsers, where a bundle of the core holds no reader of others' files. */
import { DataError } from "../errors.ts";
import { readSafetensors } from "./safetensors.ts";
import type { readTensors as readAny } from "./tensor-file.ts";

/** Reads a safetensors file. @throws DataError for any other. */
export const readTensors: typeof readAny = async (bytes, name) => {
  // The brace of the header behind the eight bytes of its length.
  if (bytes[8] !== 0x7b) {
    throw new DataError(
      `"${name}" is no safetensors file, and in browsers the core reads no other; read it with \`readTensors\` of ` +
        "rewind-webgpu/io and hand over what that returns.",
    );
  }
  return { kind: "safetensors", notes: [], ...readSafetensors(bytes, name) };
};
