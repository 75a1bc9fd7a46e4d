/** What a JPEG file says of itself before its pixels, and the file without what does not matter to them. */
import { concat, exifOrientation, latin1 } from "./image-bytes.ts";

/** A JPEG file's header. */
export interface JpegHeader {
  readonly height: number;
  readonly width: number;
  /** 1: grey; 3: colour; 4: CMYK or YCCK. */
  readonly components: number;
  /** How the pixels are coded, where the decoder cannot: "arithmetic coding". */
  readonly unread: string | undefined;
  /** Scans of the pixels: one, or several where they come in ever finer steps. */
  readonly scans: number;
  /** EXIF orientation, 1 to 8; 1 is upright, and what is taken where nothing is said. */
  readonly orientation: number;
  /**
   * The file without metadata and without stray bytes between its segments. The decoder says only its first
   * warning: a harmless one about these would hide one that matters.
   */
  readonly plain: Uint8Array<ArrayBuffer>;
}

const codings: { readonly [marker: number]: string } = {
  0xc3: "lossless coding",
  0xc5: "hierarchical coding",
  0xc6: "hierarchical coding",
  0xc7: "lossless coding",
  0xc9: "arithmetic coding",
  0xca: "arithmetic coding",
  0xcb: "lossless coding",
  0xcd: "arithmetic coding",
  0xce: "arithmetic coding",
  0xcf: "lossless coding",
};

/** Reads the segments in front of the first scan; undefined if they are damaged or no frame is among them. */
export function jpegHeader(bytes: Uint8Array): JpegHeader | undefined {
  const kept: Uint8Array[] = [bytes.subarray(0, 2)];
  let frame: Pick<JpegHeader, "height" | "width" | "components" | "unread"> | undefined;
  let orientation = 1;
  for (let at = 2; at + 4 <= bytes.length;) {
    // Any number of FF may stand before a marker; other bytes should not, but decoders skip them.
    if (bytes[at] !== 0xff || bytes[at + 1] === 0xff || bytes[at + 1] === 0) {
      at++;
      continue;
    }
    const marker = bytes[at + 1]!;
    if (marker === 0xda) {
      const scans = scansOf(bytes, at);
      kept.push(bytes.subarray(at));
      return frame && { ...frame, scans, orientation, plain: concat(kept) };
    }
    // These stand alone: what follows them is no length.
    if (marker === 0x01 || (marker >= 0xd0 && marker <= 0xd7)) {
      at += 2;
      continue;
    }
    const end = at + 2 + bytes[at + 2]! * 256 + bytes[at + 3]!;
    if (end < at + 4 || end > bytes.length) return undefined;
    const body = bytes.subarray(at + 4, end);
    if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)) {
      if (body.length < 6) return undefined;
      const [precision, high, low, left, right, components] = body as unknown as number[];
      frame = {
        height: high! * 256 + low!,
        width: left! * 256 + right!,
        components: components!,
        unread: precision === 8 ? codings[marker] : `${precision} bits a sample`,
      };
    }
    if (marker === 0xe1 && latin1(body, 0, 6) === "Exif\0\0") {
      orientation = exifOrientation(body.subarray(6)) ?? orientation;
    }
    // Segments for applications: JFIF's and Adobe's say which colours are meant, others are metadata, as comments are.
    const metadata = (marker > 0xe0 && marker <= 0xef && marker !== 0xee) || marker === 0xfe;
    if (!metadata) kept.push(usual(bytes.slice(at, end)));
    at = end;
  }
  return undefined;
}

/** Scans from the first on; those of a preview behind the pixels count, too. */
function scansOf(bytes: Uint8Array, first: number): number {
  let scans = 0;
  for (let at = first; at >= 0; at = bytes.indexOf(0xff, at + 1)) {
    if (bytes[at + 1] === 0xda) scans++;
  }
  return scans;
}

/**
 * A segment with what decoders take for granted where it says something odd: JFIF of major version 1, and YCbCr for a
 * colour transform of Adobe's that is unknown.
 */
function usual(segment: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  if (segment[1] === 0xe0 && latin1(segment, 4, 5) === "JFIF\0") segment[9] = 1;
  if (segment[1] === 0xee && latin1(segment, 4, 5) === "Adobe" && segment[15]! > 2) segment[15] = 1;
  return segment;
}
