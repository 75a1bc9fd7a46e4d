/** JPEG and PNG files to pixels, by the jSquash codecs (WebAssembly builds of mozjpeg and png). */
import decodeJpeg, { init as initJpeg } from "@jsquash/jpeg/decode.js";
import decodePng, { init as initPng } from "@jsquash/png/decode.js";
import { codecModule } from "../platform/codecs.ts";
import { DataError } from "../errors.ts";

/** A decoded image: RGBA bytes [height, width, 4]. */
export interface DecodedImage {
  readonly height: number;
  readonly width: number;
  readonly data: Uint8ClampedArray;
}

let ready: Promise<void> | undefined;

/** What libjpeg said last; it reports through the console, which is no place for a library to write. */
let complaint = "";

/**
 * Decodes a JPEG or PNG file, told apart by content; greyscale comes out as equal R, G and B.
 * Throws a DataError that names `path` if the file is neither, damaged, or cut short.
 */
export async function decodeImage(bytes: Uint8Array, path: string): Promise<DecodedImage> {
  await (ready ??= loadCodecs());
  const jpeg = startsWith(bytes, [0xff, 0xd8, 0xff]);
  if (!jpeg && !startsWith(bytes, [0x89, 0x50, 0x4e, 0x47])) {
    throw new DataError(`${path}: neither a JPEG nor a PNG file; remove or convert it.`);
  }
  const format = jpeg ? "JPEG" : "PNG";
  if (jpeg && !hasEnd(bytes)) {
    throw new DataError(`${path}: this ${format} file is cut short; replace or remove it.`);
  }
  complaint = "";
  try {
    const file = bytes.slice().buffer;
    return await (jpeg ? decodeJpeg(file) : decodePng(file));
  } catch (cause) {
    const why = jpeg && complaint !== "" ? ` (${complaint})` : "";
    throw new DataError(`${path}: this ${format} file is damaged${why}; replace or remove it.`, {
      cause,
    });
  }
}

async function loadCodecs(): Promise<void> {
  const jpeg = await codecModule("@jsquash/jpeg/codec/dec/mozjpeg_dec.wasm");
  const png = await codecModule("@jsquash/png/codec/pkg/squoosh_png_bg.wasm");
  if (jpeg === undefined || png === undefined) return;
  // The declared type of `init` misses the compiled module it takes as its first argument.
  const initJpegWith = initJpeg as unknown as (
    module: WebAssembly.Module,
    options: { printErr: (message: string) => void },
  ) => Promise<void>;
  await initJpegWith(jpeg, { printErr: (message) => (complaint = message) });
  await initPng(png);
}

function startsWith(bytes: Uint8Array, magic: readonly number[]): boolean {
  return magic.every((value, i) => bytes[i] === value);
}

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
