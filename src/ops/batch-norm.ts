import { z } from "zod";
import { ShapeError } from "../errors.ts";
import { applyOperation, type Operation } from "../graph/graph.ts";
import type { Launch, Value } from "../graph/value.ts";
import type { Shape } from "../shape.ts";
import { affineInputs, requirePerChannel } from "./affine.ts";
import { settingsOf } from "./settings.ts";

/** Settings of {@link batchNorm}. */
export interface BatchNormAttrs {
  /** Added to the variance; 1e-5 by default (PyTorch's), Keras has 1e-3. */
  readonly epsilon?: number;
  /**
   * Weight of a batch in the running statistics, PyTorch's convention:
   * running = (1 - momentum) · running + momentum · batch. Default 0.1; Keras' momentum m is 1 - m here.
   */
  readonly momentum?: number;
  /** `train`: statistics of the batch, running ones updated; `frozen`: the running statistics, as constants. */
  readonly mode: "train" | "frozen";
}

const schema = z.strictObject({
  epsilon: z.number().min(0).optional(),
  momentum: z.number().min(0).max(1).optional(),
  mode: z.enum(["train", "frozen"]),
});

/** Rows one thread reduces in the first stage, and slices one thread merges in each later one. */
const span = 64;
const factor = 32;
/** Rows one thread normalises: it loads the channel's statistics once for all of them. */
const rowsPerThread = 4;

/** Constants of shaders/norm/channels. */
const walk = { PER: rowsPerThread, FACTOR: factor };

/** Rows and channels of a value. */
function matrix(x: Value): [rows: number, channels: number] {
  const channels = x.shape.at(-1)!;
  return [x.size / channels, channels];
}

/** What a staged reduction over rows is made of. */
interface Reduction {
  readonly shader: string;
  readonly parts: readonly string[];
  readonly constants: Readonly<Record<string, number | boolean>>;
  /** Entry and inputs of the first stage. */
  readonly first: { entry: string; bind: Record<string, Value | null> };
  /** Entry and outputs of the last stage, and whether these outlive the step. */
  readonly last: { entry: string; bind: Record<string, Value | null>; changesState?: boolean };
  scratch(label: string, shape: Shape): Value;
}

/** Launches of a reduction [ROWS, C] → [C] of two sums a channel, in stages of fixed order. */
function reduceRows(x: Value, reduction: Reduction): Launch[] {
  const { shader, parts, constants, first, last, scratch } = reduction;
  const [all, C] = matrix(x);
  let slices = Math.ceil(all / span);
  let rows = span;
  let partial = scratch("partial", [slices, 2, C]);
  const launches: Launch[] = [
    {
      shader,
      parts,
      entry: first.entry,
      constants,
      uniforms: { sizes: Uint32Array.of(all, C, slices, rows) },
      bind: { ...first.bind, slices_out: partial },
      threads: slices * C,
    },
  ];
  while (slices > factor) {
    const groups = Math.ceil(slices / factor);
    const merged = scratch("partial", [groups, 2, C]);
    launches.push({
      shader,
      parts,
      entry: "merge",
      constants,
      uniforms: { sizes: Uint32Array.of(all, C, slices, rows) },
      bind: { partial, slices_out: merged },
      threads: groups * C,
    });
    [partial, slices, rows] = [merged, groups, rows * factor];
  }
  launches.push({
    shader,
    parts,
    entry: last.entry,
    constants,
    uniforms: { sizes: Uint32Array.of(all, C, slices, rows) },
    bind: { ...last.bind, partial },
    threads: C,
    changesState: last.changesState,
  });
  return launches;
}

const parameterTypes = { gamma: "f32", beta: "f32" } as const;
const statisticTypes = { runningMean: "f32", runningVariance: "f32" } as const;

/** Batch norm of x, gamma and beta if it has them, and the running statistics. */
function operationOf(affine: boolean): Operation<Required<BatchNormAttrs>> {
  /** x, gamma, beta, the running mean and variance, of the inputs or their gradients. */
  const parts = <T>([x, ...rest]: readonly T[]): readonly [T, T | null, T | null, T, T] =>
    affine ? [x!, rest[0]!, rest[1]!, rest[2]!, rest[3]!] : [x!, null, null, rest[0]!, rest[1]!];
  return {
    name: "batchNorm",
    takes: { x: "f32", ...(affine ? parameterTypes : {}), ...statisticTypes },
    neurons: affine ? "scaled" : "same",
    shape: ([x, ...perChannel]) => {
      const names = ["gamma", "beta", "the running mean", "the running variance"];
      requirePerChannel("batchNorm", x!, perChannel, names.slice(affine ? 0 : 2));
      return x!;
    },
    // Mean and inverse deviation of the statistics in use.
    saved: ([x]) => ({ stats: { shape: [2, x!.at(-1)!] } }),
    forward: ({ inputs, y, saved, attrs, scratch }) => {
      const [x, gamma, beta, mean, variance] = parts(inputs);
      const stats = saved["stats"]!;
      const shader = "norm/batch-norm-forward";
      const own = ["after/nothing"];
      const [rows, C] = matrix(x);
      const constants = {
        ...walk,
        EPSILON: attrs.epsilon,
        MOMENTUM: attrs.momentum,
        AFFINE: affine,
      };
      const sizes = Uint32Array.of(rows, C, 1, rows);
      const statistics: Launch[] =
        attrs.mode === "frozen"
          ? [
              {
                shader,
                parts: own,
                entry: "running",
                constants,
                uniforms: { sizes },
                bind: { frozen_mean: mean, frozen_variance: variance, stats_out: stats },
                threads: C,
              },
            ]
          : reduceRows(x, {
              shader,
              parts: own,
              constants,
              first: { entry: "slice_statistics", bind: { x } },
              last: {
                entry: "statistics",
                bind: { stats_out: stats, running_mean: mean, running_variance: variance },
                changesState: true,
              },
              scratch,
            });
      return [
        ...statistics,
        {
          shader,
          parts: own,
          entry: "normalise",
          constants,
          uniforms: { sizes },
          bind: { x, gamma, beta, stats, result: y },
          threads: Math.ceil(rows / rowsPerThread) * C,
        },
      ];
    },
    backward: ({ inputs, saved, attrs, dy, dinputs, scratch }) => {
      const [x, gamma] = parts(inputs);
      const [dx, dgamma, dbeta, ...statistics] = parts(dinputs);
      if (statistics.some((value) => value !== null)) {
        throw new ShapeError(
          "batchNorm: the running statistics are tracked, not trained; ask for gradients of x, gamma and beta only.",
        );
      }
      const stats = saved["stats"]!;
      const shader = "norm/batch-norm-backward";
      const own = ["norm/arriving"];
      const training = attrs.mode === "train";
      const [rows, C] = matrix(x);
      const constants = { ...walk, TRAINING: training, AFFINE: affine };
      const means = scratch("means", [2, C]);
      const launches: Launch[] = [];
      if (dgamma !== null || dbeta !== null || training) {
        const outputs = {
          dgamma: dgamma ?? scratch("dgamma", [C]),
          dbeta: dbeta ?? scratch("dbeta", [C]),
        };
        launches.push(
          ...reduceRows(x, {
            shader,
            parts: own,
            constants,
            first: { entry: "sums", bind: { x, dy, stats } },
            last: { entry: "totals", bind: { ...outputs, means_out: means } },
            scratch,
          }),
        );
      }
      if (dx !== null) {
        launches.push({
          shader,
          parts: own,
          entry: "input_gradient",
          constants,
          uniforms: { sizes: Uint32Array.of(rows, C, 1, rows) },
          bind: {
            dy,
            gamma,
            stats,
            result: dx,
            x: training ? x : null,
            means: training ? means : null,
          },
          threads: Math.ceil(rows / rowsPerThread) * C,
        });
      }
      return launches;
    },
  };
}

const [affine, plain] = [operationOf(true), operationOf(false)];

/**
 * Batch normalisation over the last axis (Ioffe and Szegedy 2015):
 * y = gamma · (x - mean) / sqrt(variance + epsilon) + beta, with one mean and variance a channel.
 *
 * In `train` mode mean and biased variance are the batch's, and each replay of the forward pass updates
 * `runningMean` and `runningVariance` in place; the running variance is the unbiased one, n / (n - 1)
 * times the batch's (PyTorch's convention; a batch of one row counts as 0). In `frozen` mode the
 * running values are read and gradients treat them as constants.
 *
 * @param x [..., C]; rows are all axes but the last.
 * @param gamma scale [C]; null together with beta: 1.
 * @param beta shift [C]; null together with gamma: 0.
 * @param runningMean [C], a bound value, in a buffer that no read-only binding of the step shares in
 *   the same dispatch (a statistics arena of its own).
 * @param runningVariance [C], like `runningMean`.
 * @returns a value of x's shape.
 * @throws ShapeError if a per-channel value is not [C].
 */
export function batchNorm(
  x: Value,
  gamma: Value | null,
  beta: Value | null,
  runningMean: Value,
  runningVariance: Value,
  attrs: BatchNormAttrs,
  label?: string,
): Value {
  const { epsilon = 1e-5, momentum = 0.1, mode } = settingsOf(schema, attrs, label ?? "batchNorm");
  const settings = { epsilon, momentum, mode };
  const parameters = affineInputs(label ?? "batchNorm", gamma, beta);
  const operation = parameters.length > 0 ? affine : plain;
  const inputs = [x, ...parameters, runningMean, runningVariance];
  return applyOperation(operation, inputs, settings, label);
}
