/** What a classifier takes drawn images for: whether a class is still drawn, and whether anything else is. */
import { isList, requireGiven } from "../checked.ts";
import { ShapeError } from "../errors.ts";
import { type Answer, answersOf } from "./answers.ts";

/** Answers of a classifier to images. */
export interface ClassShares {
  /** Share of the images taken for each class, %. */
  readonly shares: readonly number[];
  /** Mean probability of the class they are taken for: low where they are of no class. */
  readonly confidence: number;
  /** By image. */
  readonly images: readonly Answer[];
}

/**
 * Shares of classes among images, from a classifier's logits; in float64.
 *
 * @param logits [images, classes], row by row.
 * @throws ShapeError where there are no whole rows.
 */
export function classShares(logits: ArrayLike<number>, classes: number): ClassShares {
  requireGiven(isList(logits), "classShares: logits", "an array of numbers", logits);
  const count = logits.length / classes;
  if (!(Number.isInteger(count) && count > 0)) {
    throw new ShapeError(`${logits.length} logits are not whole rows of ${classes} classes.`);
  }
  const images = answersOf(logits, classes);
  const taken = Array.from({ length: classes }, () => 0);
  for (const image of images) taken[image.class]!++;
  return {
    shares: taken.map((n) => (100 * n) / count),
    confidence: images.reduce((total, { confidence }) => total + confidence, 0) / count,
    images,
  };
}
