/**
 * Membership inference on D_f: does the network still treat it as data it has seen?
 *
 * As in SalUn: a support vector classifier on one number a sample, fitted to tell members (samples of
 * D_r) from non-members (test samples), is asked about D_f. The value is the share of D_f it
 * calls non-members: higher is better forgotten, and the retrained network's value is the goal.
 */
import { UsageError } from "../errors.ts";
import type { Logits } from "./logits.ts";
import { type Measurement, share } from "./measurement.ts";
import { defineMetric } from "./metric.ts";
import { auc, aucError, bestThreshold } from "./ranking.ts";
import { trainSvm } from "./svm.ts";

/** Features an attack may use. */
export type MiaFeature = "confidence" | "correctness" | "entropy" | "modifiedEntropy";

/** Results of all attacks. `confidence` is the one papers report as MIA. */
export interface MiaResult {
  readonly attacks: Readonly<Record<MiaFeature, Measurement>>;
  /** Intervals of confidence that the SVM calls member. */
  readonly memberIntervals: readonly (readonly [number, number])[];
  /** Chance that a sample of D_f has a higher confidence than a test sample; 0.5 cannot be told apart. */
  readonly auc: Measurement & { readonly standardError: number };
  /** Best threshold on confidence between D_f and test samples. */
  readonly balancedAccuracy: Measurement;
  /** D_f stands out by LOW confidence: forgotten so hard that this tells who it was. */
  readonly overForgetting: boolean;
}

const definitions: Readonly<Record<MiaFeature, string>> = {
  confidence: "the probability of the label",
  correctness: "whether the prediction is the label",
  entropy: "the entropy of the probabilities",
  modifiedEntropy: "the entropy that knows the label (Song and Mittal, 2021)",
};

function featureOf(feature: MiaFeature, logits: Logits, set: string): Float64Array {
  const samples = logits.samples(set);
  if (feature !== "correctness") return samples[feature];
  const { labels } = logits.set(set);
  return Float64Array.from(samples.predicted, (value, i) => (value === labels[i] ? 1 : 0));
}

/** Attacks made already: the result serves a report as well as the metric. */
const attacked = new WeakMap<Logits, MiaResult>();

/**
 * Attacks a network by its logits on `forget`, `retain` and `test`.
 *
 * Members and non-members are equally many, min(|D_r|, |test|) of each; of the larger group those at even
 * distances, as samples may come class by class.
 *
 * @throws UsageError if D_f, D_r or the test samples are empty.
 */
export function mia(logits: Logits): MiaResult {
  let result = attacked.get(logits);
  if (result === undefined) {
    result = attack(logits);
    attacked.set(logits, result);
  }
  return result;
}

function attack(logits: Logits): MiaResult {
  const sizeOf = (set: string): number => logits.set(set).labels.length;
  const count = Math.min(sizeOf("retain"), sizeOf("test"));
  if (count === 0 || sizeOf("forget") === 0) {
    throw new UsageError(
      `membership inference needs D_f, D_r and test samples; there are ${sizeOf("forget")}, ` +
        `${sizeOf("retain")} and ${sizeOf("test")}.`,
    );
  }
  const values = (feature: MiaFeature, set: string): Float64Array =>
    featureOf(feature, logits, set);
  const features = Object.keys(definitions) as MiaFeature[];
  const intervals: [number, number][] = [];
  const attacks = Object.fromEntries(
    features.map((feature) => {
      const svm = trainSvm(
        evenly(values(feature, "retain"), count),
        evenly(values(feature, "test"), count),
      );
      if (feature === "confidence") intervals.push(...memberIntervals(svm.decide));
      const asked = values(feature, "forget");
      const outside = asked.reduce((sum, value) => sum + (svm.decide(value) > 0 ? 0 : 1), 0);
      const definition =
        `share of D_f that an SVM (RBF, C 3, gamma 1) on ${definitions[feature]}, fitted on ${count} ` +
        "samples each of D_r and the test set, calls non-members, %";
      return [feature, share({ name: `MIA (${feature})`, definition }, outside, asked.length)];
    }),
  ) as Record<MiaFeature, Measurement>;
  const known = values("confidence", "forget");
  const unseen = values("confidence", "test");
  const value = auc(known, unseen);
  const standardError = aucError(value, known.length, unseen.length);
  return {
    attacks,
    memberIntervals: intervals,
    auc: {
      name: "AUC",
      definition: "chance that a sample of D_f has a higher confidence than a test sample",
      unit: "1",
      value,
      n: known.length + unseen.length,
      standardError,
    },
    balancedAccuracy: {
      name: "balanced accuracy",
      definition: "of the best threshold on confidence between D_f and test samples, %",
      unit: "%",
      value: bestThreshold(known, unseen).balancedAccuracy,
      n: known.length + unseen.length,
    },
    overForgetting: value + 3 * standardError < 0.5,
  };
}

/** `count` of the values, at even distances. */
function evenly(values: Float64Array, count: number): Float64Array {
  return Float64Array.from(
    { length: count },
    (_, i) => values[Math.floor((i * values.length) / count)]!,
  );
}

/** Where on [0, 1] the classifier says member. */
function memberIntervals(decide: (x: number) => number): [number, number][] {
  const steps = 4096;
  const found: [number, number][] = [];
  let start: number | undefined;
  for (let i = 0; i <= steps; i++) {
    const member = decide(i / steps) > 0;
    if (member) start ??= i / steps;
    if (start !== undefined && (!member || i === steps)) {
      found.push([start, (member ? i : i - 1) / steps]);
      start = undefined;
    }
  }
  return found;
}

/** The attack that papers report: by the probability of the label. */
export function reportedAttack({ attacks }: MiaResult): Measurement {
  return attacks.confidence;
}

/** MIA as papers report it. */
export const membershipInference = defineMetric({
  name: "MIA",
  definition: "share of D_f that an attack on confidence calls non-members, %",
  unit: "%",
  better: "reference",
  needs: "logits",
  on: ["forget", "retain", "test"],
  place: 4,
  compared: true,
  part: "mia",
  of: (logits) => reportedAttack(mia(logits)),
});
