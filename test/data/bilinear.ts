/** Enlarging as textbooks have it, in float64: the reference of the host's and the GPU's. */

/**
 * An image [from, channels] at `to` (height, width): every pixel of it weighs its distance from the place
 * looked at, 1 - |distance| along each side; places outside are moved to the border.
 */
export function bilinear(
  image: ArrayLike<number>,
  [height, width]: readonly [number, number],
  [tall, wide]: readonly [number, number],
  channels: number,
): number[] {
  const place = (at: number, size: number, own: number): number =>
    Math.max(0, Math.min(own - 1, ((at + 0.5) / size) * own - 0.5));
  const result: number[] = [];
  for (let r = 0; r < tall; r++) {
    for (let c = 0; c < wide; c++) {
      const [y, x] = [place(r, tall, height), place(c, wide, width)];
      for (let ch = 0; ch < channels; ch++) {
        let value = 0;
        for (let i = 0; i < height; i++) {
          for (let j = 0; j < width; j++) {
            const weight = Math.max(0, 1 - Math.abs(y - i)) * Math.max(0, 1 - Math.abs(x - j));
            value += weight * image[(i * width + j) * channels + ch]!;
          }
        }
        result.push(value);
      }
    }
  }
  return result;
}
