/**
 * InvWNN's weights: named roles, checkpoints, dead streams, and packing for the kernels.
 *
 * The network (Jang, Kim, Youn, AAAI 2025): two streams of the same layers, one fed the history newest
 * first, one its successive differences, joined by one output unit. Kernels are [in, out].
 */
import type { Tuning } from "../gpu/device.ts";
import { ShapeError } from "../gpu/errors.ts";
import type { Tensors } from "../nn/model.ts";
import { bothStreams, type StreamPlan } from "./invwnn-streams.ts";

export { bothStreams, invwnnFlop, type StreamPlan, streamPlan } from "./invwnn-streams.ts";

/** One dense layer: y = x · kernel + bias. */
export interface DenseWeights {
  /** [in, out], row-major. */
  readonly kernel: Float32Array;
  /** [out]. */
  readonly bias: Float32Array;
}

/** The layers of a stream, in the order of Keras' layer numbers. */
export const streamLayers = [
  "first",
  "second",
  "compress",
  "linear",
  "amplitude",
  "rate",
  "third",
] as const;

/** Name of a layer within its stream. */
export type StreamLayer = (typeof streamLayers)[number];

/** The two streams, in the order of the output layer's rows. */
export const streamNames = ["value", "difference"] as const;

/** Name of a stream. */
export type StreamName = (typeof streamNames)[number];

/** Weights of one stream. */
export type StreamWeights = Readonly<Record<StreamLayer, DenseWeights>>;

/** All weights of an InvWNN. */
export interface InvWnnWeights {
  /** Snapshots K of a history. */
  readonly window: number;
  /** Trained numbers in all: 62,609 for a window of 15. */
  readonly parameters: number;
  readonly value: StreamWeights;
  readonly difference: StreamWeights;
  /** [128, 1]: rows 0-63 read the value stream, 64-127 the difference stream. */
  readonly output: DenseWeights;
}

/** A dense layer as a Keras file holds it. */
export interface KerasLayer {
  readonly layer: string;
  readonly kernel: { readonly shape: readonly number[]; readonly data: Float32Array };
  readonly bias: { readonly shape: readonly number[]; readonly data: Float32Array };
}

/** Width of the hidden layers, of the gate's bottleneck and of a stream's last layer. */
const width = 128;
const bottleneck = 8;
const tail = 64;

/** Windows the kernels are written for. */
export const windowRange: readonly [number, number] = [5, 20];

function layerShape(stream: StreamName, layer: StreamLayer, window: number): [number, number] {
  switch (layer) {
    case "first":
      return [stream === "value" ? window : window - 1, width];
    case "second":
      return [width, width];
    case "compress":
      return [width, bottleneck];
    case "third":
      return [width, tail];
    default:
      return [bottleneck, width];
  }
}

type Tensor = { readonly shape: readonly number[]; readonly data: Float32Array };

/** Takes `found` apart by role; `what` names the source in errors. */
function assemble(
  what: string,
  find: (role: string) => { name: string; kernel: Tensor; bias: Tensor },
): InvWnnWeights {
  const window = find("value.first").kernel.shape[0] ?? 0;
  const [low, high] = windowRange;
  if (window < low || window > high) {
    throw new ShapeError(
      `${what}: the first value layer takes ${window} values; the kernels serve windows of ${low} to ${high}. ` +
        "Is this an InvWNN checkpoint?",
    );
  }
  const dense = (role: string, [inputs, outputs]: readonly [number, number]): DenseWeights => {
    const { name, kernel, bias } = find(role);
    const check = (part: string, tensor: Tensor, shape: readonly number[]): void => {
      const size = shape.reduce((a, b) => a * b, 1);
      if (tensor.shape.join() !== shape.join() || tensor.data.length !== size) {
        throw new ShapeError(
          `${what}: ${part} of ${name} (${role}) has shape [${tensor.shape.join(", ")}], InvWNN with window ` +
            `${window} needs [${shape.join(", ")}]. Check that the file holds an InvWNN.`,
        );
      }
    };
    check("kernel", kernel, [inputs, outputs]);
    check("bias", bias, [outputs]);
    return { kernel: kernel.data, bias: bias.data };
  };
  const stream = (name: StreamName): StreamWeights =>
    Object.fromEntries(
      streamLayers.map((layer) => [
        layer,
        dense(`${name}.${layer}`, layerShape(name, layer, window)),
      ]),
    ) as Record<StreamLayer, DenseWeights>;
  const value = stream("value");
  const difference = stream("difference");
  const output = dense("output", [2 * tail, 1]);
  const layers = [
    ...Object.values<DenseWeights>(value),
    ...Object.values<DenseWeights>(difference),
    output,
  ];
  const parameters = layers.reduce((sum, { kernel, bias }) => sum + kernel.length + bias.length, 0);
  return { window, parameters, value, difference, output };
}

/** Roles in the order of Keras' layer numbers. */
const roles: readonly string[] = [
  ...streamNames.flatMap((stream) => streamLayers.map((layer) => `${stream}.${layer}`)),
  "output",
];

/**
 * Weights from the 15 dense layers of a Keras file, in any order.
 *
 * Roles follow the order of the number at the end of each layer's name: the numbers count construction,
 * while the file's own order mixes the streams. linear, amplitude and rate have equal shapes, so a
 * wrong order there shows only in the values.
 *
 * @throws ShapeError if there are not 15 layers, a name has no number or a shape does not fit.
 */
export function fromKerasLayers(layers: readonly KerasLayer[]): InvWnnWeights {
  const what = "Keras checkpoint";
  if (layers.length !== roles.length) {
    throw new ShapeError(
      `${what}: ${layers.length} layers with weights, InvWNN has ${roles.length}. Check that the file holds an InvWNN.`,
    );
  }
  const numbered = layers.map((layer) => ({
    layer,
    number: Number(/(\d+)$/.exec(layer.layer)?.[1] ?? NaN),
  }));
  const unnumbered = numbered.find(({ number }) => Number.isNaN(number));
  if (unnumbered !== undefined) {
    throw new ShapeError(
      `${what}: layer "${unnumbered.layer.layer}" has no number at its end, which gives its role. ` +
        "Save the weights with Keras' own layer names (dense_1 to dense_15).",
    );
  }
  const sorted = numbered.sort((a, b) => a.number - b.number).map(({ layer }) => layer);
  return assemble(what, (role) => {
    const layer = sorted[roles.indexOf(role)]!;
    return { name: layer.layer, kernel: layer.kernel, bias: layer.bias };
  });
}

/**
 * Weights from tensors named `value.first.weight`, `value.first.bias`, …, `output.weight`, `output.bias`
 * (the names of the trainable model); `.kernel` is accepted for `.weight`.
 *
 * @throws ShapeError if a tensor is missing or has the wrong shape.
 */
export function fromTensors(tensors: ReadonlyMap<string, Tensor>): InvWnnWeights {
  const what = "InvWNN tensors";
  return assemble(what, (role) => {
    const kernel = tensors.get(`${role}.weight`) ?? tensors.get(`${role}.kernel`);
    const bias = tensors.get(`${role}.bias`);
    if (kernel === undefined || bias === undefined) {
      throw new ShapeError(
        `${what}: "${role}.${kernel === undefined ? "weight" : "bias"}" is missing; found: ` +
          `${[...tensors.keys()].slice(0, 6).join(", ") || "nothing"}. Check that the file holds an InvWNN.`,
      );
    }
    return { name: role, kernel, bias };
  });
}

/** The tensors of {@link fromTensors}, 30 of them. */
export function toTensors(weights: InvWnnWeights): Tensors {
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
    for (const layer of streamLayers) {
      put(`${stream}.${layer}`, layerShape(stream, layer, weights.window), weights[stream][layer]);
    }
  }
  put("output", [2 * tail, 1], weights.output);
  return tensors;
}

/** Pages of 64 KiB the software kernel binds, by variable name, in order. */
export const softwarePages = [
  "valueSecond",
  "valueRest",
  "differenceSecond",
  "differenceRest",
] as const;

/** Bytes of one page: WebGPU's default limit of a uniform binding. */
export const softwarePageBytes = 65_536;

/**
 * Weights as the kernel of a tuning reads them; the plan's constant goes into the output bias.
 *
 * "gpu": one storage array, each stream after the other. "software": four pages for
 * {@link softwarePages}, 256 KiB.
 */
export function packInvWnn(
  weights: InvWnnWeights,
  tuning: Tuning,
  plan: StreamPlan = bothStreams,
): Float32Array {
  const outputBias = weights.output.bias[0]! + plan.constant;
  return tuning === "gpu" ? packGpu(weights, outputBias) : packSoftware(weights, outputBias);
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

function packSoftware(weights: InvWnnWeights, outputBias: number): Float32Array {
  const page = softwarePageBytes / 4;
  const packed = new Float32Array(softwarePages.length * page);
  for (const [s, name] of streamNames.entries()) {
    const stream = weights[name];
    packed.set(transpose(stream.second.kernel, width, width), 2 * s * page);
    const rest = packed.subarray((2 * s + 1) * page, (2 * s + 2) * page);
    rest.set(transpose(stream.compress.kernel, width, bottleneck));
    rest.set(transpose(stream.third.kernel, width, tail), bottleneck * width);
    const tailAt = (bottleneck + tail) * width;
    for (let row = 0; row < bottleneck; row++) rest[tailAt + 4 * row] = stream.compress.bias[row]!;
    for (let row = 0; row < tail; row++) {
      rest[tailAt + 4 * (bottleneck + row)] = stream.third.bias[row]!;
      rest[tailAt + 4 * (bottleneck + row) + 1] = weights.output.kernel[s * tail + row]!;
    }
    if (s === 0) rest[tailAt + 2] = outputBias;
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
  }
  return packed;
}

function transpose(matrix: Float32Array, rows: number, columns: number): Float32Array {
  const result = new Float32Array(matrix.length);
  for (let r = 0; r < rows; r++)
    for (let c = 0; c < columns; c++) result[c * rows + r] = matrix[r * columns + c]!;
  return result;
}
