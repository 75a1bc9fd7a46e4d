/** The one way to open a file of tensors that somebody gives: its kind is told by its content. */
import { DataError } from "../errors.ts";
import { tensorFileKind } from "./file-kind.ts";
import { type KerasDense, readKerasDense } from "./keras-h5.ts";
import { readSafetensors, type Tensor, type TensorFile } from "./safetensors.ts";
import { readTorch } from "./torch-pt.ts";

/** What a file of tensors holds. */
export type TensorContents = TensorFile & {
  /** What was done to its names, and what was passed over: a sentence each, for people. */
  readonly notes: readonly string[];
} & (
    | { readonly kind: "safetensors" | "torch" }
    | { readonly kind: "keras"; readonly layers: readonly KerasDense[] }
  );

/**
 * Reads the tensors of a safetensors file, a PyTorch checkpoint or a Keras file.
 *
 * @param name what errors call the file.
 * @throws DataError for a file that is damaged or of another kind: what it is, and what to do.
 */
export async function readTensors(bytes: Uint8Array, name: string): Promise<TensorContents> {
  try {
    switch (tensorFileKind(bytes, name)) {
      case "safetensors":
        return { kind: "safetensors", notes: [], ...readSafetensors(bytes, name) };
      case "torch":
      case "torch-legacy":
        return { kind: "torch", notes: [], ...readTorch(bytes, name) };
      default: {
        const layers = await readKerasDense(bytes, name);
        const tensors = new Map<string, Tensor>(
          layers.flatMap(({ layer, kernel, bias }) => [
            [`${layer}/kernel`, kernel] as const,
            [`${layer}/bias`, bias] as const,
          ]),
        );
        return { kind: "keras", notes: [], metadata: {}, tensors, layers };
      }
    }
  } catch (cause) {
    if (cause instanceof DataError) throw cause;
    throw new DataError(`"${name}" is damaged: ${(cause as Error).message}.`, { cause });
  }
}
