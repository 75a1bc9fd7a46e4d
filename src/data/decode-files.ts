/** Image files to the pixels of a data set, one after the other on the calling thread. */
import { readBytes } from "../platform/files.ts";
import { DataError } from "../errors.ts";
import { pixelArray } from "./dataset.ts";
import { decodeImage } from "./decode.ts";
import type { DecodedImage } from "./decoded-image.ts";
import type { Remarks } from "./remarks.ts";
import { resizeImage, writeChannels } from "./resize.ts";
import type { LoadWatch } from "./source.ts";

/** Which files, and what they become. */
export interface DecodeTask {
  readonly paths: readonly string[];
  /** What the files hold, where it was read already; their paths only name them then. */
  readonly contents?: readonly Uint8Array[] | undefined;
  readonly channels: 1 | 3;
  /** Side of the images. */
  readonly size: number;
  /** Resize what has another size; else it is refused. */
  readonly resize: boolean;
  /** Side of the square in the middle that is resized, as a share of the shorter side. Default: 1. */
  readonly crop?: number | undefined;
}

/** What a thread makes of a task; `size`: the error is a {@link SizeError}. */
export type DecodeAnswer =
  | { pixels: Uint8Array; remarks: Pick<Remarks, "turned" | "transparent"> }
  | { error: string; size: boolean };

/** An image has another size than all must have. */
export class SizeError extends DataError {}

/** Files read ahead of the decoder: hides the latency of the disk, bounds the memory. */
const readAhead = 64;

/** Milliseconds between the moments in which whoever watches can end the work. */
const restMs = 50;

/**
 * Decodes files to bytes [files, size, size, channels].
 *
 * @param remarks is told what is to be said of them.
 * @param watch lets other tasks of the thread run now and then, so that they can end it.
 * @throws DataError naming the first bad file, or what the watch ends it with.
 */
export async function decodeFiles(
  { paths, contents, channels, size, resize, crop }: DecodeTask,
  remarks: Remarks,
  watch?: LoadWatch,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = size * size * channels;
  const pixels = pixelArray(paths.length, size, size, channels);
  let rested = performance.now();
  for (let start = 0; start < paths.length; start += readAhead) {
    const batch = paths.slice(start, start + readAhead);
    const files =
      contents?.slice(start, start + readAhead) ??
      (await Promise.all(batch.map((path) => readBytes(path))));
    for (const [i, path] of batch.entries()) {
      if (watch !== undefined && performance.now() - rested > restMs) {
        watch.progress?.(start + i, paths.length);
        await new Promise((resolve) => setTimeout(resolve));
        rested = performance.now();
      }
      watch?.signal?.throwIfAborted();
      let image = await decodeImage(files[i]!, path);
      remarks.see(image, start + i);
      if (resize) image = await resizeImage(image, size, crop);
      else requireSize(image, size, path);
      writeChannels(image, channels, pixels, (start + i) * bytes);
    }
  }
  return pixels;
}

function requireSize({ width, height }: DecodedImage, size: number, path: string): void {
  if (width === size && height === size) return;
  throw new SizeError(
    `${path}: ${width}×${height} pixels, the first image is ${size} high and all must be square and of ` +
      "one size. Give a size to resize them to (`size`), or remove it.",
  );
}
