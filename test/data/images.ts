/** Images for the data tests, and files of them. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import encodeJpeg, { init as initJpeg } from "@jsquash/jpeg/encode.js";
import { defaultOptions } from "@jsquash/jpeg/meta.js";
import encodePng, { init as initPng } from "@jsquash/png/encode.js";

/** Red, green, blue. */
export type Colour = readonly [number, number, number];

/** An even image; `mark` is the colour of the pixel in row 0, column 1. */
export function image(width: number, height: number, colour: Colour, mark = colour): ImageData {
  const data = new Uint8ClampedArray(width * height * 4);
  for (let p = 0; p < width * height; p++) data.set([...(p === 1 ? mark : colour), 255], 4 * p);
  return { data, width, height, colorSpace: "srgb" } as ImageData;
}

const compiled = (file: string) =>
  WebAssembly.compile(readFileSync(fileURLToPath(import.meta.resolve(file))));
let ready: Promise<unknown> | undefined;

async function prepare(): Promise<void> {
  // The declared type of `init` misses the compiled module.
  const start = initJpeg as unknown as (module: WebAssembly.Module) => Promise<void>;
  await start(await compiled("@jsquash/jpeg/codec/enc/mozjpeg_enc.wasm"));
  await initPng(await compiled("@jsquash/png/codec/pkg/squoosh_png_bg.wasm"));
}

/** A PNG file. */
export async function png(image: ImageData): Promise<Uint8Array> {
  await (ready ??= prepare());
  return new Uint8Array(await encodePng(image));
}

/** A JPEG file in colour, or with one component (colour space 1 of mozjpeg) grey. */
export async function jpeg(image: ImageData, grey = false): Promise<Uint8Array> {
  await (ready ??= prepare());
  const space = grey ? { color_space: 1 as number } : {};
  const options = { ...defaultOptions, quality: 100, ...space } as typeof defaultOptions;
  return new Uint8Array(await encodeJpeg(image, options));
}

/** A JPEG file whose pixels are all different, so that they take many bytes. */
export async function noisyJpeg(side = 64): Promise<Uint8Array> {
  const noise = image(side, side, [0, 0, 0]);
  let state = 1;
  for (let i = 0; i < noise.data.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    if (i % 4 < 3) noise.data[i] = state >>> 24;
  }
  return jpeg(noise);
}
