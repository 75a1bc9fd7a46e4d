/**
 * What InvWNN (Jang, Kim and Youn, AAAI 2025) and WNN (Jang et al., ICML 2023) share as trainable graphs; `src/predictors`
 * applies them fused. One stream is fed a history, the other its successive differences.
 */
import type { Value } from "../../graph/value.ts";
import { glorotUniform, varianceScaling } from "../../nn/init.ts";
import type { Layers } from "../../nn/layers.ts";
import type { ModelSpec } from "../../nn/model.ts";
import { add, concat, exp, mul, relu, tanh } from "../../ops/index.ts";
import type { StreamName } from "../../predictors/two-stream.ts";

/** The authors' initialiser of the main dense layers; the gate and the output use Keras' default. */
export const mainInit = varianceScaling({ scale: 0.1, mode: "fan_in", distribution: "uniform" });

/** A network of one or two streams that end in one output unit. */
export function twoStreams(
  name: string,
  window: number,
  streams: readonly StreamName[],
  stream: (layers: Layers, name: StreamName, x: Value) => Value,
): ModelSpec {
  return {
    name,
    inputs: [[window], [window - 1]],
    output: [1],
    build(layers, [values, differences]) {
      const inputs = { value: values!, difference: differences! };
      const ends = streams.map((one) => stream(layers, one, inputs[one]));
      const joined = ends.length === 1 ? ends[0]! : concat(ends, 1);
      return tanh(layers.linear("output", joined, 1, glorotUniform));
    },
  };
}

/** Gated activation: y = linear(c) + amplitude(c) · exp(rate(c) · x) with c = relu(compress(x)). */
export function gate(
  layers: Layers,
  name: string,
  x: Value,
  width: number,
  bottleneck: number,
): Value {
  const c = relu(layers.linear(`${name}.compress`, x, bottleneck, glorotUniform));
  const linear = layers.linear(`${name}.linear`, c, width, glorotUniform);
  const amplitude = layers.linear(`${name}.amplitude`, c, width, glorotUniform);
  const rate = layers.linear(`${name}.rate`, c, width, glorotUniform);
  return add(linear, mul(amplitude, exp(mul(rate, x))));
}
