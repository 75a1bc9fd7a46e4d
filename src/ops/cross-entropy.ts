import { z } from "zod";
import { ShapeError } from "../errors.ts";
import { applyOperation, type Operation } from "../graph/graph.ts";
import type { Value } from "../graph/value.ts";
import { format, sameShape } from "../shape.ts";
import { axisSum } from "./launch/axis-sum.ts";
import { numberSchema, settingsOf } from "./settings.ts";

const shader = "loss/cross-entropy";

/** Settings of {@link softmaxCrossEntropy}. */
export interface CrossEntropyAttrs {
  /** Share of each target that is spread evenly over all classes, in [0, 1); default 0. */
  readonly smoothing?: number;
}

const schema = z.strictObject({ smoothing: numberSchema.optional() });

const operation: Operation<Required<CrossEntropyAttrs>> = {
  name: "softmaxCrossEntropy",
  takes: { logits: "f32", labels: "u32", weights: "f32" },
  shape: ([logits, labels, weights]) => {
    if (logits!.length !== 2) {
      throw new ShapeError(
        `softmaxCrossEntropy: the logits must be [rows, classes], got ${format(logits!)} ` +
          `(labels ${format(labels!)}).`,
      );
    }
    const rows = [logits![0]!];
    for (const [name, shape] of [
      ["labels", labels!],
      ["weights", weights!],
    ] as const) {
      if (!sameShape(shape, rows)) {
        throw new ShapeError(
          `softmaxCrossEntropy: logits ${format(logits!)} have ${rows[0]} rows, so the ${name} must be ` +
            `${format(rows)}, got ${format(shape)}.`,
        );
      }
    }
    return [1];
  },
  // Unweighted loss of each row.
  saved: ([logits]) => ({ losses: { shape: [logits![0]!] } }),
  forward: ({ inputs, y, saved, attrs, tuning, scratch }) => {
    const [logits, labels, weights] = inputs as [Value, Value, Value];
    const [B, C] = logits.shape as [number, number];
    const weighted = scratch("weighted", [B]);
    return [
      {
        shader,
        entry: "forward",
        constants: { B, C, SMOOTHING: attrs.smoothing },
        bind: { logits, labels, weights, losses: saved["losses"]!, weighted },
        threads: B,
        flop: 4 * B * C,
      },
      ...axisSum(tuning, weighted, y, { outer: 1, axis: B, inner: 1 }, scratch),
    ];
  },
  backward: ({ inputs, attrs, dy, dinputs: [dlogits = null, ...others] }) => {
    if (others.some((value) => value !== null)) {
      throw new ShapeError(
        "softmaxCrossEntropy: labels and weights have no gradient; ask for that of the logits only.",
      );
    }
    const [logits, labels, weights] = inputs as [Value, Value, Value];
    const [B, C] = logits.shape as [number, number];
    const bind = { logits, labels, weights, dloss: dy, dlogits };
    const constants = { B, C, SMOOTHING: attrs.smoothing };
    return [{ shader, entry: "backward", constants, bind, threads: B, flop: 6 * B * C }];
  },
};

/**
 * Softmax cross-entropy, a scalar [1]: sum over rows b of weights[b] · (log sum exp logits[b] -
 * logits[b, labels[b]]), in nats. With weights of 1 / rows it is the mean.
 *
 * The largest logit is taken out before exponentials, so any finite logits do. A row of weight 0 adds
 * exactly 0 to the loss and to the gradient, whatever its logits and label.
 *
 * With smoothing s (Szegedy et al. 2016) the logit of the label gives way to the mean under the targets
 * (1 - s) [c = label] + s / C.
 *
 * @param logits [B, C].
 * @param labels u32 [B], below C.
 * @param weights [B].
 * @throws ShapeError if the shapes do not fit, the labels are not u32 or the smoothing is out of range.
 */
export function softmaxCrossEntropy(
  logits: Value,
  labels: Value,
  weights: Value,
  attrs: CrossEntropyAttrs = {},
  label?: string,
): Value {
  const { smoothing = 0 } = settingsOf(schema, attrs, label ?? "softmaxCrossEntropy");
  if (!(smoothing >= 0 && smoothing < 1)) {
    throw new ShapeError(
      `softmaxCrossEntropy: the smoothing must be at least 0 and below 1, got ${smoothing}.`,
    );
  }
  return applyOperation(operation, [logits, labels, weights], { smoothing }, label);
}
