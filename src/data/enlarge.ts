/**
 * Enlarging: bilinear about the pixels' centres, the border repeated (PyTorch's align_corners=false).
 *
 * Data sets are not enlarged in host memory: their images stay as they are, and gather.wgsl enlarges those
 * of a batch. The mean image is enlarged here, in the same way.
 */

/** Height and width in pixels. */
export interface Extent {
  readonly height: number;
  readonly width: number;
}

/**
 * For each of `size` places along a side that has `own` pixels: the pixel before it, and the share of the
 * one after it. In integers over 2 · size, so that no rounding picks other pixels than the shader does.
 */
function neighbours(size: number, own: number): readonly { first: number; share: number }[] {
  const whole = 2 * size;
  return Array.from({ length: size }, (_, at) => {
    const n = Math.max(0, Math.min(whole * (own - 1), (2 * at + 1) * own - size));
    return { first: Math.floor(n / whole), share: (n % whole) / whole };
  });
}

/** One image [from.height, from.width, channels] as [to.height, to.width, channels]. */
export function enlarge(
  image: Float64Array,
  from: Extent,
  to: Extent,
  channels: number,
): Float64Array {
  const columns = neighbours(to.width, from.width);
  const result = new Float64Array(to.height * to.width * channels);
  let at = 0;
  for (const row of neighbours(to.height, from.height)) {
    const above = row.first * from.width;
    const below = Math.min(row.first + 1, from.height - 1) * from.width;
    for (const column of columns) {
      const right = Math.min(column.first + 1, from.width - 1);
      for (let ch = 0; ch < channels; ch++) {
        const along = (line: number): number =>
          image[(line + column.first) * channels + ch]! * (1 - column.share) +
          image[(line + right) * channels + ch]! * column.share;
        result[at++] = along(above) * (1 - row.share) + along(below) * row.share;
      }
    }
  }
  return result;
}
