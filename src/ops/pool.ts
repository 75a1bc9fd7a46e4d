import { ShapeError } from "../gpu/errors.ts";
import type { Graph, Operation } from "../graph/graph.ts";
import { format, type Value } from "../graph/value.ts";

interface PoolAttrs {
  size: number;
  stride: number;
  padding: number;
}

const constants = (x: Value, y: Value, { size, stride, padding }: PoolAttrs) => {
  const [n, h, w, c] = x.shape as [number, number, number, number];
  const [, oh, ow] = y.shape as [number, number, number];
  return { N: n, H: h, W: w, C: c, OH: oh, OW: ow, SIZE: size, STRIDE: stride, PAD: padding };
};

const max: Operation<PoolAttrs> = {
  name: "maxPool",
  shape([x], { size, stride, padding }) {
    const [n, h, w, c] = x as [number, number, number, number];
    const side = (v: number) => Math.floor((v + 2 * padding - size) / stride) + 1;
    if (x!.length !== 4 || side(h) < 1 || side(w) < 1) {
      throw new ShapeError(`maxPool: a window of ${size}×${size} does not fit into ${format(x!)}.`);
    }
    return [n, side(h), side(w), c];
  },
  saved: ([x], attrs) => ({ argmax: { shape: max.shape([x!], attrs), dtype: "u32" } }),
  forward: ({ inputs: [x], y, saved, attrs }) => [
    {
      shader: "pool/max",
      entry: "forward",
      constants: constants(x!, y, attrs),
      bind: { x: x!, y, argmax: saved["argmax"]! },
      threads: y.size,
    },
  ],
  backward: ({ inputs: [x], y, dinputs: [dx], dy, saved, attrs }) => [
    {
      shader: "pool/max",
      entry: "backward",
      constants: constants(x!, y, attrs),
      bind: { kept: saved["argmax"]!, dy, dx: dx! },
      threads: dx!.size,
    },
  ],
};

/** Max pooling of [N, H, W, C]. */
export function maxPool(
  graph: Graph,
  x: Value,
  options: { size: number; stride?: number; padding?: number },
): Value {
  const { size, stride = size, padding = 0 } = options;
  return graph.apply(max, [x], { size, stride, padding });
}
