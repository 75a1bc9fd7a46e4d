/**
 * U-LiRA (Hayes, Shumailov, Triantafillou, Khalifa, Papernot: arXiv 2403.01218): an attack of its own on each image. Who
 * has unlearned and retrained networks of the same making is given a fresh one, and says by its margin on the image which
 * of the two it is.
 */
import { meanOf, varianceOf } from "./averages.ts";
import { logDensity, type Normal, poolBelow, varianceFloor } from "./lira.ts";
import { clamped, imagesOf, type MarginPair } from "./margins.ts";
import { type Measurement, missing } from "./measurement.ts";
import { tprAtFpr } from "./ranking.ts";

/** What the attack finds. */
export interface ULiraResult {
  /** Balanced accuracy by image, %: [images]. */
  readonly perImage: Float64Array;
  /**
   * Mean over images of the balanced accuracy, %; 50 is a guess. Its interval is over networks: the images of a network
   * are not independent. It takes the fits as they are, and so is a third too narrow where the networks are of one kind.
   */
  readonly accuracy: Measurement;
  /** Share of (unlearned network, image) pairs found where 1 % of the retrained ones are accused, %. */
  readonly tprAt1: Measurement;
  /** The same at 0.1 %. */
  readonly tprAt01: Measurement;
  /** Log likelihood of unlearned minus that of retrained: [networks][images] of either kind. */
  readonly scores: MarginPair;
}

/** Networks of a kind, clamped, with means and sums of squares by image. */
interface Fitted {
  readonly networks: readonly Float64Array[];
  readonly means: Float64Array;
  /** Sums of squared distances to the mean. */
  readonly squares: Float64Array;
}

function fitted(given: readonly Float64Array[], images: number): Fitted {
  const networks = given.map((margins) => margins.map((margin) => clamped(margin)));
  const sum = (of: (margins: Float64Array, image: number) => number): Float64Array =>
    Float64Array.from({ length: images }, (_, image) =>
      networks.reduce((total, margins) => total + of(margins, image), 0),
    );
  const means = sum((margins, image) => margins[image]!).map((total) => total / networks.length);
  return {
    networks,
    means,
    squares: sum((margins, image) => (margins[image]! - means[image]!) ** 2),
  };
}

/** Normals by image of all networks of a kind but one; few networks share one variance over images. */
function without({ networks, means, squares }: Fitted, left: number, pooled: boolean): Normal[] {
  const count = networks.length - 1;
  const away = networks[left]!.map((margin, image) => margin - means[image]!);
  const rest = squares.map((sum, image) =>
    Math.max(0, sum - (away[image]! ** 2 * (count + 1)) / count),
  );
  const freedom = count - 1;
  const shared = rest.reduce((sum, one) => sum + one, 0) / (freedom * rest.length);
  return Array.from(rest, (sum, image) => ({
    mean: means[image]! - away[image]! / count,
    variance: Math.max(varianceFloor, pooled ? shared : sum / freedom),
  }));
}

/** What a score earns who calls networks above 0 unlearned: 1 where that is right, ½ for no answer. */
function credit(score: number, unlearned: boolean): number {
  if (score === 0) return 0.5;
  return score > 0 === unlearned ? 1 : 0;
}

/**
 * Attacks every network of either kind on every image.
 *
 * Normals are fitted to the margins of the others. With the network under attack one of the other kind is left out as
 * well: with one more network on one side than on the other, networks of one kind would be told apart for worse than a
 * guess. Below 64 networks one variance serves all images.
 *
 * @throws UsageError for fewer than three networks of a kind, or no images; ShapeError where networks have margins of
 *   other images; DataError for a margin that is NaN.
 */
export function uLira(pair: MarginPair): ULiraResult {
  const images = imagesOf("U-LiRA", pair, 3);
  const count = pair.unlearned.length + pair.retrained.length;
  const pooled = count < poolBelow;
  const [unlearned, retrained] = [fitted(pair.unlearned, images), fitted(pair.retrained, images)];
  const scoresOf = (attacked: Fitted): Float64Array[] =>
    attacked.networks.map((margins, i) => {
      const mine = without(unlearned, i % unlearned.networks.length, pooled);
      const theirs = without(retrained, i % retrained.networks.length, pooled);
      return margins.map((x, image) => logDensity(x, mine[image]!) - logDensity(x, theirs[image]!));
    });
  const scores = { unlearned: scoresOf(unlearned), retrained: scoresOf(retrained) };
  const credits = Object.entries(scores).map(([kind, rows]) =>
    rows.map((row) => row.map((score) => credit(score, kind === "unlearned"))),
  );
  const perImage = Float64Array.from(
    { length: images },
    (_, image) => 100 * meanOf(credits.map((rows) => meanOf(rows.map((row) => row[image]!)))),
  );
  const accuracy = meanOf(perImage);
  const variance = credits.reduce(
    (sum, rows) => sum + varianceOf(rows.map(meanOf)) / rows.length,
    0,
  );
  const spread = 1.959964 * 50 * Math.sqrt(variance);
  const of = `${pair.unlearned.length} unlearned and ${pair.retrained.length} retrained networks, ${images} images`;
  const all = (rows: readonly Float64Array[]): Float64Array =>
    Float64Array.from(rows.flatMap((row) => [...row]));
  const [positive, negative] = [all(scores.unlearned), all(scores.retrained)];
  const low = (rate: number): Measurement => {
    const metric = {
      name: `U-LiRA TPR at ${100 * rate} % FPR`,
      definition:
        `share of (unlearned network, image) pairs found where ${100 * rate} % of those of retrained networks are ` +
        `accused, which a guess finds as well; ${of}, %`,
      unit: "%",
    } as const;
    return negative.length * rate < 1
      ? missing(metric, `${negative.length} pairs are too few`)
      : { ...metric, value: tprAtFpr(positive, negative, rate), n: positive.length };
  };
  return {
    perImage,
    accuracy: {
      name: "U-LiRA accuracy",
      definition: `mean over images of the balanced accuracy of an attack on each; 50 is a guess; ${of}, %`,
      unit: "%",
      value: accuracy,
      n: positive.length + negative.length,
      interval: [Math.max(0, accuracy - spread), Math.min(100, accuracy + spread)],
    },
    tprAt1: low(0.01),
    tprAt01: low(0.001),
    scores,
  };
}
