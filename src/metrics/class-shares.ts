/** What a classifier takes drawn images for: whether a class is still drawn, and whether anything else is. */
import { ShapeError } from "../errors.ts";

/** Answers of a classifier to images. */
export interface ClassShares {
  /** Share of the images taken for each class, %. */
  readonly shares: readonly number[];
  /** Mean probability of the class they are taken for: low where they are of no class. */
  readonly confidence: number;
  /** By image: the class, and its probability. */
  readonly images: readonly { readonly class: number; readonly confidence: number }[];
}

/**
 * Shares of classes among images, from a classifier's logits; in float64.
 *
 * @param logits [images, classes], row by row.
 * @throws ShapeError where there are no whole rows.
 */
export function classShares(logits: ArrayLike<number>, classes: number): ClassShares {
  const count = logits.length / classes;
  if (!(Number.isInteger(count) && count > 0)) {
    throw new ShapeError(`${logits.length} logits are not whole rows of ${classes} classes.`);
  }
  const images = Array.from({ length: count }, (_, i) => {
    const row = Array.from({ length: classes }, (_class, c) => logits[i * classes + c]!);
    const best = row.reduce((known, value, c) => (value > row[known]! ? c : known), 0);
    const sum = row.reduce((total, value) => total + Math.exp(value - row[best]!), 0);
    return { class: best, confidence: 1 / sum };
  });
  const taken = Array.from({ length: classes }, () => 0);
  for (const image of images) taken[image.class]!++;
  return {
    shares: taken.map((n) => (100 * n) / count),
    confidence: images.reduce((total, { confidence }) => total + confidence, 0) / count,
    images,
  };
}
