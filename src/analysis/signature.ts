/** What a scenario changed of images, and how much of a map lies on it. */
import { type Dataset, storedSize } from "../data/dataset.ts";
import { enlarge, type Extent } from "../data/enlarge.ts";

/** Some pixels of images as a network sees them: [height, width], 1 for those that belong. */
export type Region = Uint8Array;

/**
 * The pixels in which any of some images differs from what it was; undefined where none does.
 *
 * @param trained images as they are trained on; @param clean the same images before: the first `clean.count` of them.
 */
export function changedPixels(
  trained: Dataset,
  clean: Dataset,
  places: Uint32Array,
): Region | undefined {
  const { height, width, channels } = trained;
  const stored = storedSize(trained);
  const size = stored.height * stored.width * channels;
  const changed = new Uint8Array(stored.height * stored.width);
  for (const place of places) {
    if (place >= clean.count) continue;
    for (let at = 0; at < size; at++) {
      if (trained.pixels[place * size + at] !== clean.pixels[place * size + at]) {
        changed[Math.floor(at / channels)] = 1;
      }
    }
  }
  if (!changed.includes(1)) return undefined;
  return Uint8Array.from({ length: height * width }, (_, at) => {
    const row = Math.floor((Math.floor(at / width) * stored.height) / height);
    const column = Math.floor(((at % width) * stored.width) / width);
    return changed[row * stored.width + column]!;
  });
}

/**
 * Some images as they were: those of `clean`, and of images that it does not have, the trained ones themselves.
 *
 * @param own the images at these places as they are trained on.
 */
export function unchangedImages(own: Dataset, clean: Dataset, places: Uint32Array): Dataset {
  const pixels = own.pixels.slice();
  const size = pixels.length / own.count;
  places.forEach((place, i) => {
    if (place < clean.count)
      pixels.set(clean.pixels.subarray(place * size, (place + 1) * size), i * size);
  });
  return { ...own, pixels };
}

/** A region with all pixels up to `margin` rows or columns away from it. */
export function widened(region: Region, { height, width }: Extent, margin: number): Region {
  const near = (row: number, column: number): boolean => {
    for (let y = Math.max(0, row - margin); y <= Math.min(height - 1, row + margin); y++) {
      for (let x = Math.max(0, column - margin); x <= Math.min(width - 1, column + margin); x++) {
        if (region[y * width + x] === 1) return true;
      }
    }
    return false;
  };
  return region.map((_, at) => (near(Math.floor(at / width), at % width) ? 1 : 0));
}

/** A map as large as the image it is of: bilinear about the pixels' centres. */
export function enlargedMap(map: ArrayLike<number>, from: Extent, to: Extent): Float64Array {
  return enlarge(Float64Array.from(map), from, to, 1);
}

/** Share of a map's positive values that lies on a region, 0 to 1; NaN where no value is positive. */
export function shareOn(map: Float64Array, region: Region): number {
  let [on, all] = [0, 0];
  for (const [at, value] of map.entries()) {
    if (value <= 0) continue;
    all += value;
    if (region[at] === 1) on += value;
  }
  return all === 0 ? Number.NaN : on / all;
}
