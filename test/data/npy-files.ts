/** Arrays of numpy, as files. */
import { zipSync } from "fflate";

type Shape = readonly number[];

/** A .npy file. */
export function npy(
  descr: string,
  shape: Shape,
  bytes: ArrayLike<number>,
  fortran = false,
): Uint8Array {
  const order = fortran ? "True" : "False";
  const sizes = `(${shape.join(", ")}${shape.length === 1 ? "," : ""})`;
  const header = `{'descr': '${descr}', 'fortran_order': ${order}, 'shape': ${sizes}, }`;
  const padded = `${header.padEnd(117)}\n`;
  const start = [0x93, ...Buffer.from("NUMPY"), 1, 0, padded.length & 255, padded.length >> 8];
  return Uint8Array.from([...start, ...Buffer.from(padded, "latin1"), ...Array.from(bytes)]);
}

export const bytesOf = (numbers: ArrayBufferView): Uint8Array =>
  new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength);

/** An .npz file of arrays by name. */
export function archive(arrays: Record<string, Uint8Array>, level: 0 | 6 = 0): Uint8Array {
  const files = Object.entries(arrays).map(([name, array]) => [`${name}.npy`, array] as const);
  return zipSync(Object.fromEntries(files), { level });
}
