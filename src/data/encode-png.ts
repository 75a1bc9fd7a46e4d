/** Pixels to PNG files, by the jSquash codec. */
import encode, { init } from "@jsquash/png/encode.js";
import { codecModule } from "../platform/codecs.ts";
import type { DecodedImage } from "./decoded-image.ts";

let ready: Promise<unknown> | undefined;

async function start(): Promise<unknown> {
  const module = await codecModule("@jsquash/png/codec/pkg/squoosh_png_bg.wasm");
  // The declared type misses the compiled module it takes.
  return (init as (module?: WebAssembly.Module) => Promise<unknown>)(module);
}

/** A PNG file of an image; the same pixels give the same bytes. */
export async function encodePng({ width, height, data }: DecodedImage): Promise<Uint8Array> {
  await (ready ??= start());
  return new Uint8Array(await encode({ width, height, data } as ImageData));
}
