/** Reads the dense layers of a Keras weight file (HDF5), by h5wasm. */
import { DataError } from "../errors.ts";

/** A layer's kernel [in, out] and bias [out]. */
export interface KerasDense {
  readonly layer: string;
  readonly kernel: { readonly shape: readonly number[]; readonly data: Float32Array };
  readonly bias: { readonly shape: readonly number[]; readonly data: Float32Array };
}

const signature = [0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a];
let files = 0;

/**
 * The layers with weights, in the order of the number their names end with (the order of construction;
 * the file's own order mixes parallel branches).
 *
 * @param bytes the whole file; @param name what errors call it.
 * @throws DataError if it is no HDF5 file, is cut short, or a layer has no kernel and bias.
 */
export async function readKerasDense(
  bytes: Uint8Array,
  name = "weights.h5",
): Promise<KerasDense[]> {
  if (!signature.every((byte, i) => bytes[i] === byte)) {
    throw new DataError(
      `"${name}" is not an HDF5 file (wrong first bytes); a Keras .h5 weight file is needed.`,
    );
  }
  // Superblock 0 keeps the end-of-file address at byte 40: a shorter file was cut off.
  const end =
    bytes[8] === 0
      ? Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(40, true))
      : 0;
  if (bytes.length < end) {
    throw new DataError(`"${name}" is cut short: ${bytes.length} of ${end} bytes; copy it again.`);
  }
  const { ready, File, Group, Dataset } = await import("h5wasm");
  const { FS } = await ready;
  // h5wasm reads from its own memory file system.
  const path = `keras-${files++}.h5`;
  FS.writeFile(path, bytes);
  const file = new File(path, "r");
  try {
    const names = texts(file.attrs["layer_names"]?.value);
    if (names.length === 0) {
      throw new DataError(`"${name}" has no "layer_names": it is not a Keras weight file.`);
    }
    const layers: KerasDense[] = [];
    for (const layer of names) {
      const group = file.get(layer);
      if (!(group instanceof Group)) throw new DataError(`"${name}": layer "${layer}" is missing.`);
      const weights = texts(group.attrs["weight_names"]?.value);
      // Layers without weights carry an empty float array here.
      if (weights.length === 0) continue;
      const part = (suffix: string): KerasDense["kernel"] => {
        const key = weights.find((weight) => weight.endsWith(suffix));
        const data = key === undefined ? null : group.get(key);
        if (!(data instanceof Dataset) || !(data.value instanceof Float32Array)) {
          throw new DataError(
            `"${name}": layer "${layer}" has no float32 "${suffix}"; it is not a dense layer.`,
          );
        }
        return { shape: data.shape ?? [], data: data.value };
      };
      layers.push({ layer, kernel: part("kernel:0"), bias: part("bias:0") });
    }
    const order = (layer: string): number => Number(/\d+$/.exec(layer)?.[0] ?? 0);
    return layers.sort((a, b) => order(a.layer) - order(b.layer));
  } finally {
    file.close();
    FS.unlink(path);
  }
}

function texts(value: unknown): string[] {
  return Array.isArray(value)
    ? value.filter((item): item is string => typeof item === "string")
    : [];
}
