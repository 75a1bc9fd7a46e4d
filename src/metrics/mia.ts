/**
 * Membership inference on D_f: does the network still treat it as data it has seen?
 *
 * As in SalUn: a support vector classifier on one number a sample, fitted to tell members (samples of
 * D_r) from non-members (test samples), is asked about D_f. The value is the share of D_f it
 * calls non-members: higher is better forgotten, and the retrained network's value is the goal.
 */
import { hits, type Labelled, type PerSample, perSample } from "./classification.ts";
import { type Metric, share } from "./metric.ts";
import { auc, aucError, bestThreshold } from "./ranking.ts";
import { trainSvm } from "./svm.ts";

/** Samples of a network under attack. */
export interface MiaInput {
  readonly classes: number;
  readonly forget: Labelled;
  readonly retain: Labelled;
  readonly test: Labelled;
}

/** Features an attack may use. */
export type MiaFeature = "confidence" | "correctness" | "entropy" | "modifiedEntropy";

/** Results of all attacks. `confidence` is the one papers report as MIA. */
export interface MiaResult {
  readonly attacks: Readonly<Record<MiaFeature, Metric>>;
  /** Intervals of confidence that the SVM calls member. */
  readonly memberIntervals: readonly (readonly [number, number])[];
  /** Chance that a sample of D_f has a higher confidence than a test sample; 0.5 cannot be told apart. */
  readonly auc: Metric & { readonly standardError: number };
  /** Best threshold on confidence between D_f and test samples. */
  readonly balancedAccuracy: Metric;
  /** D_f stands out by LOW confidence: forgotten so hard that this tells who it was. */
  readonly overForgetting: boolean;
}

const definitions: Readonly<Record<MiaFeature, string>> = {
  confidence: "the probability of the label",
  correctness: "whether the prediction is the label",
  entropy: "the entropy of the probabilities",
  modifiedEntropy: "the entropy that knows the label (Song and Mittal, 2021)",
};

function featureOf(
  feature: MiaFeature,
  samples: PerSample,
  labels: ArrayLike<number>,
): Float64Array {
  if (feature !== "correctness") return samples[feature];
  return Float64Array.from(samples.predicted, (value, i) => (value === labels[i] ? 1 : 0));
}

/**
 * Attacks a network.
 *
 * Members and non-members are equally many, min(|D_r|, |test|) of each; of the larger group those at even
 * distances, as samples may come class by class.
 *
 * @throws RangeError if D_f, D_r or the test samples are empty.
 */
export function mia({ classes, forget, retain, test }: MiaInput): MiaResult {
  const count = Math.min(retain.labels.length, test.labels.length);
  if (count === 0 || forget.labels.length === 0) {
    throw new RangeError(
      `membership inference needs D_f, D_r and test samples; there are ${forget.labels.length}, ` +
        `${retain.labels.length} and ${test.labels.length}.`,
    );
  }
  const groups = { forget, retain, test };
  const samples = {
    forget: perSample(forget, classes),
    retain: perSample(retain, classes),
    test: perSample(test, classes),
  };
  const values = (feature: MiaFeature, group: keyof typeof groups): Float64Array =>
    featureOf(feature, samples[group], groups[group].labels);
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
  ) as Record<MiaFeature, Metric>;
  const known = samples.forget.confidence;
  const unseen = samples.test.confidence;
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

/** Unlearning, retain and test accuracy of the same samples, as metrics. */
export function accuracies({
  classes,
  forget,
  retain,
  test,
}: MiaInput): Record<"UA" | "RA" | "TA", Metric> {
  const right = (group: Labelled): number => hits(perSample(group, classes), group.labels);
  const size = forget.labels.length;
  return {
    UA: share(
      { name: "UA", definition: "share of D_f not classified as the label it was trained with, %" },
      size - right(forget),
      size,
    ),
    RA: share(
      { name: "RA", definition: "share of D_r classified as its label, %" },
      right(retain),
      retain.labels.length,
    ),
    TA: share(
      { name: "TA", definition: "share of the test samples classified as their class, %" },
      right(test),
      test.labels.length,
    ),
  };
}
