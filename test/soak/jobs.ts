/** What a soak does again and again: trainings, unlearnings by every method, and measurements. */
import { loadDataset } from "../../src/entries/data.ts";
import {
  type Classifier,
  corrupt,
  DataError,
  DivergedError,
  evaluate,
  type Gpu,
  load,
  predict,
  save,
  train,
  type TrainOptions,
  unlearn,
  type UnlearnOptions,
  type Watch,
} from "../../src/index.ts";
import { Owned } from "../../src/gpu/owned.ts";

/** One of them. */
export interface Job {
  /** Does it from a seed, and gives back all that it took. */
  run(seed: number, watch: Watch): Promise<unknown>;
  /** What it fails with where nothing else stops it. */
  readonly fails?: new (message: string) => Error;
  /** How often it is drawn beside the others; 1 where it is absent. */
  readonly weight?: number;
}

const network = { filters: [2, 4], hidden: 0 };
const batch = 20;

/** Settings of every method with which a round takes a moment. */
export const methodSettings: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  rewind: { batch },
  "linear-rewind": { batch },
  "random-rewind": { batch },
  "task-vector": { batch, epochs: 2 },
  negmerge: { batch, epochs: 1, factors: [0.5, 1] },
  "neg-grad": { batch },
  "random-label": { batch },
  boundary: { batch },
  "boundary-expand": { batch },
  delete: { batch },
  jit: { batch, copies: 2 },
  temperature: {},
  salun: { batch },
  "fine-tune": { batch },
  scrub: { batch, forgetBatch: batch },
  "neg-grad-plus": { batch },
  ssd: { pictures: 10 },
  fisher: { pictures: 10, alpha: 1e-6 },
  retrain: { epochs: 2, batch },
};

/** All jobs by name, on 60 images of which 12 have wrong labels. */
export async function soakJobs(gpu: Gpu): Promise<Readonly<Record<string, Job>>> {
  const { train: images, test } = await loadDataset({
    name: "synthetic",
    trainCount: 60,
    testCount: 30,
    seed: 1,
  });
  const noisy = { ...corrupt(images, test, { name: "label-noise", share: 0.2 }, 1), test };
  const trained = (options: Partial<TrainOptions>, name = "small-cnn"): Promise<Classifier> =>
    train(name, noisy, { gpu, epochs: 2, batch, learningRate: 3e-3, ...options });
  const first = await trained({ network });
  const file = await save(first);
  first.destroy();

  const withTrained = (work: (model: Classifier) => Promise<unknown>): Promise<unknown> =>
    Owned.within(async (owned) => work(owned.add(await load(file, { gpu }))));
  const training =
    (options: Partial<TrainOptions>, name?: string): Job["run"] =>
    async (seed, watch) =>
      (await trained({ seed, watch, ...options }, name)).destroy();
  const unlearning =
    (options: UnlearnOptions): Job["run"] =>
    (seed, watch) =>
      withTrained((model) =>
        unlearn(model, noisy, { seed, watch, until: { rounds: 2 }, ...options }),
      );

  return {
    "train small-cnn": { run: training({ network }) },
    "train mlp": { run: training({}, "mlp") },
    "train with forecasts": {
      run: training({ network, epochs: 3, nowcast: { method: "wnn", predictor: "linear:-2:3" } }),
    },
    "train until it diverges": {
      run: training({ network, epochs: 4, learningRate: 1e30 }),
      fails: DivergedError,
    },
    "train on a device of its own": { run: training({ network, gpu: undefined }), weight: 0.1 },
    ...Object.fromEntries(
      Object.entries(methodSettings).map(([method, chosen]) => [
        `unlearn by ${method}`,
        { run: unlearning({ method: { method, settings: chosen } }) },
      ]),
    ),
    "unlearn by a file that is not there": {
      run: unlearning({
        method: { method: "retrain", settings: { from: "nowhere/x.safetensors" } },
      }),
      fails: DataError,
    },
    "unlearn and attack": {
      run: unlearning({ method: { method: "neg-grad", settings: { batch } }, final: true }),
    },
    measure: {
      run: (_, watch) =>
        withTrained(async (model) => {
          await evaluate(model, test, watch);
          await predict(model, test, watch);
          await save(model);
        }),
    },
  };
}
