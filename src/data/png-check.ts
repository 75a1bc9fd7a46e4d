/** What a PNG file says of itself, and the checksums that its decoder does not look at. */
import { unzlibSync } from "fflate";
import { adler32, crc32 } from "../io/checksums.ts";
import { concat, exifOrientation, latin1 } from "./image-bytes.ts";

/** A PNG file's header. */
export interface PngHeader {
  readonly height: number;
  readonly width: number;
  /** Bits a sample. */
  readonly depth: number;
  /** 0: grey, 2: RGB, 3: palette, 4: grey and alpha, 6: RGB and alpha. */
  readonly colour: number;
  readonly interlaced: boolean;
}

/** Samples a pixel, by colour type. */
const samples: { readonly [colour: number]: number } = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };

/** Reads the header; undefined if it is damaged. */
export function pngHeader(bytes: Uint8Array): PngHeader | undefined {
  if (bytes.length < 33) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  // Its last four bytes change where a transfer takes the file for text.
  const signature = view.getUint32(4) === 0x0d0a1a0a;
  if (!signature || view.getUint32(8) !== 13 || view.getUint32(12) !== 0x49484452) return undefined;
  const [depth, colour, , , interlace] = bytes.subarray(24, 29) as unknown as number[];
  if (samples[colour!] === undefined || ![1, 2, 4, 8, 16].includes(depth!)) return undefined;
  return {
    width: view.getUint32(16),
    height: view.getUint32(20),
    depth: depth!,
    colour: colour!,
    interlaced: interlace === 1,
  };
}

/** What the chunks of a PNG file say. */
export interface PngCheck {
  /** What is wrong; undefined if every chunk and the pixels have the checksums they came with. */
  readonly damage?: string | undefined;
  /** EXIF orientation, 1 where nothing is said. */
  readonly orientation: number;
}

/** Walks the chunks of a PNG file. */
export function checkPng(bytes: Uint8Array, header: PngHeader): PngCheck {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const data: Uint8Array[] = [];
  let orientation = 1;
  for (let at = 8; at + 12 <= bytes.length;) {
    const end = at + 12 + view.getUint32(at);
    if (end > bytes.length) break;
    const name = latin1(bytes, at + 4, 4);
    const body = bytes.subarray(at + 8, end - 4);
    if (crc32(bytes.subarray(at + 4, end - 4)) !== view.getUint32(end - 4)) {
      return { damage: `the checksum of what stands at byte ${at} is wrong`, orientation };
    }
    if (name === "IDAT") data.push(body);
    if (name === "eXIf") orientation = exifOrientation(body) ?? orientation;
    if (name === "IEND") return { damage: pixelDamage(concat(data), header), orientation };
    at = end;
  }
  return { damage: "it is cut short", orientation };
}

/** Deflate makes at most so many bytes of one. */
const mostUnpacked = 1032;

function pixelDamage(packed: Uint8Array, header: PngHeader): string | undefined {
  const length = pixelBytes(header);
  const tooFew = "it has fewer pixels than its header says";
  if (packed.length * mostUnpacked < length) return tooFew;
  let pixels: Uint8Array;
  try {
    // No more is unpacked than the header speaks of, and one byte.
    pixels = unzlibSync(packed, { out: new Uint8Array(length + 1) });
  } catch {
    return "its compressed pixels are damaged";
  }
  if (pixels.length < length) return tooFew;
  // Decoders pass over what follows the pixels.
  if (pixels.length > length) return undefined;
  const sum = new DataView(packed.buffer, packed.length - 4).getUint32(0);
  return adler32(pixels) === sum ? undefined : "the checksum of its pixels is wrong";
}

/** Passes of an interlaced image: first column and row, steps between columns and rows. */
const passes = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
] as const;

/** Bytes of the unpacked pixels: a byte for the filter of a row, then its samples. */
function pixelBytes({ height, width, depth, colour, interlaced }: PngHeader): number {
  const bits = depth * samples[colour]!;
  const rows = (columns: number, count: number): number =>
    columns === 0 ? 0 : count * (1 + Math.ceil((columns * bits) / 8));
  if (!interlaced) return rows(width, height);
  return passes.reduce(
    (sum, [x, y, dx, dy]) =>
      sum +
      rows(Math.max(0, Math.ceil((width - x) / dx)), Math.max(0, Math.ceil((height - y) / dy))),
    0,
  );
}
