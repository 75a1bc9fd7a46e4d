/** The recipe of the InvWNN that ships in `models/weights`: which trainings, which windows, which fit. */
import type { ParameterKind } from "../gpu/arena.ts";
import type { Gpu } from "../gpu/device.ts";
import type { Tensors } from "../nn/model.ts";
import { Random } from "../random.ts";
import type { Watch } from "../train/trainer.ts";
import { drawWindows, fitDefaults, type FitScores, type FitSettings, fitInvWnn } from "./fit.ts";
import { invWnnKinds } from "./invwnn.ts";
import { type Recording, type RecordSettings, recordTraining } from "./record.ts";

/** Everything that decides the weights, given an adapter. */
export interface Recipe {
  readonly window: number;
  readonly horizon: number;
  /** Networks trained; every third is held out, with its own width and seed. */
  readonly trainings: number;
  /** Windows of one parameter of one recording at most. */
  readonly perRecording: number;
  /** Optimiser steps at least, however few windows a set has. */
  readonly minimumSteps: number;
  readonly fit: FitSettings;
}

/** What `models/weights/invwnn-*.safetensors` were made with. */
export const shippedRecipe: Recipe = {
  window: 15,
  horizon: 3,
  trainings: 9,
  perRecording: 500,
  minimumSteps: 600,
  fit: fitDefaults,
};

/** The settings of training number i: seeds, widths, optimisers and rates differ. */
export function recordSettings(i: number, seed: number): RecordSettings {
  const random = new Random(seed).fork(`training ${i}`);
  const pick = <T>(options: readonly T[]): T => options[random.int(options.length)]!;
  const optimizer = pick([
    { name: "adam" },
    { name: "adam" },
    { name: "sgd", momentum: 0.9 },
  ] as const);
  return {
    seed: 1000 * seed + i,
    filters: pick([
      [8, 16],
      [12, 24],
      [16, 32],
    ] as const),
    hidden: pick([0, 0, 32]),
    pictures: 1000,
    mislabel: 0.2,
    batch: 64,
    optimizer,
    learningRate: optimizer.name === "adam" ? pick([3e-4, 1e-3, 2e-3]) : pick([0.005, 0.01]),
    epochs: pick([2, 8, 20]),
    fineTuneRates: [3e-5, 1e-4, 3e-4],
  };
}

/** Whether training number i is kept for scoring only. */
export function heldOut(i: number): boolean {
  return i % 3 === 2;
}

/** A fitted set. */
export interface FittedSet {
  readonly set: keyof typeof invWnnKinds;
  readonly tensors: Tensors;
  readonly scores: FitScores;
  readonly metadata: Readonly<Record<string, string>>;
}

/** Records, draws windows, and fits the three sets; `show` runs a labelled part under a progress bar. */
export async function* fitShipped(
  gpu: Gpu,
  recipe: Recipe,
  command: string,
  show: <T>(label: string, work: (watch: Watch) => Promise<T>) => Promise<T>,
): AsyncGenerator<FittedSet> {
  const { window, horizon, trainings, perRecording, fit } = recipe;
  const recordings: { index: number; recording: Recording }[] = [];
  for (let i = 0; i < trainings; i++) {
    const settings = recordSettings(i, fit.seed);
    const label = `training ${i + 1} of ${trainings}${heldOut(i) ? " (held out)" : ""}`;
    const parts = await show(label, (watch) =>
      recordTraining(gpu, settings, window + horizon, watch),
    );
    recordings.push(...parts.map((recording) => ({ index: i, recording })));
  }
  for (const [set, kinds] of Object.entries(invWnnKinds) as [
    keyof typeof invWnnKinds,
    readonly ParameterKind[],
  ][]) {
    const serves = (kind: ParameterKind): boolean => kinds.includes(kind);
    const select = (held: boolean, wanted: (kind: ParameterKind) => boolean): Recording[] =>
      recordings
        .filter(({ index, recording }) => heldOut(index) === held && wanted(recording.kind))
        .map(({ recording }) => recording);
    const options = { window, horizon, perRecording, seed: fit.seed };
    // Small networks have few biases: their set learns from all kinds, and is scored on biases alone.
    const training = drawWindows(select(false, set === "bias" ? () => true : serves), {
      ...options,
      mirror: true,
    });
    const testing = drawWindows(select(true, serves), options);
    const perEpoch = Math.max(1, Math.floor(training.count / fit.batch));
    const epochs = Math.max(fit.epochs, Math.ceil(recipe.minimumSteps / perEpoch));
    const { tensors, scores } = await show(`fitting ${set} (${training.count} windows)`, (watch) =>
      fitInvWnn(gpu, training, testing, { ...fit, epochs }, watch),
    );
    const held = Array.from({ length: trainings }, (_, i) => i).filter(heldOut);
    yield {
      set,
      tensors,
      scores,
      metadata: {
        format: "rewind invwnn 1",
        kinds: kinds.join(","),
        window: String(window),
        horizon: String(horizon),
        base: "oldest",
        normalisation: "none",
        command,
        data: "synthetic glyphs, small CNNs; phases: training on all data, fine-tuning on wrong labels",
        trainingSeeds: seeds(trainings, fit.seed, (i) => !heldOut(i)),
        heldOutSeeds: seeds(trainings, fit.seed, heldOut),
        trainings: String(trainings - held.length),
        windows: String(training.count),
        heldOutWindows: String(scores.windows),
        fitEpochs: String(epochs),
        fitBatch: String(fit.batch),
        fitLearningRate: String(fit.learningRate),
        fitSeed: String(fit.seed),
        loss: `l1 of the residual, each window divided by its mean step; L1 ${fit.kernelL1} on kernels, no biases`,
        trainedOn: set === "bias" ? "windows of all kinds" : `windows of ${kinds.join(", ")}`,
        heldOutError: scores.relative.toFixed(4),
        heldOutErrorLinear: scores.linearRelative.toFixed(4),
        heldOutErrorNoChange: scores.constantRelative.toFixed(4),
        errorUnit: "mean |predicted - true| / mean step of the weight in the window",
        adapter: gpu.adapter.description,
      },
    };
  }
}

function seeds(trainings: number, seed: number, keep: (i: number) => boolean): string {
  return Array.from({ length: trainings }, (_, i) => i)
    .filter(keep)
    .map((i) => recordSettings(i, seed).seed)
    .join(",");
}
