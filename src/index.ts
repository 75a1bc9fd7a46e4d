/// <reference lib="dom" preserve="true" />
/// <reference lib="esnext.disposable" preserve="true" />
/**
 * Rewind: a WebGPU engine that makes trained networks forget. This is the core: it runs on Node, Deno and in browsers,
 * and reaches no file format, no chart and no command line.
 *
 * The usual way through: {@link train} or {@link load} gives a {@link Classifier}; {@link unlearn} makes it forget and tells the
 * history and why it ended ({@link Unlearned}); {@link evaluate} and {@link predict} ask it, {@link save} keeps it. Below them, for
 * loops of one's own: {@link acquireDevice} → {@link GpuDataset} and {@link Model} → {@link Trainer} → {@link Rewinder}.
 *
 * Beside it: `rewind-webgpu/data` (data sets from files), `/io` (checkpoint files), `/report` (pages), `/experiments` (methods
 * against each other, fitting predictors), `/engine` (graphs, kernels, programs; not stable), `/cli` (the command line).
 *
 * @module rewind-webgpu
 */
export {
  DataError,
  DeviceLostError,
  DivergedError,
  GpuError,
  OutOfMemoryError,
  ShapeError,
  UsageError,
} from "./errors.ts";
export { Random } from "./random.ts";
export { Registry, type SettingOption } from "./registry.ts";
export type { Shape } from "./shape.ts";

export type { AdapterChoice } from "./gpu/adapter.ts";
export {
  acquireDevice,
  type AdapterReport,
  type DeviceOptions,
  Gpu,
  type KernelChoice,
  type Precision,
  type Tuning,
} from "./gpu/device.ts";

export type { TimedTile, TunedChoice, TunedTable } from "./gpu/tuned.ts";

export { applyOperation, type Graph } from "./graph/graph.ts";
export type { Value } from "./graph/value.ts";
export * from "./ops/index.ts";
export * from "./nn/init.ts";
export { Layers } from "./nn/layers.ts";
export { Model, type ModelSpec, type Tensors } from "./nn/model.ts";
export {
  type ImageShape,
  type Preprocessing,
  type PreprocessingConfig,
  preprocessingOf,
} from "./nn/preprocessing.ts";
export { type ModelConfig, modelSpec, networks } from "../models/index.ts";
export {
  defineDenoiser,
  defineNetwork,
  type Network,
  noSettings,
  type PublishedRecipe,
} from "../models/network.ts";

export type { AdamSettings } from "./optim/adam.ts";
export { optimizers, type OptimizerSettings } from "./optim/index.ts";
export { defineOptimizer, type Optimizer, type ShardValues } from "./optim/optimizer.ts";
export type { SgdSettings } from "./optim/sgd.ts";

export { mislabel, type NoisyLabels, splitForget } from "./data/corrupt.ts";
export { type Dataset, imageName, imageNumber, subset, takeBalanced } from "./data/dataset.ts";
export { type Augmentation, paperAugmentation, strongAugmentation } from "./feed/augment.ts";
export type { ExampleFeed, Feed } from "./feed/feed.ts";
export { GpuDataset, meanImage } from "./feed/gpu-dataset.ts";
export { ImageFeed } from "./feed/image-feed.ts";
export { copiesOf, joinImages } from "./data/copies.ts";
export { type Selection, selected } from "./scenarios/selection.ts";
export { corrupt, scenarios, type ScenarioSettings } from "./scenarios/index.ts";
export type { EndScore, EndScores, MetaTraining } from "./scenarios/meta-training.ts";
export {
  type Corrupted,
  defineScenario,
  type Experiment,
  pointsOf,
  type Scenario,
} from "./scenarios/scenario.ts";

export { classification } from "./tasks/classification.ts";
export { diffusion } from "./tasks/diffusion.ts";
export type { FeedOptions, Objective, ObjectiveOptions, Task } from "./tasks/task.ts";
export { Evaluator } from "./train/evaluator.ts";
export { MovingAverage } from "./train/moving-average.ts";
export type { Watch } from "./train/replay.ts";
export { type SampleOptions, Sampler, type SamplerName, samplerNames } from "./train/sampler.ts";
export {
  cosine,
  oneCycle,
  type Schedule,
  scheduleNames,
  scheduleOf,
  type ScheduleSettings,
  stepwise,
  warmUp,
} from "./train/schedule.ts";
export { type StepOptions, type StepSettings, taskTrainer } from "./train/task-trainer.ts";
export { Trainer } from "./train/trainer.ts";
export { TrajectoryLayout } from "./weights/trajectory/layout.ts";
export { Trajectory } from "./weights/trajectory/record.ts";

export { classShares, type ClassShares } from "./metrics/class-shares.ts";
export { kernelInceptionDistance } from "./metrics/kernel-distance.ts";
export { whereReached } from "./metrics/curve.ts";
export { metrics } from "./metrics/index.ts";
export {
  klom,
  klomFloor,
  type KlomOptions,
  type KlomResult,
  marginDivergence,
} from "./metrics/klom.ts";
export { type MarginPair } from "./metrics/margins.ts";
export { Logits } from "./metrics/logits.ts";
export { measureFinal, measureScores } from "./metrics/measure.ts";
export { type Measurement, missing, share } from "./metrics/measurement.ts";
export {
  defineMetric,
  type DrawnMetric,
  type LogitsMetric,
  type Metric,
  type Scores,
  type TotalsMetric,
} from "./metrics/metric.ts";
export { uLira, type ULiraResult } from "./metrics/u-lira.ts";

export { predictHistories } from "./predictors/histories.ts";
export { loadPredictor, predictorOf, predictors } from "./predictors/index.ts";
export { linearPredictor } from "./predictors/linear.ts";
export type { LoadRequest, PredictorLoader } from "./predictors/loader.ts";
export type { PredictionJob, Predictor, PredictorSet } from "./predictors/predictor.ts";
export { PredictionError, Rewinder } from "./predictors/rewinder.ts";
export { type WeightFile, weightFileOf } from "./predictors/weight-file.ts";
export {
  defineForecaster,
  type Forecaster,
  type NowcastEvent,
  type TrainingLength,
} from "./forecast/forecaster.ts";
export { forecasters, type NowcastConfig } from "./forecast/index.ts";

export { type Arm, type ArmContext, stepSettings } from "./unlearn/arm.ts";
export {
  Classifier,
  type Evaluation,
  evaluate,
  load,
  type LoadSettings,
  predict,
  type Predictions,
  save,
} from "./api/classifier.ts";
export { type AfterEpoch, train, type TrainingImages, type TrainOptions } from "./api/train.ts";
export {
  type AfterRound,
  unlearn,
  type Unlearned,
  type UnlearnImages,
  type UnlearnOptions,
  type UnlearnRecord,
} from "./api/unlearn.ts";
export type { Progress, StopReason, StopRules } from "./unlearn/driver.ts";
export {
  defineMethod,
  type Method,
  type Recording,
  retained,
  type Subject,
  type UnlearnRequest,
  type UnlearnSession,
} from "./unlearn/method.ts";
export type * from "./unlearn/methods/choosers.ts";
export { methods, methodSettings, startMethod } from "./unlearn/methods/index.ts";
export { RewindSession, type RewindSettings } from "./unlearn/methods/rewind.ts";
export { stepFields, StepSession, stepTrainer } from "./unlearn/steps.ts";

export type { ClassMaps, MapWeights } from "./analysis/class-maps.ts";
export { classMaps, type ClassMapOptions, type MappedImages } from "./analysis/map-images.ts";
export {
  type CoordinateHistory,
  type LayerMoves,
  movesOf,
  type RoundMoves,
} from "./analysis/moves.ts";
