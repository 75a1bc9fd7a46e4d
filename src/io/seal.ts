/**
 * Seals: a digest of a whole safetensors file inside it, so that a file that was cut, flipped or put together is told.
 *
 * The metadata `rewind.sha256` is the SHA-256 of the file with 64 zeros in its place.
 */
import { DataError } from "../errors.ts";
import { sha256 } from "../platform/digest.ts";
import { readSafetensors, type Tensor, type TensorFile, writeSafetensors } from "./safetensors.ts";

const key = "rewind.sha256";
const blank = "0".repeat(64);

/** Encodes tensors as {@link writeSafetensors} does, sealed. */
export async function writeSealed(
  tensors: ReadonlyMap<string, Tensor>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = writeSafetensors(tensors, { ...metadata, [key]: blank });
  const place = sealOf(bytes)!;
  place.set(new TextEncoder().encode(await sha256(bytes)));
  return bytes;
}

/**
 * Decodes a file and checks its seal, if it has one: those of others and of earlier versions have none.
 *
 * @param name what errors call it.
 * @throws DataError as {@link readSafetensors} does, and where the contents are not those that were sealed.
 */
export async function readSealed(
  bytes: Uint8Array,
  name?: string,
): Promise<TensorFile & { readonly sealed: boolean }> {
  const { tensors, metadata: all } = readSafetensors(bytes, name);
  const { [key]: said, ...metadata } = all;
  if (said === undefined) return { tensors, metadata, sealed: false };
  const own = new Uint8Array(bytes);
  const place = sealOf(own);
  place?.fill(0x30);
  if (place === undefined || (await sha256(own)) !== said) {
    throw new DataError(
      `"${name}" is damaged: its contents are not those that were written (their SHA-256 is another).`,
    );
  }
  return { tensors, metadata, sealed: true };
}

/** The 64 digits in a file's metadata, as a view; undefined where it has none in the form written here. */
function sealOf(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> | undefined {
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  // One byte a character, so that places in the text are places in the file.
  const header = new TextDecoder("latin1").decode(bytes.subarray(8, 8 + length));
  const found = new RegExp(
    `"__metadata__":\\{.*?"${key.replace(".", "\\.")}":"(?=[0-9a-f]{64}")`,
    "s",
  ).exec(header);
  if (found === null) return undefined;
  const at = 8 + found.index + found[0].length;
  return bytes.subarray(at, at + blank.length);
}
