/**
 * Likelihood-ratio membership inference (Carlini et al., 2022) on unlearning.
 *
 * Shadow models are trained and made to forget exactly as the model under attack; each target was forgotten
 * by some of them and never seen by the others. For each target, two normal distributions of its margin
 * (log p_y - log(1 - p_y)) are fitted, and a model gives itself away if its margin fits the first better.
 * Every model is attacked by others in turn.
 */
import { UsageError } from "../errors.ts";
import { type Measurement, missing } from "./measurement.ts";
import { bestThreshold, placements, tprAtFpr } from "./ranking.ts";

/** What shadow models say about targets. */
export interface Shadows {
  /** Margins by model and target. */
  readonly margins: readonly Float64Array[];
  /** Whether the model was trained on the target and then made to forget it. */
  readonly forgotten: readonly (readonly boolean[])[];
}

/** Result of the attack. */
export interface LiraResult {
  readonly auc: Measurement & { readonly standardError: number };
  readonly balancedAccuracy: Measurement;
  readonly tprAt1: Measurement;
  readonly tprAt01: Measurement;
  /** Score by model and target: log likelihood of forgotten minus that of never seen. */
  readonly scores: readonly Float64Array[];
}

/** Networks below which one variance is pooled over all images. */
export const poolBelow = 64;

/** The least variance of a fitted normal: margins that are all equal have none. */
export const varianceFloor = 1e-6;

/** A fitted normal distribution of margins. */
export interface Normal {
  readonly mean: number;
  readonly variance: number;
}

/** Log density of a normal, up to a constant. */
export function logDensity(x: number, { mean, variance }: Normal): number {
  return -0.5 * (Math.log(variance) + (x - mean) ** 2 / variance);
}

/**
 * Attacks each model by others.
 *
 * With the model under attack, one of the other side is left out of the fit of each target: with one more model on one
 * side than on the other, margins that are noise alone would give an AUC below 0.5.
 *
 * @throws UsageError unless there are two targets or more, and each was forgotten by two models and unseen by two.
 */
export function lira({ margins, forgotten }: Shadows): LiraResult {
  const models = margins.length;
  const targets = margins[0]?.length ?? 0;
  if (targets < 2) throw new UsageError(`LiRA needs two targets or more, got ${targets}.`);
  const sides = Array.from({ length: targets }, (_, t) => {
    const inside = forgotten.flatMap((row, model) => (row[t] === true ? [model] : []));
    if (inside.length < 2 || models - inside.length < 2) {
      throw new UsageError(
        `target ${t} was forgotten by ${inside.length} of ${models} shadow models; two on each side are needed.`,
      );
    }
    return { inside, outside: [...margins.keys()].filter((model) => !inside.includes(model)) };
  });
  const scores = margins.map((mine, model) => {
    const left = sides.map(({ inside, outside }) => {
      const [own, other] = inside.includes(model) ? [inside, outside] : [outside, inside];
      const partner = other[own.indexOf(model) % other.length]!;
      return (one: number): boolean => one !== model && one !== partner;
    });
    const groups = (side: "inside" | "outside"): number[][] =>
      sides.map((both, t) => both[side].filter(left[t]!).map((one) => margins[one]![t]!));
    const [inside, outside] = fit(groups("inside"), groups("outside"), models);
    return mine.map((x, t) => logDensity(x, inside[t]!) - logDensity(x, outside[t]!));
  });
  const pick = (side: boolean): number[] =>
    scores.flatMap((row, model) => [...row].filter((_, t) => forgotten[model]![t] === side));
  const [positive, negative] = [pick(true), pick(false)];
  const n = positive.length + negative.length;
  const of = `${models} shadow models, ${targets} targets, each model attacked by the others but one`;
  const percent = (name: string, definition: string, given: number): Measurement => ({
    name,
    definition,
    unit: "%",
    value: given,
    n,
  });
  const low = (rate: number): Measurement => {
    const name = `LiRA TPR at ${100 * rate} % FPR`;
    const definition = `share of forgotten (model, target) pairs found when ${100 * rate} % of the others are accused; ${of}, %`;
    // Fewer negatives than one accusation allows say nothing about the rate.
    return negative.length * rate < 1
      ? missing({ name, definition, unit: "%" }, `${negative.length} pairs are too few`)
      : percent(name, definition, tprAtFpr(positive, negative, rate));
  };
  return {
    auc: {
      name: "LiRA AUC",
      definition: `chance that a forgotten pair scores above one of another target that was never seen; 0.5 is ideal; ${of}`,
      unit: "1",
      n,
      ...aucOfPairs(scores, forgotten),
    },
    balancedAccuracy: percent(
      "LiRA balanced accuracy",
      `best balanced accuracy over thresholds; 50 is ideal; ${of}, %`,
      bestThreshold(positive, negative).balancedAccuracy,
    ),
    tprAt1: low(0.01),
    tprAt01: low(0.001),
    scores,
  };
}

/**
 * The chance that a forgotten pair scores above one never seen, and its standard error.
 *
 * Only pairs of different targets are compared: what one model adds to a fit is part of the scores of the others of the
 * same target. Pairs of one model hang together, and so do those of one target: errors are clustered by both (Obuchowski,
 * 1997, for an AUC; Cameron, Gelbach and Miller, 2011, for two ways), at least as large as by either alone. Where models
 * differ much as a whole they are still too small, by an eighth with 16 models and a third with 6, as the fits of the
 * others are taken as they are.
 */
function aucOfPairs(
  scores: readonly Float64Array[],
  forgotten: Shadows["forgotten"],
): { readonly value: number; readonly standardError: number } {
  const byTarget = Array.from(scores[0]!, (_, t) =>
    scores.map((row, model) => ({
      score: row[t]!,
      inside: forgotten[model]![t] === true,
      // Pairs of the other side that it is compared with, and how many of these are on the right side of it.
      compared: 0,
      right: 0,
    })),
  );
  type Pair = (typeof byTarget)[number][number];
  const all = byTarget.flat();
  const count = (pairs: readonly Pair[], times: 1 | -1): void => {
    const positive = pairs.filter(({ inside }) => inside);
    const negative = pairs.filter(({ inside }) => !inside);
    const score = (pair: Pair): number => pair.score;
    const right = placements(positive.map(score), negative.map(score));
    const add = (side: readonly Pair[], counts: Float64Array, others: number): void =>
      side.forEach((pair, i) => {
        pair.compared += times * others;
        pair.right += times * counts[i]!;
      });
    add(positive, right.positive, negative.length);
    add(negative, right.negative, positive.length);
  };
  count(all, 1);
  for (const pairs of byTarget) count(pairs, -1);
  const sum = (pairs: readonly Pair[], of: (pair: Pair) => number): number =>
    pairs.reduce((total, pair) => total + of(pair), 0);
  // Either side counts each comparison once.
  const comparisons = sum(all, ({ compared }) => compared) / 2;
  const value = sum(all, ({ right }) => right) / 2 / comparisons;
  const part = ({ right, compared }: Pair): number => (right - value * compared) / comparisons;
  const clustered = (clusters: readonly (readonly Pair[])[]): number => {
    const squares = clusters.map((pairs) => sum(pairs, part) ** 2);
    return (squares.reduce((total, v) => total + v, 0) * clusters.length) / (clusters.length - 1);
  };
  const ofTargets = clustered(byTarget);
  const ofModels = clustered(scores.map((_, model) => byTarget.map((pairs) => pairs[model]!)));
  const both = ofTargets + ofModels - sum(all, (pair) => part(pair) ** 2);
  return { value, standardError: Math.sqrt(Math.max(both, ofTargets, ofModels)) };
}

/** Normals per target of either side: means of their own, and a variance that few models share over targets. */
function fit(
  inside: readonly (readonly number[])[],
  outside: readonly (readonly number[])[],
  models: number,
): [Normal[], Normal[]] {
  const total = (of: readonly number[]): number => of.reduce((sum, v) => sum + v, 0);
  const measured = [inside, outside].map((groups) => {
    const means = groups.map((values) => total(values) / values.length);
    const squares = groups.map((values, t) => total(values.map((v) => (v - means[t]!) ** 2)));
    const freedom = groups.map((values) => values.length - 1);
    return { means, squares, freedom, free: total(freedom), sum: total(squares) };
  });
  const [free, sum] = [
    total(measured.map((one) => one.free)),
    total(measured.map((one) => one.sum)),
  ];
  const normals = measured.map((one): Normal[] => {
    // A side of one model a target has no spread of its own: it has that of the other.
    const pooled = one.free > 0 ? one.sum / one.free : sum / Math.max(1, free);
    return one.means.map((mean, t) => ({
      mean,
      variance: Math.max(
        varianceFloor,
        models < poolBelow || one.freedom[t]! < 1 ? pooled : one.squares[t]! / one.freedom[t]!,
      ),
    }));
  });
  return [normals[0]!, normals[1]!];
}
