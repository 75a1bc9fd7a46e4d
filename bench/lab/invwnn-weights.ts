/** InvWNN's weights as the kernels of the lab read them. */
import { transpose } from "../../src/predictors/transpose.ts";
import { type StreamName, streamNames } from "../../src/predictors/two-stream.ts";
import {
  bottleneck,
  type InvWnnWeights,
  type StreamLayer,
  tail,
  width,
} from "../../src/predictors/invwnn/weights.ts";

/** Snapshots of a history. */
export const window = 15;

/** The layers of a stream in their order: inputs and outputs. */
const layers: Readonly<Record<StreamLayer, readonly [inputs: number, outputs: number]>> = {
  first: [window, width],
  second: [width, width],
  compress: [width, bottleneck],
  linear: [bottleneck, width],
  amplitude: [bottleneck, width],
  rate: [bottleneck, width],
  third: [width, tail],
};

const entries = Object.entries(layers) as [StreamLayer, readonly [number, number]][];

/** Puts arrays together, and three zeros at the end, for a whole number of vec4. */
function joined(parts: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((sum, { length }) => sum + length, 3));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/**
 * Weights from drawn numbers of deviation one, with activations of about one everywhere and an exponential that matters:
 * of each stream the layers, kernels [in, out] and then biases, and the output's kernel [64]; last the output's bias and
 * three zeros. The stream of the differences has a row of zeros in the place of a 15th difference.
 */
export function valuesOfInvWnn(draw: () => number): Float32Array {
  const drawn = (length: number, scale: number): Float32Array =>
    Float32Array.from({ length }, () => scale * draw());
  const gains: Partial<Record<StreamLayer, number>> = { first: 1.5, rate: 0.5 };
  const parts = streamNames.flatMap((stream) => [
    ...entries.flatMap(([layer, [inputs, outputs]]) => {
      const kernel = drawn(inputs * outputs, (gains[layer] ?? 1) / Math.sqrt(inputs));
      if (layer === "first" && stream === "difference") kernel.fill(0, (window - 1) * outputs);
      return [kernel, drawn(outputs, 0.05)];
    }),
    drawn(tail, 0.7 / Math.sqrt(2 * tail)),
  ]);
  return joined([...parts, drawn(1, 0.05)]);
}

/** The same by role, as the engine has them. */
export function weightsOfInvWnn(values: Float32Array): InvWnnWeights {
  let at = 0;
  const next = (length: number): Float32Array => values.subarray(at, (at += length));
  const streams = streamNames.map((stream) => {
    const own = entries.map(([layer, [inputs, outputs]]) => {
      const kernel = next(inputs * outputs);
      const rows = layer === "first" && stream === "difference" ? window - 1 : inputs;
      return [layer, { kernel: kernel.subarray(0, rows * outputs), bias: next(outputs) }];
    });
    return [stream, Object.fromEntries(own), next(tail)] as const;
  });
  const named = Object.fromEntries(streams) as Pick<InvWnnWeights, StreamName>;
  const output = new Float32Array(2 * tail);
  for (const [i, [, , kernel]] of streams.entries()) output.set(kernel, i * tail);
  return { window, parameters: 62_609, ...named, output: { kernel: output, bias: next(1) } };
}

/** The same again with kernels as [out, in], and rows of the first layer padded with zeros to 16. */
export function turnedInvWnn(weights: InvWnnWeights): Float32Array {
  const parts = streamNames.flatMap((stream, s) => [
    ...entries.flatMap(([layer, [inputs, outputs]]) => {
      const { kernel, bias } = weights[stream][layer];
      const padded = new Float32Array((layer === "first" ? 16 : inputs) * outputs);
      padded.set(kernel);
      return [transpose(padded, padded.length / outputs, outputs), bias];
    }),
    weights.output.kernel.subarray(s * tail, (s + 1) * tail),
  ]);
  return joined([...parts, weights.output.bias]);
}
