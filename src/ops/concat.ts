import { ShapeError } from "../errors.ts";
import { quadThreads } from "../graph/elementwise.ts";
import { applyOperation, type Operation, requireInputs } from "../graph/graph.ts";
import type { Launch, Value } from "../graph/value.ts";
import { count, format, type Shape } from "../shape.ts";
import type { Tuning } from "../gpu/device.ts";
import { lanePart } from "./launch/lanes.ts";

/** Part of a tensor seen as rows: `width` floats at `offset` of each row of `stride` floats. */
interface Rows {
  readonly value: Value;
  readonly stride: number;
  readonly offset: number;
}

/** Launch that copies a block of rows; it writes nothing outside the block. */
function copyBlock(tuning: Tuning, rows: number, width: number, from: Rows, to: Rows): Launch {
  const vec4 = [width, from.stride, from.offset, to.stride, to.offset].every((n) => n % 4 === 0);
  const { PER, threads } = quadThreads(tuning, (rows * width) / (vec4 ? 4 : 1));
  return {
    shader: "elementwise/copy-block",
    parts: [lanePart(vec4)],
    constants: { PER },
    bind: { x: from.value, y: to.value },
    uniforms: {
      place: Uint32Array.of(rows, width, from.stride, from.offset, to.stride, to.offset),
    },
    threads,
  };
}

const operation: Operation<{ axis: number }> = {
  name: "concat",
  neurons: "joined",
  shape: (inputs, { axis }) => {
    const first = inputs[0]!;
    for (const other of inputs.slice(1)) {
      const fits =
        other.length === first.length && other.every((n, i) => i === axis || n === first[i]);
      if (!fits) {
        throw new ShapeError(
          `concat: ${format(first)} and ${format(other)} must have the same sizes on every axis but ${axis}.`,
        );
      }
    }
    return first.map((n, i) =>
      i === axis ? inputs.reduce((sum, shape) => sum + shape[axis]!, 0) : n,
    );
  },
  forward: ({ inputs, y, attrs, tuning }) =>
    blocks(
      inputs.map((input) => input.shape),
      attrs.axis,
    ).map(({ rows, width, stride, offset }, i) =>
      copyBlock(
        tuning,
        rows,
        width,
        { value: inputs[i]!, stride: width, offset: 0 },
        { value: y, stride, offset },
      ),
    ),
  backward: ({ inputs, dy, dinputs, attrs, tuning }) =>
    blocks(
      inputs.map((input) => input.shape),
      attrs.axis,
    ).flatMap(({ rows, width, stride, offset }, i) => {
      const dx = dinputs[i] ?? null;
      if (dx === null) return [];
      const [from, to] = [
        { value: dy, stride, offset },
        { value: dx, stride: width, offset: 0 },
      ];
      return [copyBlock(tuning, rows, width, from, to)];
    }),
};

/** Where each input lies in the rows of the output: a row spans the axis and everything inside it. */
function blocks(
  shapes: readonly Shape[],
  axis: number,
): { rows: number; width: number; stride: number; offset: number }[] {
  const widths = shapes.map((shape) => count(shape.slice(axis)));
  const stride = widths.reduce((sum, width) => sum + width, 0);
  const rows = count(shapes[0]!.slice(0, axis));
  let end = 0;
  return widths.map((width) => ({ rows, width, stride, offset: (end += width) - width }));
}

/**
 * Values one after the other along an axis.
 *
 * @param inputs one or more, of the same sizes on every other axis.
 * @param axis 0 is the outermost; negative ones count from the innermost, -1.
 * @throws ShapeError if the axis does not exist or sizes differ.
 */
export function concat(inputs: readonly Value[], axis: number): Value {
  requireInputs("concat", inputs);
  const rank = inputs[0]?.shape.length ?? 0;
  const positive = Number.isInteger(axis) && axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(axis) || positive < 0 || positive >= rank) {
    const shapes = inputs.map((input) => format(input.shape)).join(" and ");
    throw new ShapeError(
      `concat: there is no axis ${String(axis)} in ${shapes || "an empty list of values"}.`,
    );
  }
  return applyOperation(operation, inputs, { axis: positive });
}
