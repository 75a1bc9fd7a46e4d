import { ShapeError } from "../errors.ts";
import { applyOperation, type Operation } from "../graph/graph.ts";
import type { Launch, Value } from "../graph/value.ts";
import { format } from "../shape.ts";
import { requireArray } from "./settings.ts";

/** Most axes a tensor may have here. */
const mostAxes = 5;

interface PermuteAttrs {
  readonly axes: readonly number[];
}

function move(x: Value, y: Value, axes: readonly number[]): Launch {
  const strides = x.shape.map((_, axis) => x.shape.slice(axis + 1).reduce((n, d) => n * d, 1));
  // Leading axes of size 1 make up five.
  const missing = mostAxes - axes.length;
  const sizes = [...Array<number>(missing).fill(1), ...y.shape];
  const steps = [...Array<number>(missing).fill(0), ...axes.map((axis) => strides[axis]!)];
  const constants = {
    N: y.size,
    ...numbered("D", sizes.slice(1), 1),
    ...numbered("S", steps, 0),
  };
  return {
    shader: "elementwise/permute",
    constants,
    bind: { x, y },
    threads: Math.ceil(y.size / 4),
  };
}

function numbered(name: string, values: readonly number[], first: number): Record<string, number> {
  return Object.fromEntries(values.map((value, i) => [`${name}${first + i}`, value]));
}

const operation: Operation<PermuteAttrs> = {
  name: "permute",
  takes: { x: "f32" },
  shape: ([x], { axes }) => {
    const sorted = [...axes].sort((a, b) => a - b);
    if (
      x!.length > mostAxes ||
      sorted.length !== x!.length ||
      sorted.some((axis, i) => axis !== i)
    ) {
      throw new ShapeError(
        `permute: the axes must be a permutation of those of the input (at most ${mostAxes}), got ` +
          `${format(axes)} for ${format(x!)}.`,
      );
    }
    return axes.map((axis) => x![axis]!);
  },
  forward: ({ inputs: [x], y, attrs }) => [move(x!, y, attrs.axes)],
  backward: ({ dy, dinputs: [dx], attrs: { axes } }) => [
    move(
      dy,
      dx!,
      axes.map((_, axis) => axes.indexOf(axis)),
    ),
  ],
};

/**
 * Axes in another order, copied: y[i_axes[0], i_axes[1], ...] = x[i_0, i_1, ...].
 *
 * @param axes for each axis of the result, which of the input's it is; `[0, 2, 1]` swaps the last two.
 * @throws ShapeError if `axes` is no permutation, or there are more than five.
 */
export function permute(x: Value, axes: readonly number[]): Value {
  requireArray("permute", "axes", axes);
  return applyOperation(operation, [x], { axes });
}
