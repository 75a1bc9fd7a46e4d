/** Images of D_f on a page, as PNG in its text. */
import { type Dataset, imageName, storedSize } from "../data/dataset.ts";
import { encodePng } from "../data/encode-png.ts";
import { resizeImage } from "../data/resize.ts";
import { enlargedImage } from "../figures/overlay.ts";
import { base64 } from "../figures/image-grid.ts";

/** Pixels of the longer side at most. */
const side = 96;

/** Images by name, as addresses that hold them. */
export type Thumbnails = ReadonlyMap<string, string>;

/**
 * Images of a data set by their names; none where its values are no colours.
 *
 * @param among places that are looked at.
 */
export async function thumbnailsOf(
  dataset: Dataset,
  names: readonly string[],
  among: ArrayLike<number>,
): Promise<Thumbnails> {
  const { channels, pixels } = dataset;
  const shown = new Map<string, string>();
  if (channels !== 1 && channels !== 3) return shown;
  const wanted = new Set(names);
  const { height, width } = storedSize(dataset);
  const size = height * width * channels;
  for (const place of Array.from(among)) {
    const name = imageName(dataset, place);
    if (!wanted.has(name) || shown.has(name)) continue;
    const own = pixels.subarray(place * size, (place + 1) * size);
    const image = enlargedImage({ height, width, channels, pixels: own }, 1);
    const small = Math.max(height, width) > side ? await resizeImage(image, side) : image;
    shown.set(name, `data:image/png;base64,${base64(await encodePng(small))}`);
  }
  return shown;
}
