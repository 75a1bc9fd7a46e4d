/** How far two sets of images lie apart, by their features: the kernel inception distance, for any features. */
import { isList, requireGiven } from "../checked.ts";
import { ShapeError, UsageError } from "../errors.ts";

/** Sum of the kernel (u·v / d + 1)³ over pairs of rows; of one set with itself, each pair once and no row with itself. */
function kernelSum(a: ArrayLike<number>, b: ArrayLike<number>, width: number): number {
  let sum = 0;
  for (let i = 0; i < a.length; i += width) {
    for (let j = a === b ? i + width : 0; j < b.length; j += width) {
      let product = 0;
      for (let c = 0; c < width; c++) product += a[i + c]! * b[j + c]!;
      sum += (product / width + 1) ** 3;
    }
  }
  return sum;
}

/**
 * Kernel inception distance (Bińkowski et al. 2018): the unbiased estimate of the squared maximum mean discrepancy with the
 * kernel (u·v / d + 1)³, in float64. It is 0 on average for sets of one distribution, so that single values may be below.
 *
 * Values compare only where the features are the same: those of Inception give other numbers than a classifier's of digits.
 *
 * @param real features of the one set, [m, width] row by row.
 * @param drawn features of the other, [n, width].
 * @param width d, features of an image.
 * @throws ShapeError where a set has no whole number of rows; UsageError where it has fewer than two.
 */
export function kernelInceptionDistance(
  real: ArrayLike<number>,
  drawn: ArrayLike<number>,
  width: number,
): number {
  const [m, n] = [real, drawn].map((features) => {
    requireGiven(isList(features), "KID", "an array of features", features);
    const { length } = features;
    const rows = length / width;
    if (!(Number.isInteger(width) && width > 0 && Number.isInteger(rows))) {
      throw new ShapeError(`KID: ${length} features are not whole rows of ${width}.`);
    }
    if (rows < 2) throw new UsageError(`KID needs two images of each kind at least, got ${rows}.`);
    return rows;
  }) as [number, number];
  // A copy of its own, so that a set compared with itself is still two sets.
  const other = Float64Array.from(drawn);
  const within =
    (2 * kernelSum(real, real, width)) / (m * (m - 1)) +
    (2 * kernelSum(other, other, width)) / (n * (n - 1));
  return within - (2 * kernelSum(real, other, width)) / (m * n);
}
