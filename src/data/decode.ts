/**
 * JPEG, PNG and WebP files to pixels, by the jSquash codecs (WebAssembly builds of mozjpeg, png and libwebp).
 *
 * What the codecs let pass is refused here: damage that libjpeg only warns of, checksums of PNG. Pixels are
 * as stored: an EXIF orientation is not applied, transparency is left away without a background, 16 bits become
 * their upper 8. Embedded colour profiles are left aside.
 */
import { DataError } from "../errors.ts";
import { Codec, CodecError } from "./codec.ts";
import type { DecodedImage } from "./decoded-image.ts";
import { imageKind, impostor } from "./image-kinds.ts";
import { jpegHeader } from "./jpeg-header.ts";
import { checkPng, pngHeader } from "./png-check.ts";
import { webpHeader } from "./webp-header.ts";

const jpeg = new Codec(
  "@jsquash/jpeg/codec/dec/mozjpeg_dec.wasm",
  () => import("@jsquash/jpeg/decode.js"),
);
const png = new Codec(
  "@jsquash/png/codec/pkg/squoosh_png_bg.wasm",
  () => import("@jsquash/png/decode.js"),
);
const webp = new Codec(
  "@jsquash/webp/codec/dec/webp_dec.wasm",
  () => import("@jsquash/webp/decode.js"),
);

/** Pixels an image may have: its header is believed only so far, and nothing is allocated for more. */
export const mostPixels = 100_000_000;

/**
 * Decodes a JPEG, PNG or WebP file, told apart by content; greyscale comes out as equal R, G and B.
 *
 * @throws DataError that names `path` if the file is none of them, is damaged or cut short, has more than
 * {@link mostPixels} pixels, or is of a kind that is not read (CMYK, several images in one).
 */
export async function decodeImage(bytes: Uint8Array, path: string): Promise<DecodedImage> {
  const kind = imageKind(bytes);
  if (kind?.name === "JPEG") return decodeJpegFile(bytes, path);
  if (kind?.name === "PNG") return decodePngFile(bytes, path);
  if (kind?.name === "WebP") return decodeWebpFile(bytes, path);
  if (kind !== undefined) {
    const article = /^[AH]/.test(kind.name) ? "an" : "a";
    throw new DataError(
      `${path}: ${article} ${kind.name} image, which is not read; convert it to PNG or JPEG.`,
    );
  }
  const other = impostor(bytes);
  throw new DataError(
    other === undefined
      ? `${path}: neither a JPEG nor a PNG nor a WebP file; remove or convert it.`
      : `${path}: ${other}.`,
  );
}

async function decodeJpegFile(bytes: Uint8Array, path: string): Promise<DecodedImage> {
  const header = jpegHeader(bytes);
  if (header === undefined) throw damaged(path, "JPEG", "its header is not whole");
  if (!hasEnd(bytes)) throw cutShort(path, "JPEG");
  requirePixels(header, path, bytes.length * jpegPixels);
  if (header.scans * header.height * header.width > mostScanned) {
    throw new DataError(
      `${path}: a JPEG file with ${header.scans} scans of ${header.width}×${header.height} pixels, which take too ` +
        "long; save it as an ordinary JPEG or PNG.",
    );
  }
  if (header.components === 4) {
    throw new DataError(`${path}: a JPEG file in CMYK, which is not read; convert it to RGB.`);
  }
  if (header.unread !== undefined) {
    throw new DataError(
      `${path}: a JPEG file with ${header.unread}, which is not read; save it as an ordinary JPEG or PNG.`,
    );
  }
  const { image, complaint } = await decoded(jpeg, header.plain, path, "JPEG");
  if (complaint !== "" && !isHarmless(complaint, header.plain)) {
    throw damaged(path, "JPEG", complaint);
  }
  return { ...image, turned: header.orientation !== 1 };
}

/** Stray bytes in front of the end that are not taken for the rest of damaged pixels. */
const fewBytes = 16;

/**
 * Whether what libjpeg warns of costs no pixel: bytes between the pixels and the end of the file, if they are few or
 * padding. Many different bytes are what is left over where damaged pixels end too early.
 */
function isHarmless(complaint: string, file: Uint8Array): boolean {
  const stray = /(\d+) extraneous bytes before marker 0xd9/.exec(complaint)?.[1];
  if (stray === undefined) return false;
  const end = file.findIndex((byte, i) => byte === 0xff && file[i + 1] === 0xd9);
  const bytes = file.subarray(end - Number(stray), end);
  return bytes.length <= fewBytes || bytes.every((byte) => byte === bytes[0]);
}

async function decodePngFile(bytes: Uint8Array, path: string): Promise<DecodedImage> {
  const header = pngHeader(bytes);
  if (header === undefined) throw damaged(path, "PNG", "its header is not whole");
  requirePixels(header, path, plainPixels(bytes));
  const { damage, orientation } = checkPng(bytes, header);
  if (damage !== undefined) throw damaged(path, "PNG", damage);
  const { image } = await decoded(png, bytes, path, "PNG");
  return { ...image, turned: orientation !== 1, transparent: isTransparent(image) };
}

async function decodeWebpFile(bytes: Uint8Array, path: string): Promise<DecodedImage> {
  const header = webpHeader(bytes);
  if (header === undefined) throw damaged(path, "WebP", "its header is not whole");
  if (header.cut) throw cutShort(path, "WebP");
  requirePixels(header, path, plainPixels(bytes));
  if (header.animated) {
    throw new DataError(`${path}: a WebP file of several images; save the one that is meant.`);
  }
  const { image } = await decoded(webp, bytes, path, "WebP");
  return { ...image, turned: header.orientation !== 1, transparent: isTransparent(image) };
}

async function decoded(
  codec: Codec,
  bytes: Uint8Array,
  path: string,
  format: string,
): Promise<{ image: DecodedImage; complaint: string }> {
  try {
    return await codec.decode(new Uint8Array(bytes).buffer);
  } catch (cause) {
    if (!(cause instanceof CodecError)) throw cause;
    throw damaged(path, format, cause.complaint || "its pixels cannot be decoded", cause);
  }
}

function isTransparent({ data }: DecodedImage): boolean {
  for (let i = 3; i < data.length; i += 4) if (data[i] !== 255) return true;
  return false;
}

/** Pixels that a byte of a JPEG file may stand for: each block of 8×8 takes at least a bit. */
const jpegPixels = 512;

/** Pixels that are decoded again for every scan of a JPEG file, in all. */
const mostScanned = 20 * mostPixels;

/** Pixels that a PNG or WebP file may have: even ones take next to no bytes, but nobody has such images large. */
const plainPixels = ({ length }: Uint8Array): number => Math.max(2 ** 24, 1024 * length);

/** @param most pixels that a file of this size can hold. */
function requirePixels(
  { height, width }: { height: number; width: number },
  path: string,
  most: number,
): void {
  const pixels = height * width;
  if (pixels > 0 && pixels <= Math.min(most, mostPixels)) return;
  throw new DataError(
    `${path}: its header says ${width}×${height} pixels; images have at least one, at most ${mostPixels / 1e6} million, ` +
      "and no more than their bytes can hold. The file is damaged, or is to be made smaller.",
  );
}

const damaged = (path: string, format: string, why: string, cause?: unknown): DataError =>
  new DataError(`${path}: this ${format} file is damaged (${why}); replace or remove it.`, {
    cause,
  });

const cutShort = (path: string, format: string): DataError =>
  new DataError(`${path}: this ${format} file is cut short; replace or remove it.`);

/**
 * True if an end marker (FF D9) follows the last scan (FF DA). libjpeg fills the missing part of a
 * shortened file with grey and does not complain, so it is looked for here; inside a scan FF is never
 * followed by either value.
 */
function hasEnd(bytes: Uint8Array): boolean {
  for (let i = bytes.length - 2; i >= 2; i--) {
    if (bytes[i] !== 0xff) continue;
    if (bytes[i + 1] === 0xd9) return true;
    if (bytes[i + 1] === 0xda) return false;
  }
  return false;
}
