import { z } from "zod";
import { ShapeError } from "../errors.ts";
import { applyOperation, type Operation } from "../graph/graph.ts";
import type { Launch, Value } from "../graph/value.ts";
import { format, type Shape } from "../shape.ts";
import { axisSum } from "./launch/axis-sum.ts";
import { spread } from "./launch/broadcast.ts";
import { lanePart } from "./launch/lanes.ts";
import { settingsOf } from "./settings.ts";

/** Window of a pooling operation, the same in height and width; in pixels. */
export interface PoolOptions {
  readonly size: number;
  /** Distance between windows; the window's size by default. */
  readonly stride?: number;
  /** Rows and columns around the image that belong to no pixel; 0 by default, less than the size. */
  readonly padding?: number;
}

const schema = z.strictObject({
  size: z.number(),
  stride: z.number().optional(),
  padding: z.number().optional(),
});

type PoolAttrs = Required<PoolOptions>;

/** [N, H, W, C] → [N, OH, OW, C]; windows that would reach past the padding are left out. */
function pooledShape(name: string, x: Shape, { size, stride, padding }: PoolAttrs): Shape {
  const window = `a window of ${size} × ${size}, stride ${stride}, padding ${padding}`;
  if (x.length !== 4) {
    throw new ShapeError(
      `${name}: the input must be [N, H, W, C] for ${window}, got ${format(x)}.`,
    );
  }
  const integers = [size, stride, padding].every(Number.isInteger);
  if (!integers || size < 1 || stride < 1 || padding < 0 || padding >= size) {
    throw new ShapeError(
      `${name}: ${window} on ${format(x)} is not possible: size and stride must be whole and at least 1, ` +
        "the padding at least 0 and less than the size.",
    );
  }
  const [n, h, w, c] = x as [number, number, number, number];
  if (Math.min(h, w) + 2 * padding < size) {
    throw new ShapeError(`${name}: ${window} does not fit into ${format(x)}.`);
  }
  const side = (length: number): number => Math.floor((length + 2 * padding - size) / stride) + 1;
  return [n, side(h), side(w), c];
}

/** Launch of a pooling kernel over `lanes` channels of pixels, four at a time where channels allow. */
function launch(
  kernel: { shader: "pool/max" | "pool/average"; entry: string; parts?: readonly string[] },
  { size, stride, padding }: PoolAttrs,
  image: Value,
  pooled: Value,
  lanes: Value,
  bind: Launch["bind"],
): Launch {
  const [N, H, W, C] = image.shape as [number, number, number, number];
  const [, OH, OW] = pooled.shape as [number, number, number];
  const vec4 = C % 4 === 0;
  return {
    ...kernel,
    parts: [lanePart(vec4), ...(kernel.parts ?? [])],
    constants: { N, H, W, C, OH, OW, SIZE: size, STRIDE: stride, PAD: padding },
    bind,
    threads: vec4 ? lanes.size / 4 : lanes.size,
    flop: pooled.size * size * size,
  };
}

const maxKernel = { shader: "pool/max", parts: ["after/nothing", "pool/arriving"] } as const;

const max: Operation<PoolAttrs> = {
  name: "maxPool",
  takes: { x: "f32" },
  neurons: "same",
  shape: ([x], attrs) => pooledShape("maxPool", x!, attrs),
  // Position of the largest element within its window.
  saved: ([x], attrs) => ({ argmax: { shape: pooledShape("maxPool", x!, attrs), dtype: "u32" } }),
  forward: ({ inputs: [x], y, saved, attrs }) => [
    launch({ ...maxKernel, entry: "forward" }, attrs, x!, y, y, {
      x: x!,
      y,
      argmax: saved["argmax"]!,
    }),
  ],
  backward: ({ y, dinputs: [dx], dy, saved, attrs }) => {
    const bind = { kept: saved["argmax"]!, dy, dx: dx! };
    // Windows that tile the image can each write their own pixels; else each pixel asks its windows.
    const tiles = attrs.stride === attrs.size && attrs.padding === 0;
    return tiles
      ? [launch({ ...maxKernel, entry: "backward_tiles" }, attrs, dx!, y, y, bind)]
      : [launch({ ...maxKernel, entry: "backward" }, attrs, dx!, y, dx!, bind)];
  },
};

const average: Operation<PoolAttrs> = {
  name: "avgPool",
  takes: { x: "f32" },
  neurons: "same",
  shape: ([x], attrs) => pooledShape("avgPool", x!, attrs),
  forward: ({ inputs: [x], y, attrs }) => [
    launch({ shader: "pool/average", entry: "forward" }, attrs, x!, y, y, { x: x!, y }),
  ],
  backward: ({ dinputs: [dx], dy, attrs }) => [
    launch({ shader: "pool/average", entry: "backward" }, attrs, dx!, dy, dx!, { dy, dx: dx! }),
  ],
};

const globalAverage: Operation<null> = {
  name: "globalAveragePool",
  takes: { x: "f32" },
  neurons: "same",
  shape: ([x]) => {
    if (x!.length !== 4) {
      throw new ShapeError(
        `globalAveragePool: the input must be [N, H, W, C] for [N, C], got ${format(x!)}.`,
      );
    }
    return [x![0]!, x![3]!];
  },
  forward: ({ inputs: [x], y, tuning, scratch }) => {
    const [n, h, w, c] = x!.shape as [number, number, number, number];
    return axisSum(tuning, x!, y, { outer: n, axis: h * w, inner: c, scale: 1 / (h * w) }, scratch);
  },
  backward: ({ dinputs: [dx], dy, tuning }) => {
    const [n, h, w, c] = dx!.shape as [number, number, number, number];
    return [spread(tuning, dy, dx!, 1 / (h * w), [n, 1, 1, c])];
  },
};

function settle(name: string, options: PoolOptions): PoolAttrs {
  const { size, stride = size, padding = 0 } = settingsOf(schema, options, name);
  return { size, stride, padding };
}

/**
 * Largest element of each window: [N, H, W, C] → [N, OH, OW, C] with
 * OH = floor((H + 2 · padding - size) / stride) + 1. Padding never wins. Among equal elements the first
 * in row-major order gets the gradient.
 *
 * @throws ShapeError if the input is not [N, H, W, C] or the window does not fit.
 */
export function maxPool(x: Value, options: PoolOptions): Value {
  return applyOperation(max, [x], settle("maxPool", options));
}

/**
 * Mean of the pixels of each window, padding not counted: [N, H, W, C] → [N, OH, OW, C] with
 * OH = floor((H + 2 · padding - size) / stride) + 1.
 *
 * @throws ShapeError if the input is not [N, H, W, C] or the window does not fit.
 */
export function avgPool(x: Value, options: PoolOptions): Value {
  return applyOperation(average, [x], settle("avgPool", options));
}

/** Mean over all pixels: [N, H, W, C] → [N, C]. @throws ShapeError if the input has not four axes. */
export function globalAveragePool(x: Value): Value {
  return applyOperation(globalAverage, [x], null);
}
