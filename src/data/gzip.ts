/** gzip, through the runtime's own decoder. */
import { DataError } from "../errors.ts";

/** True if the bytes begin with gzip's magic number. */
export function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

/** The unpacked bytes of a gzip file; `path` only names it in the error for a damaged one. */
export async function gunzip(bytes: Uint8Array, path: string): Promise<Uint8Array<ArrayBuffer>> {
  // `slice` narrows a possibly shared buffer to what streams accept.
  const packed = new Response(bytes.slice()).body!;
  try {
    const unpacked = packed.pipeThrough(new DecompressionStream("gzip"));
    return new Uint8Array(await new Response(unpacked).arrayBuffer());
  } catch (cause) {
    throw new DataError(
      `${path}: the gzip data is damaged or cut short (${bytes.length} bytes); fetch it again.`,
      { cause },
    );
  }
}
