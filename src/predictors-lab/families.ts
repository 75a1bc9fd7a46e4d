/** The predictors that can be fitted: how a window becomes a row of training, and a network a file. */
import { introspection, invWnn, type InvWnnConfig, invWnnDefaults, wnn } from "./networks.ts";
import { type ParameterKind, parameterKinds } from "../weights/arena.ts";
import type { Slot } from "../weights/arena.ts";
import type { ModelSpec, Tensors } from "../nn/model.ts";
import { shownEpochs } from "../predictors/introspection.ts";
import { invWnnKinds } from "../predictors/invwnn/predictor.ts";
import { type StreamName, streamNames } from "../predictors/two-stream.ts";
import {
  futureShape,
  introspectionShape,
  nearest,
  pastShape,
  type Window,
  type WindowShape,
} from "./windows.ts";

/** One predictor to fit. */
export interface Family {
  /** As in file names and in the `format` of the metadata. */
  readonly name: "invwnn" | "wnn" | "introspection";
  readonly shape: WindowShape;
  /** Epochs to the target. */
  readonly horizon: number;
  readonly base: "oldest" | "newest";
  readonly spec: ModelSpec;
  /** Columns of a row that the network's inputs take; the target and its weight follow. */
  readonly widths: readonly number[];
  /** Weight sets and the kinds each serves. */
  readonly sets: Readonly<Record<string, readonly ParameterKind[]>>;
  /** The network's inputs, what its output should be, and what one of the output is in units of the weight. */
  encode(window: Window): { inputs: Float32Array; target: number; scale: number };
  /** Learning-rate factor of a parameter; 0 holds it where it started. */
  rate(slot: Slot): number;
  /** Where fitting starts, given random weights. */
  begin?(tensors: Tensors): Tensors;
  /** Tensors as the file holds them. */
  finish(tensors: Tensors): Tensors;
}

/** What of InvWNN can be chosen. */
export interface InvWnnOptions {
  readonly window?: number | undefined;
  readonly horizon?: number | undefined;
  readonly base?: "oldest" | "newest" | undefined;
  readonly width?: number | undefined;
  readonly streams?: readonly StreamName[] | undefined;
  /** One set for every kind, in place of three. */
  readonly shared?: boolean | undefined;
}

const allKinds = { all: parameterKinds };

function differencesOf(values: ArrayLike<number>): Float32Array {
  return Float32Array.from({ length: values.length - 1 }, (_, k) => values[k + 1]! - values[k]!);
}

function joined(...parts: readonly Float32Array[]): Float32Array {
  return Float32Array.from(parts.flatMap((part) => [...part]));
}

/** A kernel [in, out] with each unit's mean taken off: the units see changes of the inputs alone. */
function changesOnly(kernel: Float32Array, units: number): Float32Array {
  const inputs = kernel.length / units;
  const means = new Float64Array(units);
  kernel.forEach((weight, i) => (means[i % units]! += weight / inputs));
  return kernel.map((weight, i) => weight - means[i % units]!);
}

/**
 * InvWNN. Its biases stay at zero: a network without them answers every scale of change nearly alike,
 * and one step of the learning rate in a bias would move the residual further than a weight moves in many
 * epochs. The value stream starts from seeing changes alone, and its first layer learns at a hundredth of
 * the rate: values are hundreds of times larger than their changes.
 */
export function invWnnFamily(options: InvWnnOptions = {}): Family {
  const { window = 15, horizon = 3, base = "oldest", width = 128 } = options;
  const { streams = invWnnDefaults.streams, shared = false } = options;
  const config: InvWnnConfig = { ...invWnnDefaults, window, width, tail: width / 2, streams };
  return {
    name: "invwnn",
    shape: pastShape(window, horizon),
    horizon,
    base,
    spec: invWnn(config),
    widths: [window, window - 1],
    sets: shared ? allKinds : invWnnKinds,
    encode({ history, target }) {
      const newestFirst = history.toReversed();
      const from = base === "oldest" ? history[0]! : history.at(-1)!;
      const inputs = joined(newestFirst, differencesOf(newestFirst));
      return { inputs, target: Math.fround(target - from), scale: 1 };
    },
    rate: ({ kind, name }) => (kind === "bias" ? 0 : name === "value.first.weight" ? 0.01 : 1),
    begin(tensors) {
      const first = tensors.get("value.first.weight");
      if (first === undefined) return tensors;
      const data = changesOnly(first.data, width);
      return new Map([...tensors, ["value.first.weight", { ...first, data }]]);
    },
    finish: (tensors) => withAllStreams(tensors, config),
  };
}

/** A stream that was left out, as zeros: the kernels leave streams out that add nothing. */
function withAllStreams(
  tensors: Tensors,
  { window, width, streams, ...config }: InvWnnConfig,
): Tensors {
  if (streams.length === streamNames.length) return tensors;
  const { bottleneck, tail } = config;
  const all: Tensors = new Map(tensors);
  const zeros = (name: string, rows: number, columns: number): void => {
    all.set(`${name}.weight`, { shape: [rows, columns], data: new Float32Array(rows * columns) });
    all.set(`${name}.bias`, { shape: [columns], data: new Float32Array(columns) });
  };
  const missing = streamNames.find((name) => !streams.includes(name))!;
  zeros(`${missing}.first`, missing === "value" ? window : window - 1, width);
  zeros(`${missing}.second`, width, width);
  zeros(`${missing}.compress`, width, bottleneck);
  for (const layer of ["linear", "amplitude", "rate"])
    zeros(`${missing}.${layer}`, bottleneck, width);
  zeros(`${missing}.third`, width, tail);
  const kept = tensors.get("output.weight")!.data;
  const output = new Float32Array(2 * tail);
  output.set(kept, missing === "value" ? tail : 0);
  all.set("output.weight", { shape: [2 * tail, 1], data: output });
  return all;
}

/** WNN: K = 5, one horizon, every weight normalised by its own range; added to the newest. */
export function wnnFamily({ horizon = 5, shared = false } = {}): Family {
  return {
    name: "wnn",
    shape: futureShape(5, horizon),
    horizon,
    base: "newest",
    spec: wnn(),
    widths: [5, 4],
    sets: shared ? allKinds : invWnnKinds,
    encode(window) {
      const { history, target } = window;
      const range = Math.max(...history) - Math.min(...history) + 1e-8;
      const scale = 2 * (range + 1e-5);
      const values = history.map((value) => (value - history[0]!) / scale);
      return {
        inputs: joined(values, differencesOf(values)),
        target: (target - nearest(window, this.shape)) / scale,
        scale,
      };
    },
    rate: () => 1,
    finish: (tensors) => tensors,
  };
}

/**
 * Introspection: one set for all kinds, everything times 1000. Its output is the weight itself, of which
 * the change is a small part: fitting starts from the network that answers with the newest value, and
 * holds the biases at zero, so that large and small weights are treated alike.
 */
export function introspectionFamily(): Family {
  return {
    name: "introspection",
    shape: introspectionShape(),
    horizon: shownEpochs,
    base: "newest",
    spec: introspection(),
    widths: [4],
    sets: allKinds,
    encode: ({ history, target }) => ({
      inputs: history.map((value) => 1000 * value),
      target: 1000 * target,
      scale: 1e-3,
    }),
    rate: ({ kind, name }) => (kind === "bias" ? 0 : name === "hidden.weight" ? 0.01 : 1),
    begin(tensors) {
      const units = tensors.get("output.weight")!.data.length;
      const hidden = changesOnly(tensors.get("hidden.weight")!.data, units);
      const output = new Float32Array(units);
      // newest = relu(newest) - relu(-newest): two units; the rest sees changes only, with no say yet.
      for (let i = 0; i < 4; i++) {
        hidden[i * units] = i === 3 ? 1 : 0;
        hidden[i * units + 1] = i === 3 ? -1 : 0;
      }
      output.set([1, -1]);
      return new Map([
        ...tensors,
        ["hidden.weight", { shape: [4, units], data: hidden }],
        ["output.weight", { shape: [units, 1], data: output }],
      ]);
    },
    finish: (tensors) => tensors,
  };
}
