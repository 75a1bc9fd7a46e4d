import { ShapeError } from "../errors.ts";
import { applyOperation, type Operation } from "../graph/graph.ts";
import type { Value } from "../graph/value.ts";
import { format, sameShape } from "../shape.ts";
import { axisSum } from "./launch/axis-sum.ts";

const shader = "loss/distillation";

const operation: Operation<{ readonly temperature: number }> = {
  name: "distillation",
  takes: { student: "f32", teacher: "f32", weights: "f32" },
  shape: ([student, teacher, weights], { temperature }) => {
    const shapes = `student ${format(student!)}, teacher ${format(teacher!)}, weights ${format(weights!)}`;
    if (student!.length !== 2 || !sameShape(student!, teacher!)) {
      throw new ShapeError(
        `distillation: student and teacher must both be [rows, classes]: ${shapes}.`,
      );
    }
    if (!sameShape(weights!, [student![0]!])) {
      throw new ShapeError(`distillation: one weight a row is needed: ${shapes}.`);
    }
    if (!(Number.isFinite(temperature) && temperature > 0)) {
      throw new ShapeError(
        `distillation: the temperature must be above 0, got ${String(temperature)}.`,
      );
    }
    return [1];
  },
  forward: ({ attrs, inputs, y, tuning, scratch }) => {
    const [z, t, weights] = inputs as [Value, Value, Value];
    const [B, C] = z.shape as [number, number];
    const weighted = scratch("weighted", [B]);
    const constants = { B, C, T: attrs.temperature };
    const bind = { z, t, weights, weighted };
    return [
      { shader, entry: "forward", constants, bind, threads: B, flop: 12 * B * C },
      ...axisSum(tuning, weighted, y, { outer: 1, axis: B, inner: 1 }, scratch),
    ];
  },
  backward: ({ attrs, inputs, dy, dinputs: [dz = null, ...others] }) => {
    if (others.some((value) => value !== null)) {
      throw new ShapeError(
        "distillation: teacher and weights have no gradient; ask for that of the student only.",
      );
    }
    const [z, t, weights] = inputs as [Value, Value, Value];
    const [B, C] = z.shape as [number, number];
    const constants = { B, C, T: attrs.temperature };
    const bind = { z, t, weights, dloss: dy, dz };
    return [{ shader, entry: "backward", constants, bind, threads: B, flop: 12 * B * C }];
  },
};

/**
 * Distillation loss, a scalar [1]: sum over rows b of weights[b] · T² · KL(softmax(teacher_b / T) ‖
 * softmax(student_b / T)), in nats. Only the student has a gradient. A row of weight 0 adds exactly 0.
 *
 * @param student logits [B, C].
 * @param teacher logits [B, C].
 * @param weights [B]; 1 / rows for the mean.
 * @throws ShapeError if the shapes do not fit or the temperature is not above 0.
 */
export function distillation(
  student: Value,
  teacher: Value,
  weights: Value,
  temperature: number,
  label?: string,
): Value {
  return applyOperation(operation, [student, teacher, weights], { temperature }, label);
}
