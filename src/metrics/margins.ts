/** Margins of networks of two kinds on the same images: what tells unlearned networks from retrained ones. */
import { isList, isObject, requireGiven } from "../checked.ts";
import { DataError, ShapeError, UsageError } from "../errors.ts";

/**
 * Margins (logit of the label minus log sum exp of the others, nats), a `Float64Array` of all images for each network.
 *
 * No network of the one kind may share its start with one of the other: what they have in common would look like
 * forgetting.
 */
export interface MarginPair {
  /** Networks that were trained on all images and then made to forget D_f: [networks][images]. */
  readonly unlearned: readonly Float64Array[];
  /** Networks that were trained without D_f: [networks][images]. */
  readonly retrained: readonly Float64Array[];
}

/** Margins beyond it, infinite ones among them, count as this far, nats: no probability is that sure in 32 bits. */
export const marginClamp = 100;

/** A margin within ±`clamp`. */
export function clamped(margin: number, clamp: number = marginClamp): number {
  return Math.min(clamp, Math.max(-clamp, margin));
}

/**
 * The number of images that margins are of.
 *
 * @throws UsageError for what are no margins, fewer than `least` networks of a kind, or no images; ShapeError where networks have not as many
 *   margins as each other; DataError for a margin that is NaN.
 */
export function imagesOf(what: string, pair: MarginPair, least: number): number {
  requireGiven(isObject(pair), what, "{ unlearned, retrained }", pair);
  const kinds = (["unlearned", "retrained"] as const).map((kind) => [kind, pair[kind]] as const);
  for (const [kind, networks] of kinds) {
    requireGiven(
      Array.isArray(networks) && networks.every(isList),
      `${what}: ${kind}`,
      "an array with the margins of each network",
      networks,
    );
    if (networks.length >= least) continue;
    throw new UsageError(
      `${what} needs ${least} ${kind} network${least === 1 ? "" : "s"} or more, got ${networks.length}.`,
    );
  }
  const images = pair.retrained[0]!.length;
  if (images === 0) throw new UsageError(`${what} needs images, got none.`);
  for (const [kind, networks] of kinds) {
    for (const [i, margins] of networks.entries()) {
      if (margins.length !== images) {
        throw new ShapeError(
          `${what}: ${kind} network ${i} has ${margins.length} margins, and the first retrained one ${images}; give ` +
            "all of them the same images.",
        );
      }
      const wrong = margins.findIndex((margin) => Number.isNaN(margin));
      if (wrong < 0) continue;
      throw new DataError(
        `${what}: the margin of ${kind} network ${i} on image ${wrong} is NaN; its weights are no longer numbers. ` +
          "Leave the network out, or take the weights before it diverged.",
      );
    }
  }
  return images;
}
