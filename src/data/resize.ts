/** Images of another size, by jSquash's resizer (a WebAssembly build of the Rust crate `resize`). */
import type * as resizer from "@jsquash/resize";
import { codecModule } from "../platform/codecs.ts";
import { type Dataset, pixelArray, requireColours, storedSize } from "./dataset.ts";
import type { DecodedImage } from "./decoded-image.ts";

type Resizer = typeof resizer;
let ready: Promise<Resizer> | undefined;

/** Loads the resizer, at the first image. */
async function prepare(): Promise<Resizer> {
  const codec = await import("@jsquash/resize");
  const module = await codecModule("@jsquash/resize/lib/resize/pkg/squoosh_resize_bg.wasm");
  await codec.initResize(module);
  return codec;
}

/**
 * A square image of `size` pixels: a square in the middle, bilinear with the filter widened where it shrinks (as Pillow
 * and PyTorch with antialiasing do), on values as they are stored.
 *
 * @param crop side of that square as a share of the shorter side: the largest by default.
 */
export async function resizeImage(
  image: DecodedImage,
  size: number,
  crop = 1,
): Promise<DecodedImage> {
  if (crop === 1 && image.width === size && image.height === size) return image;
  const { default: resize } = await (ready ??= prepare());
  return resize((crop === 1 ? image : middle(image, crop)) as ImageData, {
    width: size,
    height: size,
    method: "triangle",
    fitMethod: "contain",
    premultiply: false,
    linearRGB: false,
  });
}

/** The square in the middle whose side is this share of the shorter side, in whole pixels. */
function middle({ height, width, data }: DecodedImage, share: number): DecodedImage {
  const side = Math.max(1, Math.round(Math.min(height, width) * share));
  const [top, left] = [Math.floor((height - side) / 2), Math.floor((width - side) / 2)];
  const square = new Uint8ClampedArray(side * side * 4);
  for (let row = 0; row < side; row++) {
    const start = 4 * ((top + row) * width + left);
    square.set(data.subarray(start, start + 4 * side), 4 * row * side);
  }
  return { height: side, width: side, data: square };
}

/**
 * A data set of images of `size` pixels; itself if they have that size. @throws UsageError if its values are no colours.
 *
 * Square images that are smaller keep their pixels, which are not copied: the GPU enlarges those of a
 * batch (see {@link Dataset.stored}), as 50,000 images of 224² would be an array of 7.5 GB. What shrinks
 * is resized here, on one thread and at every start: images in memory come from files that are read in
 * seconds and are small, unlike those of image-files.ts, which has threads and a cache.
 */
export async function resizeDataset(dataset: Dataset, size: number): Promise<Dataset> {
  if (dataset.height === size && dataset.width === size) return dataset;
  const channels = requireColours(dataset, `another \`size\` (${size})`);
  const { stored: _, ...rest } = dataset;
  const { height, width } = storedSize(dataset);
  if (height === width && height <= size) {
    const stored = height < size ? { stored: { height, width } } : {};
    return { ...rest, height: size, width: size, ...stored };
  }
  const { count, pixels } = dataset;
  const resized = pixelArray(count, size, size, channels);
  for (let i = 0; i < count; i++) {
    const data = new Uint8ClampedArray(height * width * 4).fill(255);
    const from = i * height * width * channels;
    for (let p = 0; p < height * width; p++) {
      for (let c = 0; c < 3; c++) {
        data[4 * p + c] = pixels[from + p * channels + (channels === 1 ? 0 : c)]!;
      }
    }
    const image = await resizeImage({ data, height, width }, size);
    writeChannels(image, channels, resized, i * size * size * channels);
  }
  return { ...rest, height: size, width: size, pixels: resized };
}

/** Writes an image's R, G, B, or its luma, from byte `to` on. */
export function writeChannels(
  { data }: DecodedImage,
  channels: 1 | 3,
  pixels: Uint8Array,
  to: number,
): void {
  for (let from = 0; from < data.length; from += 4) {
    const [r, g, b] = [data[from]!, data[from + 1]!, data[from + 2]!];
    if (channels === 1) {
      // Rec. 601 luma in 1/256; the weights sum to 256, so greys stay exact.
      pixels[to++] = (77 * r + 150 * g + 29 * b + 128) >> 8;
    } else {
      pixels[to++] = r;
      pixels[to++] = g;
      pixels[to++] = b;
    }
  }
}
