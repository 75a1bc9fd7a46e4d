/**
 * KLoM, the KL divergence of margins (arXiv 2410.23232, appendix E.1): how far the answers of unlearned networks to an
 * image are spread otherwise than those of networks that never saw D_f.
 *
 * UA and MIA call a network good that is merely worse; here, being worse than a retrained network counts as much as
 * being better.
 */
import { isList, isObject, requireGiven } from "../checked.ts";
import { UsageError } from "../errors.ts";
import { meanOf, quantile } from "./averages.ts";
import { clamped, imagesOf, marginClamp, type MarginPair } from "./margins.ts";
import type { Measurement } from "./measurement.ts";

/** Settings of {@link klom}; as published where nothing is said. */
export interface KlomOptions {
  /** Bins of a histogram, over the range that both kinds of networks take up; 20. */
  readonly bins?: number;
  /** Margins are clamped to ± this, nats; 100. */
  readonly clamp?: number;
  /** What a bin without retrained networks counts as, a share above 0 and below 1; 1e-5. */
  readonly floor?: number;
}

/** Divergences of images, nats. */
export interface KlomResult {
  /** [images]; 0: the networks cannot be told apart; -ln `floor` (11.5) at most. */
  readonly perImage: Float64Array;
  readonly mean: Measurement;
  readonly median: Measurement;
  /** 95th percentile: a few images that are remembered do not show in a mean. */
  readonly p95: Measurement;
}

/** @throws UsageError for a number of bins, a clamp or a floor that makes no sense. */
function checked(options: KlomOptions) {
  requireGiven(isObject(options), "KLoM", "an object of settings", options);
  const { bins = 20, clamp = marginClamp, floor = 1e-5 } = options;
  if (!(Number.isInteger(bins) && bins >= 2)) {
    throw new UsageError(`KLoM: \`bins\` must be an integer of at least 2, got ${bins}.`);
  }
  if (!(clamp > 0 && Number.isFinite(clamp))) {
    throw new UsageError(`KLoM: \`clamp\` must be a finite number above 0, got ${clamp}.`);
  }
  if (!(floor > 0 && floor < 1)) {
    throw new UsageError(`KLoM: \`floor\` must be above 0 and below 1, got ${floor}.`);
  }
  return { bins, clamp, floor };
}

/** Shares of clamped values by bin; the last bin holds its upper end. */
function histogram(values: Float64Array, low: number, high: number, bins: number): Float64Array {
  const shares = new Float64Array(bins);
  for (const value of values) {
    const bin = Math.min(bins - 1, Math.floor((bins * (value - low)) / (high - low)));
    shares[bin]! += 1 / values.length;
  }
  return shares;
}

/**
 * KL divergence, nats, of one image's margins: unlearned networks against retrained ones, as histograms over the range of
 * both. Margins that are all equal give 0.
 *
 * @throws UsageError as {@link klom}, DataError for NaN.
 */
export function marginDivergence(
  unlearned: ArrayLike<number>,
  retrained: ArrayLike<number>,
  options: KlomOptions = {},
): number {
  const column = (values: ArrayLike<number>): Float64Array[] => {
    requireGiven(isList(values), "KLoM", "an array of margins, one a network", values);
    return Array.from(values, (value) => Float64Array.of(value));
  };
  const { perImage } = klom(
    { unlearned: column(unlearned), retrained: column(retrained) },
    options,
  );
  return perImage[0]!;
}

/**
 * KLoM of every image, with mean, median and 95th percentile over them.
 *
 * Histograms of few networks differ though the networks are of one kind, so the value of nothing to find is not 0:
 * {@link klomFloor} measures it.
 *
 * @throws UsageError without networks of both kinds or images, or for settings that make no sense; ShapeError where
 *   networks have margins of other images; DataError for a margin that is NaN.
 */
export function klom(pair: MarginPair, options: KlomOptions = {}): KlomResult {
  const { bins, clamp, floor } = checked(options);
  const images = imagesOf("KLoM", pair, 1);
  const { unlearned, retrained } = pair;
  const perImage = Float64Array.from({ length: images }, (_, image) => {
    const of = (networks: readonly Float64Array[]): Float64Array =>
      Float64Array.from(networks, (margins) => clamped(margins[image]!, clamp));
    const [mine, theirs] = [of(unlearned), of(retrained)];
    const both = [...mine, ...theirs];
    const [low, high] = [Math.min(...both), Math.max(...both)];
    if (low === high) return 0;
    const p = histogram(mine, low, high, bins);
    const q = histogram(theirs, low, high, bins);
    return p.reduce(
      (sum, share, bin) =>
        sum + (share === 0 ? 0 : share * Math.log(share / Math.max(q[bin]!, floor))),
      0,
    );
  });
  const of = `${unlearned.length} unlearned and ${retrained.length} retrained networks, ${bins} bins`;
  const measured = (name: string, over: string, value: number): Measurement => ({
    name: `KLoM, ${name}`,
    definition: `${over} over images of the KL divergence of margins; 0 is ideal; ${of}, nats`,
    unit: "nats",
    value,
    n: images,
  });
  return {
    perImage,
    mean: measured("mean", "mean", meanOf(perImage)),
    median: measured("median", "median", quantile(perImage, 0.5)),
    p95: measured("95th percentile", "95th percentile", quantile(perImage, 0.95)),
  };
}

/** Networks of one kind as if they were of two: every second one against the others. */
export function halves<T>(networks: readonly T[]): readonly [T[], T[]] {
  const every = (from: number): T[] => networks.filter((_, i) => i % 2 === from);
  return [every(0), every(1)];
}

/**
 * KLoM of retrained networks against each other, one half against the other: what there is with nothing to find. It is of
 * half as many networks, and thus larger than it would be of all.
 *
 * @throws UsageError for fewer than two networks, and as {@link klom}.
 */
export function klomFloor(
  retrained: readonly Float64Array[],
  options: KlomOptions = {},
): KlomResult {
  const networks = "an array with the margins of each network";
  requireGiven(Array.isArray(retrained), "KLoM: retrained", networks, retrained);
  if (retrained.length < 2) {
    throw new UsageError(`KLoM: two halves need two retrained networks, got ${retrained.length}.`);
  }
  const [first, second] = halves(retrained);
  return klom({ unlearned: first, retrained: second }, options);
}
