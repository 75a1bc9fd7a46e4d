/** InvWNN (Jang, Kim and Youn, AAAI 2025) as a network to fit. */
import { z } from "zod";
import type { ModelSpec, Tensors } from "../../nn/model.ts";
import { leakyRelu } from "../../ops/index.ts";
import { invWnnKinds } from "../../predictors/invwnn/predictor.ts";
import { type StreamName, streamNames } from "../../predictors/two-stream.ts";
import { pastShape } from "../windows.ts";
import {
  allKinds,
  changesOnly,
  defineFittable,
  differencesOf,
  type Family,
  type FamilyOptions,
  horizonOption,
  joined,
} from "./family.ts";
import { gate, mainInit, twoStreams } from "./two-stream.ts";

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
const invWnnDefaults: InvWnnConfig = {
  window: 15,
  width: 128,
  bottleneck: 8,
  tail: 64,
  streams: streamNames,
};

/** Values [N, K] newest first and their differences [N, K - 1] → residual [N, 1]. */
export function invWnn(config: InvWnnConfig = invWnnDefaults): ModelSpec {
  const { window, width, bottleneck, tail, streams } = config;
  return twoStreams(
    `invwnn(${window}, ${width}-${bottleneck}-${tail}, ${streams.join("+")})`,
    window,
    streams,
    (layers, name, x) => {
      const first = leakyRelu(layers.linear(`${name}.first`, x, width, mainInit), 0.3);
      const second = layers.linear(`${name}.second`, first, width, mainInit);
      const gated = gate(layers, name, second, width, bottleneck);
      return leakyRelu(layers.linear(`${name}.third`, gated, tail, mainInit), 0.3);
    },
  );
}

const ends = ["oldest", "newest"] as const;

const settings = z.strictObject({
  window: z.number().int().min(5).optional(),
  horizon: z.number().int().min(1).optional(),
  /** What its residual is added to. */
  base: z.enum(ends).optional(),
  width: z.number().int().min(2).optional(),
  /** One stream only. */
  stream: z.enum(streamNames).optional(),
});

/** What of InvWNN can be chosen. */
export interface InvWnnOptions extends Omit<z.output<typeof settings>, "stream">, FamilyOptions {
  readonly streams?: readonly StreamName[] | undefined;
}

const defaultHorizon = 3;

/**
 * InvWNN. Its biases stay at zero: a network without them answers every scale of change nearly alike,
 * and one step of the learning rate in a bias would move the residual further than a weight moves in many
 * epochs. The value stream starts from seeing changes alone, and its first layer learns at a hundredth of
 * the rate: values are hundreds of times larger than their changes.
 */
export function invWnnFamily(options: InvWnnOptions = {}): Family {
  const { window = 15, horizon = defaultHorizon, base = "oldest", width = 128 } = options;
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

export const invWnnFittable = defineFittable({
  name: "invwnn",
  title: "InvWNN",
  settings,
  options: [
    {
      option: "window",
      value: "n",
      text: "invwnn: snapshots K (default 15)",
      settings: ["window"],
      takes: { integer: true, min: 5 },
    },
    { ...horizonOption, usual: defaultHorizon },
    {
      option: "base",
      value: "end",
      text: "invwnn: what its residual is added to (default oldest)",
      settings: ["base"],
      takes: { choices: ends },
    },
    {
      option: "width",
      value: "n",
      text: "invwnn: units of a layer (default 128, what the fused kernels run)",
      settings: ["width"],
      takes: { integer: true, min: 2 },
    },
    {
      option: "stream",
      value: "name",
      text: "invwnn: one stream only",
      settings: ["stream"],
      takes: { choices: streamNames },
    },
  ],
  family: ({ stream, ...options }) =>
    invWnnFamily({ ...options, streams: stream === undefined ? undefined : [stream] }),
});
