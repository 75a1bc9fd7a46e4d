/** Images enlarged for a figure, with a map over them. */
import { enlarge, type Extent } from "../data/enlarge.ts";
import type { DecodedImage } from "../data/decoded-image.ts";

/** A colour's red, green and blue, 0 to 255. */
export type Colour = readonly [number, number, number];

/**
 * Viridis: its lightness rises evenly, with any colour vision and in grey (van der Walt and Smith, 2015). At nine places;
 * between them it is nearly straight.
 */
const places: readonly Colour[] = [
  [68, 1, 84],
  [71, 45, 123],
  [59, 82, 139],
  [44, 114, 142],
  [33, 145, 141],
  [40, 174, 128],
  [93, 201, 99],
  [171, 220, 50],
  [253, 231, 37],
];

/** The colour of a share, 0 to 1. */
export function viridis(share: number): Colour {
  const at = Math.max(0, Math.min(1, share)) * (places.length - 1);
  const low = Math.min(places.length - 2, Math.floor(at));
  const mix = (i: number): number =>
    Math.round(places[low]![i]! + (at - low) * (places[low + 1]![i]! - places[low]![i]!));
  return [mix(0), mix(1), mix(2)];
}

/** A colour as SVG has it. */
export function css([r, g, b]: Colour): string {
  return `rgb(${r}, ${g}, ${b})`;
}

/** Values [height, width, channels] of an image: bytes, or floats of which 1 is 255. */
export interface Picture extends Extent {
  readonly channels: number;
  readonly pixels: Uint8Array | Float32Array;
}

/** An image of at least `side` pixels a side: every pixel becomes a square, so that none is blurred. */
export function enlargedImage(picture: Picture, side: number): DecodedImage {
  const { height, width, channels, pixels } = picture;
  const times = Math.max(1, Math.ceil(side / Math.max(height, width)));
  const [h, w] = [height * times, width * times];
  const unit = pixels instanceof Uint8Array ? 1 : 255;
  const data = new Uint8ClampedArray(4 * h * w);
  for (let y = 0; y < h; y++) {
    for (let x = 0; x < w; x++) {
      const from = (Math.floor(y / times) * width + Math.floor(x / times)) * channels;
      for (let c = 0; c < 3; c++) {
        data[4 * (y * w + x) + c] = unit * pixels[from + (channels >= 3 ? c : 0)]!;
      }
      data[4 * (y * w + x) + 3] = 255;
    }
  }
  return { height: h, width: w, data };
}

/**
 * A map over an image, half of each: the map's least value is the first colour, its largest the last (a map that is the same
 * everywhere is all of the first), bilinear between its places.
 */
export function overlaid(image: DecodedImage, map: ArrayLike<number>, from: Extent): DecodedImage {
  const values = enlarge(Float64Array.from(map), from, image, 1);
  const [low, high] = values.reduce(
    ([least, most], value) => [Math.min(least, value), Math.max(most, value)] as const,
    [Infinity, -Infinity] as readonly [number, number],
  );
  const data = new Uint8ClampedArray(image.data);
  for (const [at, value] of values.entries()) {
    const colour = viridis(high > low ? (value - low) / (high - low) : 0);
    for (let c = 0; c < 3; c++) data[4 * at + c] = (data[4 * at + c]! + colour[c]!) / 2;
  }
  return { ...image, data };
}
