/** What decoding a file gives. */

/** A decoded image: RGBA bytes [height, width, 4]. */
export interface DecodedImage {
  readonly height: number;
  readonly width: number;
  readonly data: Uint8ClampedArray;
  /** It is to be turned or mirrored to be looked at, which is not done. */
  readonly turned?: boolean;
  /** Some of it is transparent, which is left aside. */
  readonly transparent?: boolean;
}
