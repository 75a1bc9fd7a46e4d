/**
 * Fits a weight predictor with our own autograd.
 *
 * Loss: ℓ1 on the network's output, each window in units of its weight's mean step, so that slowly and
 * quickly moving weights count alike and the loss reads as "errors in epochs of movement"; plus the
 * authors' L1 regulariser on the main dense kernels. Windows are drawn anew on the host for every epoch
 * and streamed to the GPU; the network kept is the one with the least loss on validation windows.
 */
import type { Gpu } from "../gpu/device.ts";
import { Owned } from "../gpu/owned.ts";
import { requireCount, UsageError } from "../errors.ts";
import type { Graph } from "../graph/graph.ts";
import type { Value } from "../graph/value.ts";
import { Model, type Tensors } from "../nn/model.ts";
import { add, l1Loss, l1Norm, mul } from "../ops/index.ts";
import { Random } from "../random.ts";
import { RowFeed } from "../feed/row-feed.ts";
import { cosine } from "../train/schedule.ts";
import { Evaluator } from "../train/evaluator.ts";
import type { Objective } from "../tasks/task.ts";
import { Trainer } from "../train/trainer.ts";
import type { Watch } from "../train/replay.ts";
import type { Family } from "./families/family.ts";
import { linePrediction, type Window, type WindowSource } from "./windows.ts";

/** Settings of {@link fitPredictor}. */
export interface FitSettings {
  /** Epochs at most. */
  readonly epochs: number;
  /** Windows drawn for an epoch. */
  readonly windows: number;
  readonly batch: number;
  /** Falls to a hundredth over the epochs, along a cosine. */
  readonly learningRate: number;
  /** Epochs without a new best validation loss after which fitting ends. */
  readonly patience: number;
  readonly seed: number;
  /** Windows whose movements are added up to one that is learnt from; 1: each on its own. */
  readonly superpose: number;
  /**
   * Share of the straight line in what is learnt, 0 to 1: the target is that much of what the line
   * predicts, and the rest of what is true. An error is then at most the mix of the two errors.
   */
  readonly lineShare: number;
  /** The authors' L1 coefficient of the main dense kernels. */
  readonly kernelL1: number;
}

/** The authors' regulariser; the rest is ours. */
export const fitDefaults: FitSettings = {
  epochs: 40,
  windows: 32_768,
  batch: 512,
  learningRate: 1e-3,
  patience: 12,
  seed: 1,
  superpose: 1,
  lineShare: 0,
  kernelL1: 1e-6,
};

/** A fitted network. */
export interface Fit {
  /** Of the network; `family.finish` makes them those of a file. */
  readonly tensors: Tensors;
  /** Validation loss after each epoch; the tensors are those of the least. */
  readonly losses: readonly number[];
}

function requireSettings(settings: FitSettings): void {
  for (const name of ["epochs", "windows", "batch", "patience", "superpose"] as const) {
    requireCount(`fit: ${name}`, settings[name]);
  }
  const { learningRate, kernelL1, lineShare, batch, windows } = settings;
  if (!(lineShare >= 0 && lineShare <= 1)) {
    throw new UsageError(`fit: lineShare must be from 0 to 1, got ${lineShare}.`);
  }
  if (!(learningRate > 0 && learningRate < Infinity)) {
    throw new UsageError(`fit: learningRate must be finite and above 0, got ${learningRate}.`);
  }
  if (!(kernelL1 >= 0 && kernelL1 < Infinity)) {
    throw new UsageError(`fit: kernelL1 must be finite and 0 or more, got ${kernelL1}.`);
  }
  if (batch > windows) {
    throw new UsageError(
      `fit: a batch of ${batch} is more than the ${windows} windows of an epoch.`,
    );
  }
}

/** Rows of [inputs, target, weight]. */
function encodeRows(family: Family, windows: readonly Window[]): Float32Array {
  const stride = family.widths.reduce((sum, width) => sum + width, 2);
  const rows = new Float32Array(windows.length * stride);
  for (const [i, window] of windows.entries()) {
    const { inputs, target, scale } = family.encode(window);
    const at = i * stride;
    rows.set(inputs, at);
    rows[at + stride - 2] = target;
    rows[at + stride - 1] = scale / window.unit;
  }
  return rows;
}

/**
 * Fits one network.
 *
 * @param validation windows that decide when to stop; none of them are learnt from.
 * @throws UsageError if there are none, or a setting is out of range.
 */
export async function fitPredictor(
  gpu: Gpu,
  family: Family,
  { training, validation }: { training: WindowSource; validation: readonly Window[] },
  settings: FitSettings,
  watch: Watch = {},
): Promise<Fit> {
  requireSettings(settings);
  if (validation.length === 0) throw new UsageError("fit: there are no validation windows.");
  const { epochs, windows, batch, lineShare } = settings;
  const learnt = (drawn: readonly Window[]): Window[] =>
    drawn.map((window) => {
      const line = linePrediction(window, family.shape);
      return { ...window, target: lineShare * line + (1 - lineShare) * window.target };
    });
  const draw = (epoch: number): Float32Array => {
    const random = new Random(settings.seed).fork(`windows of epoch ${epoch}`);
    const options = { mirror: true, superpose: settings.superpose };
    return encodeRows(family, learnt(training.draw(windows, random, options)));
  };
  return Owned.within(async (owned) => {
    const model = owned.add(await Model.create(gpu, family.spec, settings.seed));
    if (family.begin !== undefined) model.load(family.begin(await model.save()));
    const feed = owned.add(await RowFeed.create(gpu, draw(0), [...family.widths, 1, 1], batch));
    const trainer = owned.add(
      await Trainer.create(model, {
        feed,
        objective: (graph) => objective(model, feed, graph, settings.kernelL1),
        optimizer: { name: "adam" },
        rate: (slot) => family.rate(slot),
      }),
    );
    const scorer = owned.add(await NetworkScorer.create(model, family, learnt(validation)));
    const end = epochs * Math.floor(windows / batch);
    const schedule = cosine(settings.learningRate, { end });
    const order = Uint32Array.from({ length: windows }, (_, i) => i);
    const losses: number[] = [];
    let best = 0;
    let tensors: Tensors = new Map();
    for (let epoch = 0; epoch < epochs && epoch - best <= settings.patience; epoch++) {
      if (epoch > 0) feed.refill(draw(epoch));
      const start = trainer.step;
      await trainer.epoch(
        {
          order,
          learningRate: (step) => schedule(start + step),
          seed: 0,
          dropLast: true,
        },
        {
          ...watch,
          progress: (done, all) => watch.progress?.(epoch * all + done, epochs * all),
        },
      );
      losses.push(await scorer.score());
      if (epoch === 0 || losses[epoch]! < losses[best]!) {
        best = epoch;
        tensors = await model.save();
      }
    }
    return { tensors, losses };
  });
}

/** Mean error of a fitted network on each group of windows, in mean steps of each weight. */
export async function scoreNetwork(
  gpu: Gpu,
  family: Family,
  tensors: Tensors,
  groups: readonly (readonly Window[])[],
): Promise<number[]> {
  return Owned.within(async (owned) => {
    const model = owned.add(await Model.create(gpu, family.spec, 1));
    model.load(tensors);
    const scores: number[] = [];
    for (const windows of groups) {
      const score = await Owned.within(async (own) =>
        own.add(await NetworkScorer.create(model, family, windows)).score(),
      );
      scores.push(score);
    }
    return scores;
  });
}

/** Windows a pass when scoring: one number, so that groups of every size share compiled kernels. */
const scoredRows = 512;

/** Mean error of a network on windows, in mean steps of each weight. */
class NetworkScorer {
  readonly #feed: RowFeed;
  readonly #evaluator: Evaluator;
  readonly #windows: number;
  readonly #rows: number;

  private constructor(feed: RowFeed, evaluator: Evaluator, windows: number, rows: number) {
    this.#feed = feed;
    this.#evaluator = evaluator;
    this.#windows = windows;
    this.#rows = rows;
  }

  static async create(
    model: Model,
    family: Family,
    windows: readonly Window[],
  ): Promise<NetworkScorer> {
    const encoded = encodeRows(family, windows);
    // Rows of zeros, of weight zero too, fill the last batch.
    const rows = Math.ceil(windows.length / scoredRows) * scoredRows;
    const padded = new Float32Array((encoded.length / windows.length) * rows);
    padded.set(encoded);
    return Owned.during(async (owned) => {
      const feed = owned.add(
        await RowFeed.create(model.gpu, padded, [...family.widths, 1, 1], scoredRows),
      );
      const evaluator = await Evaluator.of(
        model.gpu,
        feed,
        (graph) => objective(model, feed, graph, 0),
        "evaluate predictor",
      );
      return new NetworkScorer(feed, evaluator, windows.length, rows);
    });
  }

  async score(): Promise<number> {
    const order = Uint32Array.from({ length: this.#rows }, (_, i) => i);
    const { loss } = await this.#evaluator.run(order);
    return (loss * this.#rows) / this.#windows;
  }

  destroy(): void {
    this.#evaluator.destroy();
    this.#feed.destroy();
  }

  [Symbol.dispose](): void {
    this.destroy();
  }
}

function objective(model: Model, feed: RowFeed, graph: Graph, kernelL1: number): Objective {
  const inputs = feed.blocks.slice(0, -2);
  const [target, weight] = feed.blocks.slice(-2) as [Value, Value];
  graph.adopt(target, weight);
  const built = model.build(graph, inputs, "train");
  const weighted = mul(built.output, weight);
  let loss = l1Loss(weighted, mul(target, weight), { scale: 1 / feed.queue.batch });
  if (kernelL1 > 0) {
    for (const [name, value] of built.parameters) {
      const main = /\.(first|second|third)\.weight$/.test(name);
      if (main) loss = add(loss, l1Norm(value, kernelL1));
    }
  }
  return { built, loss };
}
