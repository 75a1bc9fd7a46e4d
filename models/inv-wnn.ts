/**
 * InvWNN as a trainable graph (Jang, Kim and Youn, AAAI 2025); `src/predict/invwnn.ts` applies it fused.
 *
 * Two streams with the same layers: the history, newest first, and its successive differences.
 */
import { ShapeError } from "../src/gpu/errors.ts";
import type { Value } from "../src/graph/value.ts";
import { glorotUniform, varianceScaling } from "../src/nn/init.ts";
import type { Layers } from "../src/nn/layers.ts";
import type { ModelSpec } from "../src/nn/model.ts";
import { add, concat, exp, leakyRelu, mul, relu, tanh } from "../src/ops/index.ts";

/** Sizes of the published network. */
export interface InvWnnConfig {
  /** Snapshots K. */
  readonly window: number;
  readonly width: number;
  /** Bottleneck of the gated activation. */
  readonly bottleneck: number;
  /** Width of the last layer of each stream. */
  readonly tail: number;
}

/** K = 15, 128 wide: 62,609 parameters. */
export const invWnnDefaults: InvWnnConfig = { window: 15, width: 128, bottleneck: 8, tail: 64 };

/** The authors' initialiser of the main dense layers; the gate and the output use Keras' default. */
const mainInit = varianceScaling({ scale: 0.1, mode: "fan_in", distribution: "uniform" });

/** The residual network: values [N, K] newest first and their differences [N, K - 1] → residual [N, 1]. */
export function invWnn(config: InvWnnConfig = invWnnDefaults): ModelSpec {
  const { window } = config;
  return {
    name: `invwnn(${window}, ${config.width}-${config.bottleneck}-${config.tail})`,
    inputs: [[window], [window - 1]],
    output: [1],
    build(layers, [values, differences]) {
      if (values === undefined || differences === undefined) {
        throw new ShapeError("invwnn: needs values and differences.");
      }
      const joined = concat(
        layers.graph,
        [
          stream(layers, "value", values, config),
          stream(layers, "difference", differences, config),
        ],
        1,
      );
      return tanh(layers.graph, layers.linear("output", joined, 1, glorotUniform));
    },
  };
}

function stream(layers: Layers, name: string, x: Value, config: InvWnnConfig): Value {
  const { graph } = layers;
  let h = leakyRelu(graph, layers.linear(`${name}.first`, x, config.width, mainInit), 0.3);
  h = gate(layers, name, layers.linear(`${name}.second`, h, config.width, mainInit), config);
  return leakyRelu(graph, layers.linear(`${name}.third`, h, config.tail, mainInit), 0.3);
}

/** Gated activation: y = linear(c) + amplitude(c) · exp(rate(c) · x) with c = relu(compress(x)). */
function gate(layers: Layers, name: string, x: Value, config: InvWnnConfig): Value {
  const { graph } = layers;
  const { width } = config;
  const c = relu(graph, layers.linear(`${name}.compress`, x, config.bottleneck, glorotUniform));
  const linear = layers.linear(`${name}.linear`, c, width, glorotUniform);
  const amplitude = layers.linear(`${name}.amplitude`, c, width, glorotUniform);
  const rate = layers.linear(`${name}.rate`, c, width, glorotUniform);
  return add(graph, linear, mul(graph, amplitude, exp(graph, mul(graph, rate, x))));
}
