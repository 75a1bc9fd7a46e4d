/**
 * A library of end states: trained networks that have learnt wrong labels by heart, which predictors learn to rewind.
 *
 * What training i is follows from the seed and i alone. A file holds the trained weights; images are made again from
 * the configuration. A training that taught too little is kept with the reason, and not learnt from.
 */
import { z } from "zod";
import { networks } from "../../../models/index.ts";
import { trainJob } from "../../api/training.ts";
import { DataError } from "../../errors.ts";
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
import type { Watch } from "../../train/replay.ts";
import { methods, startMethod } from "../../unlearn/methods/index.ts";
import type { LibrarySource } from "../library.ts";

/** What decides a library of end states, given an adapter. */
export interface EndStateSettings {
  readonly seed: number;
  readonly architectures: readonly TrainConfig["model"]["name"][];
  /** Side of the images, in pixels. */
  readonly size: number;
  /** Images of a training are drawn from these numbers. */
  readonly counts: readonly number[];
  /** Clean images that no training sees. */
  readonly clean: number;
  readonly epochs: number;
}

/** Least share of D_f that must be known by heart, in %, and what retraining must gain, in points. */
export const [leastKnown, leastGain] = [85, 3];

/** Training number i of a library, as `rewind train` would be told. */
export function endTraining(
  i: number,
  sources: readonly LibrarySource[],
  { seed, architectures, size, counts, clean, epochs }: EndStateSettings,
): { readonly source: string; readonly train: TrainConfig } {
  const random = new Random(seed).fork(`end state ${i}`);
  const pick = <T>(options: readonly T[]): T => options[random.int(options.length)]!;
  const model = architectures[i % architectures.length]!;
  const source = sources[Math.floor(i / architectures.length) % sources.length]!;
  return {
    source: source.name,
    train: {
      data: { ...source.data, trainCount: pick(counts), testCount: clean, size },
      scenario: { name: defaults.scenario, share: pick([0.1, 0.2, 0.3, 0.4]) },
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

/** Scores of a trained network, and of one retrained without D_f, in %. */
export interface EndScores {
  readonly known: number;
  readonly test: number;
  readonly retrained: number;
}

/** Why an end state is not learnt from; undefined if it is. */
export function unfit({ known, test, retrained }: EndScores): string | undefined {
  if (known < leastKnown) return `only ${known.toFixed(1)} % of D_f is known by heart`;
  const gain = retrained - test;
  if (gain < leastGain) return `retraining gains ${gain.toFixed(1)} points only`;
  return undefined;
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
    const { forget: known, test } = await scoresOf(job);
    const reference = methods.all.find((method) => method.reference === true)!;
    const settings = { ...retrainSettings(train), epochsPerRound: train.epochs };
    const session = owned.add(await startMethod(reference.name, job.request(train.seed), settings));
    await session.round(half(1));
    const { test: retrained } = await scoresOf(job);
    return { tensors, scores: { known, test, retrained } };
  });
}

/** What the scenario's experiment shows of a network as it stands, in %: accuracy on D_f, and on clean images. */
export async function scoresOf(job: Job): Promise<{ forget: number; test: number }> {
  const { x, y } = scenarios.find(job.config.scenario.name).experiment!;
  const names = [x.score, y[0]!.score];
  const scores = await job.evaluate({}, names);
  const [forget, test] = names.map((name) => scores[name]!) as [number, number];
  return { forget, test };
}

const format = "rewind end state 1";

/** Metadata of an end state's file. */
export function endStateMetadata(scores: EndScores): Record<string, string> {
  return { format, scores: JSON.stringify(scores) };
}

const scoresSchema = z.object({ known: z.number(), test: z.number(), retrained: z.number() });

/** Scores of an end state's file. @throws DataError for a file of another kind. */
export function endStateScores(
  { metadata }: Pick<TensorFile, "metadata">,
  name: string,
): EndScores {
  if (metadata["format"] !== format) throw new DataError(`"${name}" is no end state.`);
  const parsed = scoresSchema.safeParse(parseJson(metadata["scores"] ?? "{}"));
  if (parsed.success) return parsed.data;
  throw new DataError(`"${name}" is damaged: it has no scores; remove it and it is made again.`);
}
