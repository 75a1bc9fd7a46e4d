/**
 * A library of end states: trained networks, each with a D_f of some scenario, which predictors learn to rewind.
 *
 * What training i is follows from the seed and i alone. A file holds the trained weights; images are made again from
 * the configuration. A training that taught too little is kept with the reason, and not learnt from.
 */
import { z } from "zod";
import { networks } from "../../../models/index.ts";
import { trainJob } from "../../api/training.ts";
import { DataError, UsageError } from "../../errors.ts";
import type { Gpu } from "../../gpu/device.ts";
import { Owned } from "../../gpu/owned.ts";
import type { TensorFile } from "../../io/safetensors.ts";
import type { Tensors } from "../../nn/model.ts";
import { parseJson } from "../../platform/json.ts";
import { Random } from "../../random.ts";
import { retrainSettings, type TrainConfig } from "../../runs/config.ts";
import { defaults } from "../../runs/defaults.ts";
import { type Job, prepareJob } from "../../runs/job.ts";
import { scenarios } from "../../scenarios/index.ts";
import type { EndScore, EndScores, MetaTraining } from "../../scenarios/meta-training.ts";
import type { Experiment, Scenario } from "../../scenarios/scenario.ts";
import type { Watch } from "../../train/replay.ts";
import { methods, startMethod } from "../../unlearn/methods/index.ts";
import type { LibrarySource } from "../library.ts";

/** What decides a library of end states, given an adapter. */
export interface EndStateSettings {
  readonly seed: number;
  /** Names of scenarios, in turn. */
  readonly scenarios: readonly string[];
  readonly architectures: readonly TrainConfig["model"]["name"][];
  /** Side of the images, in pixels. */
  readonly size: number;
  /** Images of a training are drawn from these numbers. */
  readonly counts: readonly number[];
  /** Clean images that no training sees. */
  readonly clean: number;
  readonly epochs: number;
}

/** A scenario that predictors are meta-trained on, for its experiment. */
export type Taught = Scenario & {
  readonly experiment: Experiment;
  readonly metaTraining: MetaTraining;
};

function isTaught(scenario: Scenario): scenario is Taught {
  return scenario.metaTraining !== undefined && scenario.experiment !== undefined;
}

/** Scenarios that predictors are meta-trained on. */
export function taughtScenarios(): Taught[] {
  return scenarios.all.filter(isTaught);
}

/** One of them. @throws UsageError for another. */
export function taught(name: string): Taught {
  const scenario = scenarios.find(name);
  if (isTaught(scenario)) return scenario;
  const names = taughtScenarios().map((one) => one.name);
  throw new UsageError(
    `scenario "${name}" says nothing of meta-training: choose of ${names.join(", ")}.`,
  );
}

function leastCommonMultiple(a: number, b: number): number {
  let multiple = a;
  while (multiple % b !== 0) multiple += a;
  return multiple;
}

/** Training number i of a library, as `rewind train` would be told. */
export function endTraining(
  i: number,
  sources: readonly LibrarySource[],
  { seed, scenarios: names, architectures, size, counts, clean, epochs }: EndStateSettings,
): { readonly source: string; readonly train: TrainConfig } {
  const random = new Random(seed).fork(`end state ${i}`);
  const pick = <T>(options: readonly T[]): T => options[random.int(options.length)]!;
  // Scenarios, then networks and images together in turn: any few trainings on end, such as those kept apart, are of several.
  const scenario = names[i % names.length]!;
  const turn = Math.floor(i / names.length);
  const model = architectures[turn % architectures.length]!;
  // One further each time that the same pairs would come again.
  const again = Math.floor(turn / leastCommonMultiple(architectures.length, sources.length));
  const source = sources[(turn + again) % sources.length]!;
  return {
    source: source.name,
    train: {
      data: { ...source.data, trainCount: pick(counts), testCount: clean, size },
      scenario: { name: scenario, ...taught(scenario).metaTraining.varied(pick) },
      model: { name: model, ...networks.find(model).varied?.(pick) },
      epochs,
      batch: pick([32, 64]),
      learningRate: 3e-3,
      schedule: "constant",
      optimizer: { name: defaults.optimizer },
      seed: random.int(2 ** 31),
    },
  };
}

/** Trains network i, and one on D_r alone to know what forgetting is worth. */
export async function makeEndState(
  gpu: Gpu,
  train: TrainConfig,
  watch: Watch = {},
): Promise<{ tensors: Tensors; scores: EndScores }> {
  return Owned.within(async (owned) => {
    const job = owned.add(await prepareJob(gpu, train));
    // Two trainings of about one length.
    const half = (second: number): Watch => ({
      ...watch,
      progress: (done, of) => watch.progress?.(second * of + done, 2 * of),
    });
    await trainJob(job, { watch: half(0) });
    const tensors = await job.model.save();
    const trained = await scoresOf(job);
    const reference = methods.all.find((method) => method.reference === true)!;
    const settings = { ...retrainSettings(train), epochsPerRound: train.epochs };
    const session = owned.add(await startMethod(reference.name, job.request(train.seed), settings));
    await session.round(half(1));
    return { tensors, scores: { trained, retrained: await scoresOf(job) } };
  });
}

/** What the scenario's experiment shows of a network as it stands. */
export async function scoresOf(job: Job): Promise<EndScore> {
  const { x, y } = taught(job.config.scenario.name).experiment;
  const names = [x.score, y[0]!.score];
  const scores = await job.evaluate({}, names);
  const [forget, goal] = names.map((name) => scores[name]!) as [number, number];
  return { forget, goal };
}

const format = "rewind end state 2";

/** What a training is, wherever its images lie. */
function identity({ data, ...rest }: TrainConfig): string {
  const { dir: _, ...images } = data;
  return JSON.stringify({ data: images, ...rest });
}

/** Metadata of an end state's file. */
export function endStateMetadata(train: TrainConfig, scores: EndScores): Record<string, string> {
  return { format, train: identity(train), scores: JSON.stringify(scores) };
}

const scoreSchema = z.object({ forget: z.number(), goal: z.number() });

const scoresSchema = z.object({ trained: scoreSchema, retrained: scoreSchema });

/** Scores of an end state's file. @throws DataError for a file of another kind, or of another training. */
export function endStateScores(
  { metadata }: Pick<TensorFile, "metadata">,
  train: TrainConfig,
  name: string,
): EndScores {
  if (metadata["format"] !== format) {
    throw new DataError(`"${name}" is no end state of this version.`);
  }
  if (metadata["train"] !== identity(train)) {
    throw new DataError(`"${name}" is of another training.`);
  }
  try {
    return scoresSchema.parse(parseJson(metadata["scores"] ?? "{}"));
  } catch (cause) {
    throw new DataError(`"${name}" is damaged: it has no scores.`, {
      cause,
    });
  }
}
