/** Images that a network has drawn, in rows and columns on one sheet. */
import type { DecodedImage } from "../data/decoded-image.ts";
import { encodePng } from "../data/encode-png.ts";

/** Images to show. */
export interface Samples {
  readonly height: number;
  readonly width: number;
  /** Grey, or red, green and blue first. */
  readonly channels: number;
  /** [count, height, width, channels]; 0 is black and 1 white, and what lies beyond is shown as these. */
  readonly pixels: Float32Array;
}

/** Red, green and blue, 0 to 255. */
export type FrameColour = readonly [number, number, number];

/** How a sheet is laid out. */
export interface SheetOptions {
  /** Images in a row; absent: about half as many rows again as columns. */
  readonly columns?: number | undefined;
  /** By image: the colour of the frame round it, if any. */
  readonly frames?: readonly (FrameColour | undefined)[] | undefined;
}

/** Pixels of a side that an image is enlarged to at least, of the frame round it, and of the gap to the next. */
const [leastSide, frame, gap] = [64, 3, 4] as const;

/** The sheet: pixels become squares on a white ground. */
export function sampleSheet(
  samples: Samples,
  { columns, frames = [] }: SheetOptions = {},
): DecodedImage {
  const { height, width, channels, pixels } = samples;
  const size = height * width * channels;
  const count = pixels.length / size;
  const across = Math.min(count, columns ?? Math.ceil(Math.sqrt(count * 1.5)));
  const times = Math.max(1, Math.ceil(leastSide / Math.max(height, width)));
  const [cellHeight, cellWidth] = [height, width].map((side) => side * times + 2 * frame) as [
    number,
    number,
  ];
  const sheet = {
    width: across * (cellWidth + gap) + gap,
    height: Math.ceil(count / across) * (cellHeight + gap) + gap,
  };
  const data = new Uint8ClampedArray(4 * sheet.width * sheet.height).fill(255);
  const put = (x: number, y: number, colour: FrameColour): void =>
    data.set(colour, 4 * (y * sheet.width + x));
  for (let i = 0; i < count; i++) {
    const left = gap + (i % across) * (cellWidth + gap);
    const top = gap + Math.floor(i / across) * (cellHeight + gap);
    for (let y = 0; y < cellHeight; y++) {
      for (let x = 0; x < cellWidth; x++) {
        const [row, column] = [Math.floor((y - frame) / times), Math.floor((x - frame) / times)];
        const inside = row >= 0 && row < height && column >= 0 && column < width;
        const from = i * size + (row * width + column) * channels;
        const value = (c: number): number => 255 * pixels[from + (channels >= 3 ? c : 0)]!;
        const colour = inside ? ([value(0), value(1), value(2)] as const) : frames[i];
        if (colour !== undefined) put(left + x, top + y, colour);
      }
    }
  }
  return { ...sheet, data };
}

/** The sheet as a PNG file. */
export function sampleSheetPng(samples: Samples, options: SheetOptions = {}): Promise<Uint8Array> {
  return encodePng(sampleSheet(samples, options));
}
