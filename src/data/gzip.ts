/** gzip, through the runtime's own decoder. */
import { DataError } from "../errors.ts";
import { concat } from "./image-bytes.ts";

/** True if the bytes begin with gzip's magic number. */
export function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

/** How often unpacked bytes may be as many as packed ones, and how many they may be anyway. */
const largestRatio = 64;
const smallFile = 2 ** 26;

/**
 * The unpacked bytes of a gzip file; `path` only names it in errors.
 *
 * @throws DataError for one that is damaged, or unpacks to far more bytes than data sets do.
 */
export async function gunzip(bytes: Uint8Array, path: string): Promise<Uint8Array<ArrayBuffer>> {
  const most = Math.max(smallFile, largestRatio * bytes.length);
  // `slice` narrows a possibly shared buffer to what streams accept.
  const packed = new Response(bytes.slice()).body!;
  const reader = packed.pipeThrough(new DecompressionStream("gzip")).getReader();
  const parts: Uint8Array[] = [];
  for (let length = 0; length <= most;) {
    let next: ReadableStreamReadResult<Uint8Array>;
    try {
      next = await reader.read();
    } catch (cause) {
      throw new DataError(
        `${path}: the gzip data is damaged or cut short (${bytes.length} bytes); fetch it again.`,
        { cause },
      );
    }
    if (next.done) return concat(parts);
    parts.push(next.value);
    length += next.value.length;
  }
  await reader.cancel().catch(() => undefined);
  throw new DataError(
    `${path}: ${bytes.length} bytes of gzip data unpack to more than ${most}; unpack it yourself (\`gunzip\`) if you ` +
      "trust where it comes from.",
  );
}
