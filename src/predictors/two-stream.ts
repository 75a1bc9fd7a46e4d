/**
 * Checkpoints of two-stream networks (InvWNN, WNN): layers by role, from Keras files and from tensors.
 *
 * Both have two streams of the same layers, one fed the values of a history and one their differences,
 * joined by one output unit. Kernels are [in, out].
 */
import { ShapeError } from "../errors.ts";
import type { KerasDense, KerasNumbering } from "../io/keras-h5.ts";

/** One dense layer: y = x · kernel + bias. */
export interface DenseWeights {
  /** [in, out], row-major. */
  readonly kernel: Float32Array;
  /** [out]. */
  readonly bias: Float32Array;
}

/** The two streams, in the order of the output layer's rows. */
export const streamNames = ["value", "difference"] as const;

/** Name of a stream. */
export type StreamName = (typeof streamNames)[number];

/** Weights of one stream by layer. */
export type StreamOf<Layer extends string> = Readonly<Record<Layer, DenseWeights>>;

/** All weights of a network. */
export interface TwoStreamWeights<Layer extends string> {
  /** Snapshots K of a history. */
  readonly window: number;
  /** Trained numbers in all. */
  readonly parameters: number;
  readonly value: StreamOf<Layer>;
  readonly difference: StreamOf<Layer>;
  /** [2 · tail, 1]: the first half reads the value stream, the second the difference stream. */
  readonly output: DenseWeights;
}

/** What tells the two networks apart. */
export interface TwoStreamSpec<Layer extends string> {
  readonly name: string;
  /** Layers of a stream in the order of Keras' layer numbers, the first one named `first`. */
  readonly layers: readonly Layer[];
  /** Inputs and outputs of a layer of a stream that is fed `inputs` numbers. */
  shape(layer: Layer, inputs: number): readonly [number, number];
  /** Width of a stream's last layer. */
  readonly tail: number;
  /** Windows the kernels serve. */
  readonly windows: readonly [number, number];
}

type Tensor = { readonly shape: readonly number[]; readonly data: Float32Array };

/** Takes `found` apart by role; `what` names the source in errors. */
function assemble<Layer extends string>(
  spec: TwoStreamSpec<Layer>,
  what: string,
  find: (role: string) => { name: string; kernel: Tensor; bias: Tensor },
): TwoStreamWeights<Layer> {
  const window = find("value.first").kernel.shape[0] ?? 0;
  const [low, high] = spec.windows;
  if (window < low || window > high) {
    const served = low === high ? `a window of ${low}` : `windows of ${low} to ${high}`;
    throw new ShapeError(
      `${what}: the first value layer takes ${window} values; the kernels serve ${served}. ` +
        `Check that the file holds ${article(spec.name)}.`,
    );
  }
  const dense = (role: string, [inputs, outputs]: readonly [number, number]): DenseWeights => {
    const { name, kernel, bias } = find(role);
    const check = (part: string, tensor: Tensor, shape: readonly number[]): void => {
      const size = shape.reduce((a, b) => a * b, 1);
      if (tensor.shape.join() !== shape.join() || tensor.data.length !== size) {
        throw new ShapeError(
          `${what}: ${part} of ${name} (${role}) has shape [${tensor.shape.join(", ")}], ${spec.name} with window ` +
            `${window} needs [${shape.join(", ")}]. Check that the file holds ${article(spec.name)}.`,
        );
      }
    };
    check("kernel", kernel, [inputs, outputs]);
    check("bias", bias, [outputs]);
    return { kernel: kernel.data, bias: bias.data };
  };
  const stream = (name: StreamName): StreamOf<Layer> =>
    Object.fromEntries(
      spec.layers.map((layer) => [
        layer,
        dense(`${name}.${layer}`, spec.shape(layer, inputsOf(name, window))),
      ]),
    ) as Record<Layer, DenseWeights>;
  const value = stream("value");
  const difference = stream("difference");
  const output = dense("output", [2 * spec.tail, 1]);
  const layers = [
    ...Object.values<DenseWeights>(value),
    ...Object.values<DenseWeights>(difference),
    output,
  ];
  const parameters = layers.reduce((sum, { kernel, bias }) => sum + kernel.length + bias.length, 0);
  return { window, parameters, value, difference, output };
}

function article(name: string): string {
  return `${/^[AEIO]/.test(name) ? "an" : "a"} ${name}`;
}

function inputsOf(stream: StreamName, window: number): number {
  return stream === "value" ? window : window - 1;
}

/** Roles in the order of Keras' layer numbers. */
function rolesOf(spec: TwoStreamSpec<string>): string[] {
  const streams = streamNames.flatMap((stream) => spec.layers.map((layer) => `${stream}.${layer}`));
  return [...streams, "output"];
}

/**
 * Roles in the order of Keras' graph, which it sorts by the distance from the output: layer by layer of both
 * streams; rate and amplitude, which pass through more operations than linear, come before it.
 */
function graphRolesOf(spec: TwoStreamSpec<string>): string[] {
  const swapped: Readonly<Record<string, string>> = { linear: "rate", rate: "linear" };
  const sorted = spec.layers.map((layer) => swapped[layer] ?? layer);
  return [
    ...sorted.flatMap((layer) => streamNames.map((stream) => `${stream}.${layer}`)),
    "output",
  ];
}

/**
 * Weights from the dense layers of a Keras file, in any order.
 *
 * Roles follow the order of the number at the end of each layer's name: the numbers count construction, or in
 * Keras 3's `.weights.h5` the layers of the graph (the first of which has none), while the file's own order
 * mixes the streams. linear, amplitude and rate have equal shapes, so a wrong order there shows only in the
 * values.
 *
 * @throws ShapeError if the count is wrong, a name has no number or a shape does not fit.
 */
export function fromKerasLayers<Layer extends string>(
  spec: TwoStreamSpec<Layer>,
  layers: readonly KerasDense[],
  numbering: KerasNumbering = "construction",
): TwoStreamWeights<Layer> {
  const what = "Keras checkpoint";
  const roles = numbering === "graph" ? graphRolesOf(spec) : rolesOf(spec);
  if (layers.length !== roles.length) {
    throw new ShapeError(
      `${what}: ${layers.length} layers with weights, ${spec.name} has ${roles.length}. Check that the file ` +
        `holds ${article(spec.name)}.`,
    );
  }
  const first = numbering === "graph" ? 0 : NaN;
  const numbered = layers.map((layer) => ({
    layer,
    number: Number(/(\d+)$/.exec(layer.layer)?.[1] ?? first),
  }));
  const unnumbered = numbered.find(({ number }) => Number.isNaN(number));
  if (unnumbered !== undefined) {
    throw new ShapeError(
      `${what}: layer "${unnumbered.layer.layer}" has no number at its end, which gives its role. ` +
        `Save the weights with Keras' own layer names (dense_1 to dense_${roles.length}).`,
    );
  }
  const sorted = numbered.sort((a, b) => a.number - b.number).map(({ layer }) => layer);
  return assemble(spec, what, (role) => {
    const layer = sorted[roles.indexOf(role)]!;
    return { name: layer.layer, kernel: layer.kernel, bias: layer.bias };
  });
}

/**
 * Weights from tensors named `value.first.weight`, `value.first.bias`, …, `output.weight`, `output.bias`
 * (the names of the trainable models); `.kernel` is accepted for `.weight`.
 *
 * @throws ShapeError if a tensor is missing or has the wrong shape.
 */
export function fromTensors<Layer extends string>(
  spec: TwoStreamSpec<Layer>,
  tensors: ReadonlyMap<string, Tensor>,
): TwoStreamWeights<Layer> {
  const what = `${spec.name} tensors`;
  return assemble(spec, what, (role) => {
    const kernel = tensors.get(`${role}.weight`) ?? tensors.get(`${role}.kernel`);
    const bias = tensors.get(`${role}.bias`);
    if (kernel === undefined || bias === undefined) {
      throw new ShapeError(
        `${what}: "${role}.${kernel === undefined ? "weight" : "bias"}" is missing; found: ` +
          `${[...tensors.keys()].slice(0, 6).join(", ") || "nothing"}. Check that the file holds ${article(spec.name)}.`,
      );
    }
    return { name: role, kernel, bias };
  });
}
