/**
 * WNN (Jang et al., ICML 2023): forecasts near-future weights from five epochs; the accelerator that
 * InvWNN was turned around from.
 */
import type { ParameterKind } from "../weights/arena.ts";
import { UsageError } from "../errors.ts";
import { invWnnKinds } from "./invwnn/predictor.ts";
import { predictionLaunch } from "./launch.ts";
import { type PredictorLoader, requirePlain, type SetName } from "./loader.ts";
import { baseCode, type Predictor, type PredictorSet } from "./predictor.ts";
import {
  type DenseWeights,
  streamNames,
  type TwoStreamSpec,
  type TwoStreamWeights,
} from "./two-stream.ts";
import { twoStreamFiles, type TwoStreamSource } from "./two-stream-files.ts";
import { states } from "./weight-file.ts";

/** The layers of a stream, in the order of Keras' layer numbers. */
export type WnnLayer = "first" | "compress" | "linear" | "amplitude" | "rate" | "third";

/** All weights of a WNN: 9,425 numbers. */
export type WnnWeights = TwoStreamWeights<WnnLayer>;

const width = 64;
const bottleneck = 8;
const tail = 32;

/** WNN's layers. */
export const wnnSpec: TwoStreamSpec<WnnLayer> = {
  name: "WNN",
  layers: ["first", "compress", "linear", "amplitude", "rate", "third"],
  tail,
  windows: [5, 5],
  shape(layer, inputs) {
    switch (layer) {
      case "first":
        return [inputs, width];
      case "compress":
        return [width, bottleneck];
      case "third":
        return [width, tail];
      default:
        return [bottleneck, width];
    }
  },
};

/**
 * How far the published weights look ahead, in epochs: measured on straight lines (3.6 to 5); the
 * authors state no number.
 */
const publishedHorizon = 4;

/** Floats of a neuron's row and of a stream, as `predict/wnn` reads them. */
const rowFloats = 76;
const streamFloats = width * rowFloats + 2 * tail + bottleneck;

/** Weights as `predict/wnn` reads them. */
function packWnn(weights: WnnWeights): Float32Array {
  const packed = new Float32Array(2 * streamFloats + 4);
  for (const [s, name] of streamNames.entries()) {
    const stream = weights[name];
    const inputs = stream.first.kernel.length / width;
    const at = s * streamFloats;
    for (let o = 0; o < width; o++) {
      const row = packed.subarray(at + o * rowFloats, at + (o + 1) * rowFloats);
      for (let i = 0; i < inputs; i++) row[i] = stream.first.kernel[i * width + o]!;
      row[5] = stream.first.bias[o]!;
      row.set(stream.compress.kernel.subarray(o * bottleneck, (o + 1) * bottleneck), 8);
      for (const [g, layer] of (["linear", "amplitude", "rate"] as const).entries()) {
        const { kernel, bias } = stream[layer];
        for (let i = 0; i < bottleneck; i++) row[16 + 8 * g + i] = kernel[i * width + o]!;
        row[40 + g] = bias[o]!;
      }
      row.set(stream.third.kernel.subarray(o * tail, (o + 1) * tail), 44);
    }
    const end = at + width * rowFloats;
    packed.set(stream.compress.bias, end);
    packed.set(stream.third.bias, end + bottleneck);
    packed.set(weights.output.kernel.subarray(s * tail, (s + 1) * tail), end + bottleneck + tail);
  }
  packed[2 * streamFloats] = weights.output.bias[0]!;
  return packed;
}

/** Weights of one set with where they came from. */
export type WnnSource = TwoStreamSource<WnnLayer>;

function wnnSet(
  name: string,
  kinds: readonly ParameterKind[],
  { weights, source }: WnnSource,
  scaleNewest: boolean,
): PredictorSet {
  const streams = streamNames.flatMap((stream) => Object.values<DenseWeights>(weights[stream]));
  const layers = [...streams, weights.output];
  const flop = layers.reduce((sum, { kernel }) => sum + 2 * kernel.length, 0);
  return {
    name,
    kinds,
    source: scaleNewest ? `${source}, as published: newest weight scaled` : source,
    parameters: weights.parameters,
    flop,
    weights: () => ({ weights: packWnn(weights) }),
    launches: (job) => [
      predictionLaunch(job, {
        shader: "predict/wnn",
        constants: { BASE: baseCode[job.base], SCALE_NEWEST: scaleNewest },
        bind: job.weights,
        flop,
      }),
    ],
  };
}

/**
 * A predictor from weight sets by name.
 *
 * @param options `horizon`: epochs after the newest snapshot; `publishedBias`: rank-1 parameters as the
 *   published script computes them, which scales the newest weight before it is added.
 */
export function wnnPredictor(
  name: string,
  sources: Readonly<Partial<Record<SetName, WnnSource>>>,
  options: { horizon: number; publishedBias: boolean },
): Predictor {
  const entries = Object.entries(sources) as [SetName, WnnSource][];
  if (options.publishedBias && sources.bias === undefined) {
    throw new UsageError(
      `predictor "${name}": the published bias rule needs a weight set of its own for biases.`,
    );
  }
  return {
    name,
    window: 5,
    direction: "future",
    reach: `${options.horizon} epochs`,
    horizon: options.horizon,
    normalisation: "each weight: oldest subtracted, divided by twice the range",
    base: "newest",
    sets: entries.map(([key, source]) =>
      wnnSet(
        key,
        key === "all" ? Object.values(invWnnKinds).flat() : invWnnKinds[key],
        source,
        options.publishedBias && key === "bias",
      ),
    ),
  };
}

/** WNN from its files: the authors' Keras files, and safetensors files of `rewind predictor fit`. */
export const wnnLoader: PredictorLoader = {
  name: "wnn",
  stems: ["NWNN", "WNN"],
  recognises: (file) =>
    file.format === "keras"
      ? file.layers.length === 2 * wnnSpec.layers.length + 1
      : states(file, "wnn"),
  load(request) {
    requirePlain(request, this.name, { publishedBias: true });
    const usual = { horizon: publishedHorizon, base: "newest" } as const;
    const { sources, horizon } = twoStreamFiles(wnnSpec, request, usual);
    const { publishedBias } = request;
    return wnnPredictor(request.name, sources, { horizon, publishedBias });
  },
};
