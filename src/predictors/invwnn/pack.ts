/** InvWNN's weights in the order in which its kernels read them. */
import type { Tuning } from "../../gpu/device.ts";
import { transpose } from "../transpose.ts";
import { type StreamName, streamNames } from "../two-stream.ts";
import { bothStreams, keptStreams, type StreamPruning } from "./streams.ts";
import { bottleneck, type InvWnnWeights, tail, width } from "./weights.ts";

/** Bytes of a page of the software kernel: WebGPU's default limit of a uniform binding. */
const pageBytes = 65_536;

/**
 * Weights as the kernel of a tuning reads them, by name; the pruning's constant goes into the output bias.
 *
 * "gpu": `weights`, one storage array, each stream after the other. "software": two pages for each stream the
 * pruning keeps, `valueSecond` and `valueRest`, `differenceSecond` and `differenceRest`.
 */
export function packInvWnn(
  weights: InvWnnWeights,
  tuning: Tuning,
  pruning: StreamPruning = bothStreams,
): Record<string, Float32Array> {
  const outputBias = weights.output.bias[0]! + pruning.constant;
  if (tuning === "gpu") return { weights: packGpu(weights, outputBias) };
  return Object.fromEntries(
    keptStreams(pruning).flatMap((name) => [
      [`${name}Second`, transpose(weights[name].second.kernel, width, width)],
      [`${name}Rest`, packRest(weights, name, outputBias)],
    ]),
  );
}

/** Rows of the first kernel in the order of the recorded history, oldest first. */
function oldestFirst(kernel: Float32Array): Float32Array[] {
  const rows = kernel.length / width;
  return Array.from({ length: rows }, (_, k) =>
    kernel.subarray((rows - 1 - k) * width, (rows - k) * width),
  );
}

function packGpu(weights: InvWnnWeights, outputBias: number): Float32Array {
  const { window, output } = weights;
  const parts: Float32Array[] = [];
  for (const [s, name] of streamNames.entries()) {
    const stream = weights[name];
    parts.push(...oldestFirst(stream.first.kernel));
    if (stream.first.kernel.length < window * width) parts.push(new Float32Array(width));
    parts.push(stream.first.bias, stream.second.kernel, stream.second.bias);
    parts.push(transpose(stream.compress.kernel, width, bottleneck), stream.compress.bias);
    for (const layer of ["linear", "amplitude", "rate"] as const)
      parts.push(stream[layer].kernel, stream[layer].bias);
    parts.push(
      stream.third.kernel,
      stream.third.bias,
      output.kernel.subarray(s * tail, (s + 1) * tail),
    );
  }
  parts.push(Float32Array.of(outputBias, 0, 0, 0));
  const packed = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    packed.set(part, at);
    at += part.length;
  }
  return packed;
}

/** All of a stream but its square map, as struct Rest of `predict/invwnn-software`. */
function packRest(weights: InvWnnWeights, name: StreamName, outputBias: number): Float32Array {
  const stream = weights[name];
  const s = streamNames.indexOf(name);
  const rest = new Float32Array(pageBytes / 4);
  rest.set(transpose(stream.compress.kernel, width, bottleneck));
  rest.set(transpose(stream.third.kernel, width, tail), bottleneck * width);
  const tailAt = (bottleneck + tail) * width;
  for (let row = 0; row < bottleneck; row++) rest[tailAt + 4 * row] = stream.compress.bias[row]!;
  for (let row = 0; row < tail; row++) {
    rest[tailAt + 4 * (bottleneck + row)] = stream.third.bias[row]!;
    rest[tailAt + 4 * (bottleneck + row) + 1] = weights.output.kernel[s * tail + row]!;
  }
  rest[tailAt + 2] = outputBias;
  // Six vec4f a row hold any window's inputs; the bias ends the last of those this window needs.
  const firstAt = tailAt + 4 * (bottleneck + tail);
  const biasAt = 4 * Math.floor((weights.window + 4) / 4) - 1;
  const rows = oldestFirst(stream.first.kernel);
  const gateAt = firstAt + 24 * width;
  for (let o = 0; o < width; o++) {
    for (const [k, row] of rows.entries()) rest[firstAt + 24 * o + k] = row[o]!;
    rest[firstAt + 24 * o + biasAt] = stream.first.bias[o]!;
    const row = gateAt + 28 * o;
    for (const [g, layer] of (["linear", "amplitude", "rate"] as const).entries()) {
      for (let k = 0; k < bottleneck; k++)
        rest[row + 8 * g + k] = stream[layer].kernel[k * width + o]!;
      rest[row + 24 + g] = stream[layer].bias[o]!;
    }
    rest[row + 27] = stream.second.bias[o]!;
  }
  return rest;
}
