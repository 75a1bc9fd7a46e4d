/** What a classifier's logits say about each sample. All in float64, from logits: never from rounded probabilities. */
import { DataError, ShapeError } from "../errors.ts";

/** Logits of samples and the labels they are judged by. */
export interface Labelled {
  /** [n, classes], row-major. */
  readonly logits: Float32Array;
  readonly labels: ArrayLike<number>;
}

/** Numbers of one sample each. */
export interface PerSample {
  /** Class of the largest logit, the lowest of equals. */
  readonly predicted: Uint32Array;
  /** Cross-entropy with the label, nats. */
  readonly loss: Float64Array;
  /** Probability of the label. */
  readonly confidence: Float64Array;
  /** Entropy of the probabilities, nats. */
  readonly entropy: Float64Array;
  /** -(1 - p_y) log p_y - sum over k ≠ y of p_k log(1 - p_k): entropy that knows the label
   *  (Song and Mittal, 2021). */
  readonly modifiedEntropy: Float64Array;
  /** Logit of the label minus log sum exp of the others: log p_y - log(1 - p_y) without saturation. */
  readonly margin: Float64Array;
}

/** @throws ShapeError if logits and labels do not fit; DataError for a label that is no class. */
export function perSample({ logits, labels }: Labelled, classes: number): PerSample {
  const n = labels.length;
  if (logits.length !== n * classes) {
    throw new ShapeError(
      `${n} labels of ${classes} classes need ${n * classes} logits, got ${logits.length}.`,
    );
  }
  const result: PerSample = {
    predicted: new Uint32Array(n),
    loss: new Float64Array(n),
    confidence: new Float64Array(n),
    entropy: new Float64Array(n),
    modifiedEntropy: new Float64Array(n),
    margin: new Float64Array(n),
  };
  for (let i = 0; i < n; i++) {
    const z = logits.subarray(i * classes, (i + 1) * classes);
    const label = labels[i]!;
    if (!(label >= 0 && label < classes)) {
      throw new DataError(`sample ${i} has label ${label}; there are ${classes} classes.`);
    }
    const all = logSumExp(z);
    const others = logSumExp(z, label);
    let best = 0;
    let entropy = 0;
    let modified = 0;
    for (let k = 0; k < classes; k++) {
      if (z[k]! > z[best]!) best = k;
      const log = z[k]! - all;
      const p = Math.exp(log);
      if (p > 0) entropy -= p * log;
      if (k !== label && p > 0) modified -= p * Math.log1p(-Math.min(p, 1 - Number.EPSILON));
    }
    const loss = all - z[label]!;
    result.predicted[i] = best;
    result.loss[i] = loss;
    result.confidence[i] = Math.exp(-loss);
    result.entropy[i] = entropy;
    // 1 - p_y = exp(log sum of the others - log sum of all), which keeps its digits where p_y is near 1.
    result.modifiedEntropy[i] = modified + Math.exp(others - all) * loss;
    result.margin[i] = z[label]! - others;
  }
  return result;
}

/** log sum exp, of all or of all but one; -Infinity of nothing. */
function logSumExp(z: Float32Array, without = -1): number {
  let top = -Infinity;
  for (let k = 0; k < z.length; k++) if (k !== without && z[k]! > top) top = z[k]!;
  if (top === -Infinity) return -Infinity;
  let sum = 0;
  for (let k = 0; k < z.length; k++) if (k !== without) sum += Math.exp(z[k]! - top);
  return top + Math.log(sum);
}

/** Number of samples whose prediction is the label. */
export function hits({ predicted }: PerSample, labels: ArrayLike<number>): number {
  return predicted.reduce((sum, value, i) => sum + (value === labels[i] ? 1 : 0), 0);
}
