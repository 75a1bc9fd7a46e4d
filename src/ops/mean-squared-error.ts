import { ShapeError } from "../errors.ts";
import { applyOperation, type Operation } from "../graph/graph.ts";
import { floatWord, type Launch, type Value } from "../graph/value.ts";
import { format, sameShape } from "../shape.ts";
import { axisSum } from "./launch/axis-sum.ts";
import { lanePart } from "./launch/lanes.ts";
import { ceilDiv } from "./launch/tiles.ts";

/** Lanes of a row that one thread of the first stage adds. */
const lanesPerSlice = 16;

/** A launch but for its bindings and its grid, and what the grid is made of. */
function kernel(
  entry: "forward" | "backward",
  x: Value,
  sign: 1 | -1 = 1,
): {
  readonly launch: Omit<Launch, "bind">;
  readonly rows: number;
  readonly width: number;
  readonly slices: number;
} {
  const rows = x.shape[0]!;
  const elements = x.size / rows;
  const vec4 = elements % 4 === 0;
  const width = vec4 ? elements / 4 : elements;
  const slices = ceilDiv(width, lanesPerSlice);
  const scale = floatWord(sign / elements);
  const launch = {
    shader: "loss/squared-error",
    entry,
    parts: [lanePart(vec4)],
    constants: {},
    uniforms: { sizes: Uint32Array.of(rows, width, slices, scale) },
    flop: 3 * x.size,
  };
  return { launch, rows, width, slices };
}

const operation: Operation<null> = {
  name: "meanSquaredError",
  takes: { prediction: "f32", target: "f32", weights: "f32" },
  shape: ([x, t, weights]) => {
    if (!sameShape(x!, t!) || x!.length < 1) {
      throw new ShapeError(
        `meanSquaredError: prediction ${format(x!)} and target ${format(t!)} must have one shape, [N, …].`,
      );
    }
    if (!sameShape(weights!, [x![0]!])) {
      throw new ShapeError(
        `meanSquaredError: ${format(x!)} has ${x![0]!} rows, so the weights must be [${x![0]!}], got ${format(weights!)}.`,
      );
    }
    return [1];
  },
  forward: ({ inputs, y, tuning, scratch }) => {
    const [x, t, weights] = inputs as [Value, Value, Value];
    const { launch, rows, slices } = kernel("forward", x);
    const partial = scratch("partial sums", [rows, slices]);
    return [
      { ...launch, bind: { x, t, weights, partial }, threads: rows * slices },
      ...axisSum(tuning, partial, y, { outer: 1, axis: partial.size, inner: 1 }, scratch),
    ];
  },
  backward: ({ inputs, dy, dinputs: [dx = null, dt = null, dweights = null] }) => {
    if (dweights !== null) {
      throw new ShapeError("meanSquaredError: there is no gradient of the weights.");
    }
    const [x, t, weights] = inputs as [Value, Value, Value];
    const gradient = (d: Value | null, sign: 1 | -1): Launch[] => {
      if (d === null) return [];
      const { launch, rows, width } = kernel("backward", x, sign);
      return [{ ...launch, bind: { x, t, weights, dloss: dy, dx: d }, threads: rows * width }];
    };
    return [...gradient(dx, 1), ...gradient(dt, -1)];
  },
};

/**
 * Mean squared error, a scalar [1]: the sum over rows of weights[b] times the mean of (prediction - target)² over row b.
 *
 * @param prediction [N, …].
 * @param target of the prediction's shape; it may need a gradient too.
 * @param weights [N]; 1 / rows for rows that count gives the mean over them. What a row of weight 0 holds does not matter.
 * @throws ShapeError if the shapes do not fit.
 */
export function meanSquaredError(
  prediction: Value,
  target: Value,
  weights: Value,
  label?: string,
): Value {
  return applyOperation(operation, [prediction, target, weights], null, label);
}
