import type { Tensors } from "../../src/nn/model.ts";
import {
  type DenseWeights,
  streamNames,
  type TwoStreamSpec,
  type TwoStreamWeights,
} from "../../src/predictors/two-stream.ts";

/** The tensors that `fromTensors` makes a network of two streams from. */
export function toTensors<Layer extends string>(
  spec: TwoStreamSpec<Layer>,
  weights: TwoStreamWeights<Layer>,
): Tensors {
  const tensors: Tensors = new Map();
  const put = (
    role: string,
    shape: readonly [number, number],
    { kernel, bias }: DenseWeights,
  ): void => {
    tensors.set(`${role}.weight`, { shape, data: kernel });
    tensors.set(`${role}.bias`, { shape: [shape[1]], data: bias });
  };
  for (const stream of streamNames) {
    // Between the snapshots of a window lies one difference less.
    const inputs = stream === "value" ? weights.window : weights.window - 1;
    for (const layer of spec.layers) {
      put(`${stream}.${layer}`, spec.shape(layer, inputs), weights[stream][layer]);
    }
  }
  put("output", [2 * spec.tail, 1], weights.output);
  return tensors;
}
