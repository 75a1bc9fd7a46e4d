import { z } from "zod";
import type { Tuning } from "../gpu/device.ts";
import { ShapeError } from "../errors.ts";
import { elementwise } from "../graph/elementwise.ts";
import { applyOperation, type Operation } from "../graph/graph.ts";
import { floatWord, type Launch, type Value } from "../graph/value.ts";
import { format } from "../shape.ts";
import { numberSchema, requireValue, settingsOf } from "./settings.ts";

/** Settings of {@link dropout}. */
export interface DropoutAttrs {
  /** Probability of being dropped, in [0, 1). */
  readonly rate: number;
  /** Tells apart the dropouts of a step: equal seeds and salts draw equal masks. A u32. */
  readonly salt: number;
  /** Drop whole examples (the first axis) instead of elements: stochastic depth. */
  readonly rows?: boolean;
}

const schema = z.strictObject({
  rate: numberSchema,
  salt: numberSchema,
  rows: z.boolean().optional(),
});

const operation: Operation<Required<DropoutAttrs>> = {
  name: "dropout",
  takes: { x: "f32", step: "u32" },
  neurons: "same",
  shape: ([x]) => x!,
  forward: ({ inputs: [x, step], y, attrs, tuning }) => [launch(tuning, attrs, x!, step!, y)],
  backward: ({ inputs: [, step], dy, dinputs: [dx], attrs, tuning }) => [
    launch(tuning, attrs, dy, step!, dx!),
  ],
};

function launch(
  tuning: Tuning,
  { rate, salt, rows }: Required<DropoutAttrs>,
  x: Value,
  step: Value,
  y: Value,
): Launch {
  const group = x.size / x.shape[0]!;
  // A rate just below 1 must not round to a threshold that no u32 reaches.
  const threshold = Math.min(Math.round(rate * 2 ** 32), 2 ** 32 - 1);
  const draw = Uint32Array.of(group, salt, threshold, floatWord(1 / (1 - rate)));
  const kernel = {
    shader: "elementwise/dropout",
    constants: { EXAMPLES: rows },
    uniforms: { draw },
  };
  return elementwise(tuning, kernel, x.size, { x, step, y });
}

/**
 * Dropout (Srivastava et al. 2014): each element is 0 with probability `rate`, and 1 / (1 - rate) times
 * itself otherwise; with `rows` each example [1, ...] as a whole (stochastic depth, Huang et al. 2016).
 *
 * The mask is a function of the step's seed, the salt and the position: a replay, a resumed training
 * and the derivative draw the same one, on every adapter. Leave the operation out when evaluating.
 *
 * @param step the step record of the feed (`StepQueue.step`), u32 [8], whose word 2 is the seed.
 * @throws ShapeError if the rate is not in [0, 1), the salt no u32, or `step` not a step record.
 */
export function dropout(x: Value, step: Value, attrs: DropoutAttrs, label?: string): Value {
  const { rate, salt, rows = false } = settingsOf(schema, attrs, label ?? "dropout");
  requireValue(label ?? "dropout", "step", step);
  if (!(rate >= 0 && rate < 1)) {
    throw new ShapeError(`dropout: the rate must be at least 0 and below 1, got ${rate}.`);
  }
  if (!Number.isInteger(salt) || salt < 0 || salt >= 2 ** 32) {
    throw new ShapeError(`dropout: the salt must be an integer from 0 to 2^32 - 1, got ${salt}.`);
  }
  if (step.dtype !== "u32" || step.size !== 8) {
    throw new ShapeError(
      `dropout: the seed comes from a step record, u32 [8]; "${step.label}" is ${step.dtype} ` +
        `${format(step.shape)}.`,
    );
  }
  return applyOperation(operation, [x, step], { rate, salt, rows }, label);
}
