/** Pieces that several kinds of image file have. */

/** Characters of one byte each; a decoder of "latin1" makes others of the bytes 80 to 9F. */
export function latin1(bytes: Uint8Array, start: number, length: number): string {
  return String.fromCharCode(...bytes.subarray(start, start + length));
}

/** One array of several. */
export function concat(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

const orientationTag = 0x0112;

/**
 * The orientation in EXIF data, 1 to 8; undefined if none is given. The data is a TIFF file: order of bytes, where its
 * list of tags begins, and there a count of tags of 12 bytes each.
 */
export function exifOrientation(tiff: Uint8Array): number | undefined {
  const view = new DataView(tiff.buffer, tiff.byteOffset, tiff.length);
  if (view.byteLength < 8) return undefined;
  const little = view.getUint16(0) === 0x4949;
  const list = view.getUint32(4, little);
  if (list + 2 > view.byteLength) return undefined;
  const tags = view.getUint16(list, little);
  for (let at = list + 2; at < list + 2 + 12 * tags && at + 12 <= view.byteLength; at += 12) {
    if (view.getUint16(at, little) !== orientationTag) continue;
    const value = view.getUint16(at + 8, little);
    return value >= 1 && value <= 8 ? value : undefined;
  }
  return undefined;
}
