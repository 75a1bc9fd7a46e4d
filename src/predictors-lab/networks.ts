/**
 * The two-stream weight predictors as trainable graphs; `src/predictors` applies them fused.
 *
 * InvWNN (Jang, Kim and Youn, AAAI 2025) and WNN (Jang et al., ICML 2023): one stream is fed a history,
 * the other its successive differences; both end in one output unit.
 */
import type { Value } from "../graph/value.ts";
import { glorotUniform, varianceScaling } from "../nn/init.ts";
import type { Layers } from "../nn/layers.ts";
import type { ModelSpec } from "../nn/model.ts";
import { add, concat, exp, leakyRelu, mul, relu, tanh } from "../ops/index.ts";
import { type StreamName, streamNames } from "../predictors/two-stream.ts";

/** Sizes of an InvWNN. */
export interface InvWnnConfig {
  /** Snapshots K. */
  readonly window: number;
  readonly width: number;
  /** Bottleneck of the gated activation. */
  readonly bottleneck: number;
  /** Width of the last layer of each stream. */
  readonly tail: number;
  /** Streams there are. */
  readonly streams: readonly StreamName[];
}

/** The published network: K = 15, 128 wide, 62,609 parameters. */
export const invWnnDefaults: InvWnnConfig = {
  window: 15,
  width: 128,
  bottleneck: 8,
  tail: 64,
  streams: streamNames,
};

/** The authors' initialiser of the main dense layers; the gate and the output use Keras' default. */
const mainInit = varianceScaling({ scale: 0.1, mode: "fan_in", distribution: "uniform" });

/** Values [N, K] newest first and their differences [N, K - 1] → residual [N, 1]. */
export function invWnn(config: InvWnnConfig = invWnnDefaults): ModelSpec {
  const { window, width, bottleneck, tail, streams } = config;
  return twoStreams(
    `invwnn(${window}, ${width}-${bottleneck}-${tail}, ${streams.join("+")})`,
    window,
    streams,
    (layers, name, x) => {
      const { graph } = layers;
      const first = leakyRelu(graph, layers.linear(`${name}.first`, x, width, mainInit), 0.3);
      const second = layers.linear(`${name}.second`, first, width, mainInit);
      const gated = gate(layers, name, second, width, bottleneck);
      return leakyRelu(graph, layers.linear(`${name}.third`, gated, tail, mainInit), 0.3);
    },
  );
}

/** WNN: normalised values [N, 5] oldest first and their differences [N, 4] → residual [N, 1]; 9,425 parameters. */
export function wnn(): ModelSpec {
  return twoStreams("wnn(5, 64-8-32)", 5, streamNames, (layers, name, x) => {
    const first = layers.linear(`${name}.first`, x, 64, mainInit);
    const gated = gate(layers, name, first, 64, 8);
    return leakyRelu(layers.graph, layers.linear(`${name}.third`, gated, 32, mainInit), 0.3);
  });
}

/** Introspection: four values times 1000 [N, 4] → the weight times 1000 [N, 1]; 241 parameters. */
export function introspection(): ModelSpec {
  return {
    name: "introspection(4, 40)",
    inputs: [[4]],
    output: [1],
    build(layers, [values]) {
      const hidden = relu(layers.graph, layers.linear("hidden", values!, 40, glorotUniform));
      return layers.linear("output", hidden, 1, glorotUniform);
    },
  };
}

function twoStreams(
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
      const joined = ends.length === 1 ? ends[0]! : concat(layers.graph, ends, 1);
      return tanh(layers.graph, layers.linear("output", joined, 1, glorotUniform));
    },
  };
}

/** Gated activation: y = linear(c) + amplitude(c) · exp(rate(c) · x) with c = relu(compress(x)). */
function gate(layers: Layers, name: string, x: Value, width: number, bottleneck: number): Value {
  const { graph } = layers;
  const c = relu(graph, layers.linear(`${name}.compress`, x, bottleneck, glorotUniform));
  const linear = layers.linear(`${name}.linear`, c, width, glorotUniform);
  const amplitude = layers.linear(`${name}.amplitude`, c, width, glorotUniform);
  const rate = layers.linear(`${name}.rate`, c, width, glorotUniform);
  return add(graph, linear, mul(graph, amplitude, exp(graph, mul(graph, rate, x))));
}
