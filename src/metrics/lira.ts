/**
 * Likelihood-ratio membership inference (Carlini et al., 2022) on unlearning.
 *
 * Shadow models are trained and made to forget exactly as the model under attack; each target was forgotten
 * by some of them and never seen by the others. For each target, two normal distributions of its margin
 * (log p_y - log(1 - p_y)) are fitted, and a model gives itself away if its margin fits the first better.
 * Every model is attacked by all others in turn.
 */
import { UsageError } from "../errors.ts";
import { type Measurement, missing } from "./measurement.ts";
import { auc, aucError, bestThreshold, tprAtFpr } from "./ranking.ts";

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
 * Attacks each model by all others.
 *
 * @throws UsageError unless every target was forgotten by two models and unseen by two.
 */
export function lira({ margins, forgotten }: Shadows): LiraResult {
  const models = margins.length;
  const targets = margins[0]?.length ?? 0;
  for (let t = 0; t < targets; t++) {
    const inside = forgotten.filter((row) => row[t] === true).length;
    if (inside < 2 || models - inside < 2) {
      throw new UsageError(
        `target ${t} was forgotten by ${inside} of ${models} shadow models; two on each side are needed.`,
      );
    }
  }
  if (targets === 0) throw new UsageError("LiRA needs targets.");
  const scores = margins.map((mine, model) => {
    const groups = (side: boolean): number[][] =>
      Array.from({ length: targets }, (_, t) =>
        margins.flatMap((row, other) =>
          other !== model && forgotten[other]![t] === side ? [row[t]!] : [],
        ),
      );
    const [inside, outside] = [fit(groups(true), models), fit(groups(false), models)];
    return mine.map((x, t) => logDensity(x, inside[t]!) - logDensity(x, outside[t]!));
  });
  const pick = (side: boolean): number[] =>
    scores.flatMap((row, model) => [...row].filter((_, t) => forgotten[model]![t] === side));
  const [positive, negative] = [pick(true), pick(false)];
  const n = positive.length + negative.length;
  const value = auc(positive, negative);
  const of = `${models} shadow models, ${targets} targets, each model attacked by the others`;
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
      definition: `chance that a forgotten pair scores above one never seen; 0.5 is ideal; ${of}`,
      unit: "1",
      value,
      n,
      standardError: aucError(value, positive.length, negative.length),
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

/** A normal per target: its own mean, and a variance that few models share over targets. */
function fit(groups: readonly (readonly number[])[], models: number): Normal[] {
  const means = groups.map((values) => values.reduce((sum, v) => sum + v, 0) / values.length);
  const squares = groups.map((values, t) =>
    values.reduce((sum, v) => sum + (v - means[t]!) ** 2, 0),
  );
  const freedom = groups.map((values) => values.length - 1);
  const total = (of: readonly number[]): number => of.reduce((sum, v) => sum + v, 0);
  // A group left with one value has no spread of its own; the pooled one counts it with zero freedom.
  const pooled = Math.max(varianceFloor, total(squares) / Math.max(1, total(freedom)));
  return means.map((mean, t) => ({
    mean,
    variance:
      models < poolBelow || freedom[t]! < 1
        ? pooled
        : Math.max(varianceFloor, squares[t]! / freedom[t]!),
  }));
}
