/** Sizes and recipes of the experiments: scaled to small machines, the paper's own, and tiny for tests. */
import { datasets } from "../data/index.ts";
import type { TrainConfig } from "../runs/config.ts";
import { paperAugmentation, strongAugmentation } from "../feed/augment.ts";
import type { ExperimentName } from "./plan.ts";

/** Sizes of the experiments: for small machines, the paper's, and one for tests. */
export const sizeNames = ["scaled", "full", "tiny"] as const;

export type Size = (typeof sizeNames)[number];

export type ModelName = TrainConfig["model"]["name"];

/** How a network is trained: everything but the data, the scenario and the seed. */
export type Recipe = Omit<TrainConfig, "data" | "scenario" | "seed">;

/** What an experiment trains on, and how its windows are recorded. */
export interface Protocol {
  /** Pictures; absent: all there are. */
  readonly train?: number;
  readonly test?: number;
  readonly recipe: Recipe;
  /** Settings of the methods that record or follow whole epochs on D_f. */
  readonly window: Readonly<Record<string, unknown>>;
  /** Their learning rates to choose from. */
  readonly windowRates: readonly number[];
  /** Batch of the methods that take single steps. */
  readonly stepBatch: number;
  /** At most so many windows, and epochs of the other methods. */
  readonly rounds: { readonly windows: number; readonly epochs: number };
}

interface Sizes {
  readonly train: number;
  readonly test: number;
  readonly epochs: number;
  readonly batch: number;
}

const scaledSizes: Readonly<Record<"grey" | "colour", Readonly<Record<ExperimentName, Sizes>>>> = {
  grey: {
    standard: { train: 4000, test: 2000, epochs: 30, batch: 64 },
    "label-noise": { train: 3000, test: 2000, epochs: 60, batch: 64 },
    backdoor: { train: 3000, test: 2000, epochs: 20, batch: 64 },
    // 1 % of MNIST.
    overfit: { train: 600, test: 2000, epochs: 150, batch: 50 },
  },
  colour: {
    standard: { train: 3000, test: 2000, epochs: 30, batch: 64 },
    "label-noise": { train: 3000, test: 2000, epochs: 40, batch: 64 },
    backdoor: { train: 3000, test: 2000, epochs: 30, batch: 64 },
    // 1 % of CIFAR-10.
    overfit: { train: 500, test: 2000, epochs: 150, batch: 50 },
  },
};

const tinySizes: Sizes = { train: 120, test: 60, epochs: 4, batch: 32 };

const adam = {
  learningRate: 1e-3,
  schedule: "cosine",
  optimizer: { name: "adam" },
} as const;

/** Fine-tuning of transformers and their relatives from weights of ImageNet. */
const fineTuning = {
  epochs: 30,
  batch: 128,
  learningRate: 1e-4,
  schedule: "cosine",
  warmupEpochs: 2,
  clipNorm: 1,
  optimizer: { name: "adam", decoupled: true, weightDecay: 0.05 },
} as const;

/**
 * The paper's recipes by model. Where the authors state no number (epochs and optimiser of PVTv2 and
 * ConvNeXt, the shape of ResNet-18's decay) it is a usual one.
 */
function published(experiment: ExperimentName, data: string, model: ModelName): Protocol {
  const protocol = publishedRecipe(model);
  if (experiment !== "overfit") return protocol;
  // Too few samples: one in a hundred, seen as they are.
  const { sizes, drawn = false } = datasets.find(data);
  const train = drawn || sizes === undefined ? undefined : sizes.train / 100;
  const { augment: _, ...recipe } = protocol.recipe;
  return { ...protocol, ...(train === undefined ? {} : { train }), recipe };
}

function publishedRecipe(model: ModelName): Protocol {
  if (model === "pvt-v2-b0" || model === "convnext-t" || model === "convnext-atto") {
    return {
      recipe: { model: { name: model }, ...fineTuning, augment: strongAugmentation },
      window: { batch: 128, optimizer: { name: "sgd", momentum: 0.9 } },
      windowRates: [3e-6, 1e-5, 3e-5, 1e-4, 3e-4],
      stepBatch: 128,
      rounds: { windows: 30, epochs: 40 },
    };
  }
  return {
    recipe: {
      model: model === "small-cnn" ? { name: model, hidden: 64 } : { name: model },
      epochs: 200,
      batch: 256,
      ...adam,
      augment: paperAugmentation,
    },
    window: { batch: 256, warmupEpochs: 2, trailingEpoch: true },
    windowRates: [3e-7, 1e-6, 3e-6, 1e-5, 3e-5],
    stepBatch: 256,
    rounds: { windows: 10, epochs: 40 },
  };
}

/** Changes to a protocol, as options of the command. */
export interface Overrides {
  readonly train?: number | undefined;
  readonly test?: number | undefined;
  readonly recipe?: Partial<Recipe>;
}

/**
 * The protocol of an experiment.
 *
 * @param data name of the data set, which decides the size of the scaled ones.
 */
export function protocolOf(
  experiment: ExperimentName,
  size: Size,
  data: string,
  model: ModelName,
  overrides: Overrides = {},
): Protocol {
  const base =
    size === "full"
      ? published(experiment, data, model)
      : scaled(experiment, size, isGrey(data), model);
  const { train = base.train, test = base.test, recipe } = overrides;
  return {
    ...base,
    ...(train === undefined ? {} : { train }),
    ...(test === undefined ? {} : { test }),
    recipe: { ...base.recipe, ...recipe },
  };
}

/** Whether images have one channel. */
export function isGrey(data: string): boolean {
  return datasets.find(data).sizes?.channels === 1;
}

function scaled(
  experiment: ExperimentName,
  size: "scaled" | "tiny",
  grey: boolean,
  model: ModelName,
): Protocol {
  const tiny = size === "tiny";
  const { train, test, epochs, batch } = tiny
    ? tinySizes
    : scaledSizes[grey ? "grey" : "colour"][experiment];
  const filters: [number, number] = tiny ? [4, 8] : [16, 32];
  const small = { name: model, filters, hidden: tiny ? 8 : 64 };
  return {
    train,
    test,
    recipe: { model: model === "small-cnn" ? small : { name: model }, epochs, batch, ...adam },
    // Divides the size of D_f in most experiments, so that no row of a batch is empty.
    window: { batch: 200 },
    windowRates: [3e-5, 1e-4, 3e-4, 1e-3, 3e-3],
    // Small enough for several steps an epoch.
    stepBatch: 128,
    rounds: tiny ? { windows: 2, epochs: 3 } : { windows: 10, epochs: 40 },
  };
}
