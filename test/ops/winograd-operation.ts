import type { Operation } from "../../src/graph/graph.ts";
import type { Value } from "../../src/graph/value.ts";
import type { Conv2dShape } from "../../src/ops/launch/conv2d.ts";
import {
  winogradForward,
  winogradInputGrad,
  type WinogradTile,
  winogradWeightGrad,
} from "../../src/ops/launch/winograd.ts";
import { type Case, outputSize } from "./conv2d-reference.ts";

/** A convolution with windows of 3×3 that move by one, in tiles of m × m in every direction, whatever the shape. */
export function winograd(c: Case, m: WinogradTile, mostBytes?: number): Operation<null> {
  const [n, h, w, cin] = c.x;
  const [oh, ow] = outputSize(c);
  const [padH = 0, , padW = 0] = c.padding ?? [];
  const shape: Conv2dShape = {
    ...{ n, h, w, cin, oh, ow, cout: c.cout, kh: 3, kw: 3, strideH: 1, strideW: 1, padH, padW },
    hasBias: c.bias !== false,
  };
  const most = mostBytes === undefined ? {} : { mostBytes };
  return {
    name: "winograd",
    shape: () => [n, oh, ow, c.cout],
    forward: ({ inputs, y, ...rest }) => {
      const [x, w, bias = null] = inputs as [Value, Value, Value?];
      return winogradForward({ ...rest, ...most }, shape, m, { x, w, bias, y });
    },
    backward: ({ inputs, dy, dinputs, ...rest }) => {
      const context = { ...rest, ...most };
      const [x, w] = inputs as [Value, Value];
      const [dx, dw] = dinputs as [Value, Value];
      return [
        ...winogradInputGrad(context, shape, m, { dy, w, dx }),
        ...winogradWeightGrad(context, shape, m, { x, dy, dw }),
      ];
    },
  };
}
