/** What a WebP file says of itself. */
import { exifOrientation, latin1 } from "./image-bytes.ts";

/** A WebP file's header. */
export interface WebpHeader {
  readonly height: number;
  readonly width: number;
  readonly animated: boolean;
  /** EXIF orientation, 1 where nothing is said. */
  readonly orientation: number;
  /** The file ends before the place where it says it does. */
  readonly cut: boolean;
}

/** Reads the header, and the EXIF data behind the pixels; undefined if they are damaged. */
export function webpHeader(bytes: Uint8Array): WebpHeader | undefined {
  if (bytes.length < 30) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const cut = view.getUint32(4, true) + 8 > bytes.length;
  const kind = latin1(bytes, 12, 4);
  const still = { animated: false, orientation: 1, cut };
  if (kind === "VP8 ") {
    const [width, height] = [view.getUint16(26, true) & 0x3fff, view.getUint16(28, true) & 0x3fff];
    return { ...still, width, height };
  }
  if (kind === "VP8L") {
    const sizes = view.getUint32(21, true);
    return { ...still, width: (sizes & 0x3fff) + 1, height: ((sizes >>> 14) & 0x3fff) + 1 };
  }
  if (kind !== "VP8X") return undefined;
  const size = (at: number): number => (view.getUint32(at, true) & 0xffffff) + 1;
  return {
    width: size(24),
    height: (view.getUint32(26, true) >>> 8) + 1,
    animated: (bytes[20]! & 2) !== 0,
    orientation: exifChunk(bytes, view) ?? 1,
    cut,
  };
}

/** The orientation in the chunk of EXIF data, if there is one. */
function exifChunk(bytes: Uint8Array, view: DataView): number | undefined {
  for (let at = 12; at + 8 <= bytes.length;) {
    const length = view.getUint32(at + 4, true);
    if (latin1(bytes, at, 4) === "EXIF") {
      const prefix = latin1(bytes, at + 8, 6) === "Exif\0\0" ? 6 : 0;
      return exifOrientation(bytes.subarray(at + 8 + prefix, at + 8 + length));
    }
    // Chunks begin at even bytes.
    at += 8 + length + (length & 1);
  }
  return undefined;
}
