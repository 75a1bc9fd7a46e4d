/** Damage done on purpose: wrong labels, and the split into what to forget and what to keep. */
import { isList, requireGiven } from "../checked.ts";
import { Random } from "../random.ts";
import { DataError } from "../errors.ts";
import { type Dataset, requireImageSet } from "./dataset.ts";

/** Labels of which some were made wrong. */
export interface NoisyLabels {
  /** All labels of the set, [count], with the wrong ones in place. */
  readonly labels: Uint16Array<ArrayBuffer>;
  /** Indices of the images whose label was changed, ascending. */
  readonly changed: Uint32Array<ArrayBuffer>;
}

/**
 * Symmetric label noise: exactly round(fraction · count) images, drawn without regard to class, get
 * a label drawn uniformly from the classes they are not. The data set itself is left as it is.
 *
 * @param fraction share of the images, or the places of those whose label becomes wrong.
 */
export function mislabel(
  dataset: Pick<Dataset, "name" | "classes" | "count" | "labels">,
  fraction: number | Uint32Array,
  seed: number,
): NoisyLabels {
  requireImageSet(dataset, "mislabel", "labels");
  requireGiven(
    typeof fraction === "number" || isList(fraction),
    "mislabel",
    "a share or places of images",
    fraction,
  );
  const chosen = typeof fraction !== "number";
  if (!chosen && !(fraction >= 0 && fraction <= 1)) {
    throw new DataError(`mislabel: the fraction must lie between 0 and 1, got ${fraction}.`);
  }
  const classes = dataset.classes.length;
  if (classes < 2) {
    throw new DataError(
      `mislabel: data set "${dataset.name}" has ${classes} class, so no label can be wrong; ` +
        "use a set of two classes or more.",
    );
  }
  const random = new Random(seed).fork("mislabel");
  const changed = chosen
    ? fraction.slice().sort()
    : random
        .permutation(dataset.count)
        .slice(0, Math.round(fraction * dataset.count))
        .sort();
  const labels = dataset.labels.slice();
  for (const index of changed) {
    labels[index] = (labels[index]! + 1 + random.int(classes - 1)) % classes;
  }
  return { labels, changed };
}

/** Index lists of the images to forget (`changed`) and to keep (all others), both ascending. */
export function splitForget(
  count: number,
  changed: ArrayLike<number>,
): { forget: Uint32Array<ArrayBuffer>; retain: Uint32Array<ArrayBuffer> } {
  requireGiven(isList(changed), "splitForget", "places of images", changed);
  const forgotten = new Set(Array.from(changed));
  for (const index of forgotten) {
    if (!(Number.isInteger(index) && index >= 0 && index < count)) {
      throw new DataError(`splitForget: index ${index} is not one of ${count} images.`);
    }
  }
  const all = Array.from({ length: count }, (_, i) => i);
  return {
    forget: Uint32Array.from(forgotten).sort(),
    retain: Uint32Array.from(all.filter((index) => !forgotten.has(index))),
  };
}
