import { ShapeError } from "../errors.ts";
import { applyOperation, type Operation } from "../graph/graph.ts";
import type { Launch, Value } from "../graph/value.ts";
import { format } from "../shape.ts";
import { lanePart } from "./launch/lanes.ts";

/** Launch over the lanes of a value, between images of a small and the doubled size. */
function launch(entry: string, small: Value, over: Value, bind: Launch["bind"]): Launch {
  const [n, h, w, c] = small.shape as [number, number, number, number];
  const lanes = c % 4 === 0 ? c / 4 : c;
  return {
    shader: "pool/upsample",
    entry,
    parts: [lanePart(c % 4 === 0)],
    constants: {},
    uniforms: { sizes: Uint32Array.of(n, h, w, lanes) },
    bind,
    threads: (over.size / c) * lanes,
    flop: 32 * small.size,
  };
}

const operation: Operation<null> = {
  name: "upsample",
  takes: { x: "f32" },
  neurons: "same",
  shape: ([x]) => {
    if (x!.length !== 4) {
      throw new ShapeError(`upsample: the input must be [N, H, W, C], got ${format(x!)}.`);
    }
    const [n, h, w, c] = x as [number, number, number, number];
    return [n, 2 * h, 2 * w, c];
  },
  forward: ({ inputs: [x], y }) => [launch("forward", x!, y, { x: x!, y })],
  backward: ({ dy, dinputs: [dx] }) => [launch("backward", dx!, dx!, { dy, dx: dx! })],
};

/**
 * Images of twice the height and width, bilinear: [N, H, W, C] → [N, 2H, 2W, C].
 *
 * Pixels are areas (half-pixel centres) and the border's are repeated outside, as Keras' `UpSampling2D` and PyTorch's
 * `interpolate` with `align_corners=False` have it.
 *
 * @throws ShapeError if the input has not four axes.
 */
export function upsample(x: Value): Value {
  return applyOperation(operation, [x], null);
}
