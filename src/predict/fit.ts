/**
 * Fits an InvWNN with our own autograd.
 *
 * Loss: ℓ1 on the residual, each window weighted by 1 / (mean step of its weight), so that slowly and
 * quickly moving weights count alike and the loss reads as "errors in epochs of movement"; plus the
 * authors' L1 regularisers (1e-6 on dense kernels, 0.1 on biases of the main layers). With biases held
 * at zero the network is nearly homogeneous: what it learns at one scale of change holds at others.
 */
import { invWnn, invWnnDefaults } from "../../models/inv-wnn.ts";
import type { Slot } from "../gpu/arena.ts";
import type { Gpu } from "../gpu/device.ts";
import { GpuError } from "../gpu/errors.ts";
import type { Value } from "../graph/value.ts";
import { Model, type Tensors } from "../nn/model.ts";
import { add, l1Loss, l1Norm, mul } from "../ops/index.ts";
import { Random } from "../random.ts";
import { RowFeed } from "../train/row-feed.ts";
import { Evaluator, type Objective, Trainer, type Watch } from "../train/trainer.ts";
import type { Recording } from "./record.ts";

/** Windows ready for training: rows of [values newest first, differences, target residual, weight]. */
export interface Windows {
  readonly window: number;
  readonly horizon: number;
  readonly count: number;
  readonly rows: Float32Array;
}

/** Floats of one row. */
function rowLength(window: number): number {
  return window + (window - 1) + 1 + 1;
}

/**
 * Draws windows from recordings.
 *
 * Snapshot 0 of a recording is the target; snapshots `horizon` … `horizon + window - 1` are the history.
 * Weights that never moved are left out: they have nothing to predict.
 *
 * @param options `perRecording`: at most so many coordinates of each parameter of each recording;
 *   `mirror`: add each window with all signs turned, as nothing prefers a direction.
 */
export function drawWindows(
  recordings: readonly Recording[],
  options: {
    window: number;
    horizon: number;
    perRecording: number;
    seed: number;
    mirror?: boolean;
  },
): Windows {
  const { window, horizon, perRecording, mirror = false } = options;
  requireCount("drawWindows: window", window, 2);
  requireCount("drawWindows: horizon", horizon, 1);
  requireCount("drawWindows: perRecording", perRecording, 1);
  const length = rowLength(window);
  const rows: number[] = [];
  const random = new Random(options.seed);
  for (const recording of recordings) {
    const { snapshots, size } = recording;
    if (snapshots.length !== (window + horizon) * size) {
      throw new GpuError(
        `recording of "${recording.name}": ${snapshots.length / size} snapshots, ${window + horizon} needed.`,
      );
    }
    const picked = random.permutation(size).slice(0, perRecording);
    for (const i of picked) {
      const at = (k: number): number => snapshots[k * size + i]!;
      const history = Array.from({ length: window }, (_, k) => at(horizon + k));
      const newestFirst = history.toReversed();
      const differences = newestFirst
        .slice(1)
        .map((value, j) => Math.fround(value - newestFirst[j]!));
      const movement = differences.reduce((sum, d) => sum + Math.abs(d), 0) / (window - 1);
      if (movement === 0) continue;
      const values = [...newestFirst, ...differences, Math.fround(at(0) - history[0]!)];
      rows.push(...values, 1 / movement);
      if (mirror) rows.push(...values.map((value) => -value), 1 / movement);
    }
  }
  return { window, horizon, count: rows.length / length, rows: Float32Array.from(rows) };
}

/** Errors of a predictor on windows, against linear extrapolation of the same windows. */
export interface FitScores {
  /** Mean |residual error| / mean step: errors in epochs of movement. */
  readonly relative: number;
  /** The same of extrapolating the straight line through oldest and newest snapshot. */
  readonly linearRelative: number;
  /** The same of predicting no change at all. */
  readonly constantRelative: number;
  readonly windows: number;
}

/** Relative errors of the baselines, in float64 on the host. */
export function baselineScores(windows: Windows): { linear: number; constant: number } {
  const { window, horizon, count, rows } = windows;
  const length = rowLength(window);
  let linear = 0;
  let constant = 0;
  for (let i = 0; i < count; i++) {
    const row = rows.subarray(i * length, (i + 1) * length);
    const slope = (row[0]! - row[window - 1]!) / (window - 1);
    const target = row[length - 2]!;
    linear += Math.abs(-horizon * slope - target) * row[length - 1]!;
    constant += Math.abs(target) * row[length - 1]!;
  }
  return { linear: linear / count, constant: constant / count };
}

/** Settings of {@link fitInvWnn}. */
export interface FitSettings {
  readonly epochs: number;
  readonly batch: number;
  readonly learningRate: number;
  readonly seed: number;
  /** The authors' L1 coefficient of the main dense kernels. */
  readonly kernelL1: number;
  /** Factor on the learning rate of the value stream, whose inputs are much larger than their changes. */
  readonly valueRate: number;
}

/** The authors' regulariser; the rest is ours. */
export const fitDefaults: FitSettings = {
  epochs: 8,
  batch: 512,
  learningRate: 1e-3,
  seed: 1,
  kernelL1: 1e-6,
  valueRate: 0.1,
};

function requireCount(name: string, value: number, least: number): void {
  if (!Number.isSafeInteger(value) || value < least) {
    throw new GpuError(`${name} must be an integer of at least ${least}, got ${value}.`);
  }
}

function requireFit(training: Windows, heldOut: Windows, settings: FitSettings): void {
  for (const [name, windows] of [
    ["training", training],
    ["held-out", heldOut],
  ] as const) {
    if (windows.count === 0) {
      throw new GpuError(
        `fit: there are no ${name} windows: no recorded weight moved. Record longer or faster trainings.`,
      );
    }
  }
  if (training.window !== heldOut.window || training.horizon !== heldOut.horizon) {
    throw new GpuError(
      `fit: training windows have window ${training.window} and horizon ${training.horizon}, held-out ones ` +
        `${heldOut.window} and ${heldOut.horizon}; draw both with the same settings.`,
    );
  }
  requireCount("fit: epochs", settings.epochs, 1);
  requireCount("fit: batch", settings.batch, 1);
  for (const [name, low] of [
    ["learningRate", Number.MIN_VALUE],
    ["valueRate", 0],
    ["kernelL1", 0],
  ] as const) {
    const value = settings[name];
    if (!(value >= low && value < Infinity)) {
      throw new GpuError(
        `fit: ${name} must be finite and ${low === 0 ? "0 or more" : "above 0"}, got ${value}.`,
      );
    }
  }
}

/**
 * Fits one network to training windows and scores it on held-out ones.
 *
 * @throws GpuError if a set is empty, the sets differ in window or horizon, or a setting is out of range.
 */
export async function fitInvWnn(
  gpu: Gpu,
  training: Windows,
  heldOut: Windows,
  settings: FitSettings,
  watch: Watch = {},
): Promise<{ tensors: Tensors; scores: FitScores }> {
  requireFit(training, heldOut, settings);
  const { window } = training;
  const model = await Model.create(gpu, invWnn({ ...invWnnDefaults, window }), settings.seed);
  const widths = [window, window - 1, 1, 1];
  const feed = await RowFeed.create(
    gpu,
    training.rows,
    widths,
    Math.min(settings.batch, training.count),
  );
  const trainer = await Trainer.create(model, {
    feed,
    objective: (graph) => objective(model, feed, graph, settings.kernelL1),
    optimizer: { name: "adam" },
    rate: (slot) => fitRate(slot, settings),
  });
  const perEpoch = Math.floor(training.count / feed.queue.batch);
  const steps = settings.epochs * perEpoch;
  for (let epoch = 0; epoch < settings.epochs; epoch++) {
    const stream = new Random(settings.seed).fork(`fit epoch ${epoch}`);
    const start = trainer.step;
    await trainer.epoch(
      {
        order: stream.permutation(training.count),
        learningRate: (step) =>
          settings.learningRate *
          (0.01 + 0.495 * (1 + Math.cos((Math.PI * (start + step)) / steps))),
        seed: 0,
        dropLast: true,
      },
      {
        signal: watch.signal,
        progress: (done, all) => watch.progress?.(epoch * all + done, settings.epochs * all),
      },
    );
  }
  const relative = await score(gpu, model, heldOut);
  const baselines = baselineScores(heldOut);
  const tensors = await model.save();
  trainer.destroy();
  feed.destroy();
  model.destroy();
  return {
    tensors,
    scores: {
      relative,
      linearRelative: baselines.linear,
      constantRelative: baselines.constant,
      windows: heldOut.count,
    },
  };
}

/** Biases stay at zero: a step of the learning rate in one would move the residual by more than a weight
 *  moves in many epochs, and a network without biases answers every scale of change alike. */
function fitRate(slot: Slot, settings: FitSettings): number {
  if (slot.kind === "bias") return 0;
  return slot.name.startsWith("value.") ? settings.valueRate : 1;
}

/** Mean of |prediction - target| · weight over all windows. */
async function score(gpu: Gpu, model: Model, windows: Windows): Promise<number> {
  const { window } = windows;
  const batch = Math.min(512, windows.count);
  const feed = await RowFeed.create(gpu, windows.rows, [window, window - 1, 1, 1], batch);
  const evaluator = await Evaluator.of(
    gpu,
    feed,
    (graph) => objective(model, feed, graph, 0),
    "evaluate predictor",
  );
  // Whole batches only: the loss is a mean over the batch's rows.
  const whole = Math.floor(windows.count / batch) * batch;
  const totals = await evaluator.run(Uint32Array.from({ length: whole }, (_, i) => i));
  evaluator.destroy();
  feed.destroy();
  return totals.loss;
}

function objective(
  model: Model,
  feed: RowFeed,
  graph: Parameters<Model["build"]>[0],
  kernelL1: number,
): Objective {
  const [values, differences, target, weight] = feed.blocks as [Value, Value, Value, Value];
  const built = model.build(graph, [values, differences], "train");
  const weighted = mul(graph, built.output, weight);
  let loss = l1Loss(graph, weighted, mul(graph, target, weight), { scale: 1 / feed.queue.batch });
  if (kernelL1 > 0) {
    for (const [name, value] of built.parameters) {
      const main = /\.(first|second|third)\.weight$/.test(name);
      if (main) loss = add(graph, loss, l1Norm(graph, value, kernelL1));
    }
  }
  return { built, loss };
}
