/// <reference lib="dom" preserve="true" />
/// <reference lib="esnext.disposable" preserve="true" />
/**
 * `rewind-webgpu/experiments`: methods against each other over seeds, named jobs, and the fitting of predictors.
 *
 * @module rewind-webgpu/experiments
 */
export { type Job, prepareJob } from "../runs/job.ts";
export type { TrainConfig, UnlearnConfig } from "../runs/config.ts";
export { trainJob } from "../api/training.ts";
export { tidyCsv } from "../experiments/csv.ts";
export { type Protocol, protocolOf, type ProtocolOptions } from "../experiments/protocol.ts";
export type { Tuned } from "../experiments/plan.ts";
export { runSeeds, tune } from "../experiments/run.ts";
export { summarise as summariseArms } from "../experiments/summary.ts";
export { resultTable } from "../experiments/tables.ts";
export type { ArmResult, Environment } from "../experiments/trained-network.ts";
export {
  defineFittable,
  type Family,
  type FamilyOptions,
  type Fittable,
} from "../predictors-lab/families/family.ts";
export { fittables } from "../predictors-lab/families/index.ts";
export {
  futureShape,
  pastShape,
  type Window,
  type WindowShape,
} from "../predictors-lab/windows.ts";
