/** Pixels to PNG files, by the jSquash codec. */
import type * as encoder from "@jsquash/png/encode.js";
import { codecModule } from "../platform/codecs.ts";
import type { DecodedImage } from "./decoded-image.ts";

type Encoder = typeof encoder;
let ready: Promise<Encoder> | undefined;

/** Loads the codec, at the first image. */
async function start(): Promise<Encoder> {
  const codec = await import("@jsquash/png/encode.js");
  const module = await codecModule("@jsquash/png/codec/pkg/squoosh_png_bg.wasm");
  // The declared type misses the compiled module it takes.
  await (codec.init as (module?: WebAssembly.Module) => Promise<unknown>)(module);
  return codec;
}

/** A PNG file of an image; the same pixels give the same bytes. */
export async function encodePng({ width, height, data }: DecodedImage): Promise<Uint8Array> {
  const { default: encode } = await (ready ??= start());
  return new Uint8Array(await encode({ width, height, data } as ImageData));
}
