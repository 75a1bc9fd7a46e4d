/**
 * Rewind: a WebGPU engine that makes trained networks forget.
 *
 * The usual way through: {@link acquireDevice} → {@link GpuDataset} and {@link Model} → {@link Trainer} →
 * {@link RewindSession} with a predictor of {@link loadPredictor} → {@link unlearn}.
 */
export type { AdapterChoice } from "./gpu/adapter.ts";
export {
  acquireDevice,
  type AdapterReport,
  type DeviceOptions,
  Gpu,
  type Tuning,
} from "./gpu/device.ts";
export {
  DataError,
  DeviceLostError,
  DivergedError,
  GpuError,
  OutOfMemoryError,
  ShapeError,
  UsageError,
} from "./errors.ts";
export { Arena, ArenaLayout, type ParameterKind, type ParameterSpec } from "./weights/arena.ts";
export { registerShader } from "./gpu/link.ts";
export { chromeTrace, type KernelTime, Profiler, summarise } from "./gpu/profile.ts";
export { Graph, type Operation } from "./graph/graph.ts";
export { compile, Program } from "./graph/program.ts";
export { type Launch, Value } from "./graph/value.ts";
export type { Shape } from "./shape.ts";
export * from "./ops/index.ts";
export { Layers } from "./nn/layers.ts";
export { Model, type ModelSpec, type Tensors } from "./nn/model.ts";
export * from "./nn/init.ts";
export type { AdamSettings } from "./optim/adam.ts";
export { optimizers, type OptimizerSettings } from "./optim/index.ts";
export { defineOptimizer, type Optimizer, type ShardValues } from "./optim/optimizer.ts";
export type { SgdSettings } from "./optim/sgd.ts";
export { metrics } from "./metrics/index.ts";
export { Logits } from "./metrics/logits.ts";
export { whereReached } from "./metrics/curve.ts";
export { measureFinal, measureScores } from "./metrics/measure.ts";
export { type Measurement, missing, share } from "./metrics/measurement.ts";
export {
  defineMetric,
  type LogitsMetric,
  type Metric,
  type Scores,
  type TotalsMetric,
} from "./metrics/metric.ts";
export { Registry, type SettingOption } from "./registry.ts";
export { mislabel, type NoisyLabels, splitForget } from "./data/corrupt.ts";
export { type Dataset, subset, takeBalanced } from "./data/dataset.ts";
export { datasets, type DatasetSpec, loadDataset } from "./data/index.ts";
export {
  type DatasetSizes,
  type DatasetSource,
  defineDataset,
  type LoadOptions,
  resized,
  type Split,
  taken,
} from "./data/source.ts";
export { type Augmentation, paperAugmentation, strongAugmentation } from "./feed/augment.ts";
export { GpuDataset, meanImage } from "./feed/gpu-dataset.ts";
export { ImageFeed } from "./feed/image-feed.ts";
export type { ExampleFeed, Feed } from "./feed/feed.ts";
export { classification } from "./tasks/classification.ts";
export type { FeedOptions, Objective, ObjectiveOptions, Task } from "./tasks/task.ts";
export { Evaluator } from "./train/evaluator.ts";
export { Trainer } from "./train/trainer.ts";
export { type StepOptions, type StepSettings, taskTrainer } from "./train/task-trainer.ts";
export type { Watch } from "./train/replay.ts";
export { Combination, type Factors } from "./weights/combine.ts";
export { RandomDirection } from "./weights/direction.ts";
export { TrajectoryLayout } from "./weights/trajectory/layout.ts";
export { Trajectory } from "./weights/trajectory/record.ts";
export { loadPredictor, predictors } from "./predictors/index.ts";
export { predictionLaunch } from "./predictors/launch.ts";
export type { LoadRequest, PredictorLoader } from "./predictors/loader.ts";
export type { WeightFile } from "./predictors/weight-file.ts";
export { linearPredictor } from "./predictors/linear.ts";
export { predictHistories } from "./predictors/histories.ts";
export type { PredictionJob, Predictor, PredictorSet } from "./predictors/predictor.ts";
export { PredictionError, Rewinder } from "./predictors/rewinder.ts";
export { corrupt, scenarios, type ScenarioSettings } from "./scenarios/index.ts";
export {
  type Corrupted,
  defineScenario,
  type Experiment,
  pointsOf,
  type Scenario,
} from "./scenarios/scenario.ts";
export {
  defineFittable,
  type Family,
  type FamilyOptions,
  type Fittable,
} from "./predictors-lab/families/family.ts";
export { fittables } from "./predictors-lab/families/index.ts";
export { futureShape, pastShape, type Window, type WindowShape } from "./predictors-lab/windows.ts";
export { forecasters, type NowcastConfig } from "./forecast/index.ts";
export {
  defineForecaster,
  type Forecaster,
  type NowcastEvent,
  type TrainingLength,
} from "./forecast/forecaster.ts";
export { type Arm, type ArmContext, stepSettings } from "./unlearn/arm.ts";
export { type Progress, type StopRules, unlearn } from "./unlearn/driver.ts";
export {
  defineMethod,
  type Method,
  retained,
  type UnlearnRequest,
  type UnlearnSession,
} from "./unlearn/method.ts";
export { methods, methodSettings, startMethod } from "./unlearn/methods/index.ts";
export { stepFields, StepSession, stepTrainer } from "./unlearn/steps.ts";
export { RewindSession, type RewindSettings } from "./unlearn/methods/rewind.ts";
export { readSafetensors, writeSafetensors } from "./io/safetensors.ts";
export { type ModelConfig, modelSpec, networks } from "../models/index.ts";
export {
  defineNetwork,
  type Network,
  noSettings,
  type PublishedRecipe,
} from "../models/network.ts";
export { Random } from "./random.ts";
export type { TrainConfig, UnlearnConfig } from "./runs/config.ts";
export { type Job, prepareJob } from "./runs/job.ts";
export { trainJob } from "./runs/training.ts";
export { tidyCsv } from "./experiments/csv.ts";
export { protocolOf, type Protocol, type ProtocolOptions } from "./experiments/protocol.ts";
export { runSeeds, tune, type Tuned } from "./experiments/run.ts";
export { summarise as summariseArms } from "./experiments/summary.ts";
export { resultTable } from "./experiments/tables.ts";
export type { ArmResult, Environment } from "./experiments/trained-network.ts";
