/** How large the experiments are: scaled to small machines, the paper's own size, and tiny for tests. */
import { scratchRecipe } from "../../models/network.ts";
import { type ModelConfig, networks } from "../../models/index.ts";
import { datasets } from "../data/index.ts";
import { paperAugmentation, strongAugmentation } from "../feed/augment.ts";
import type { TrainConfig } from "../runs/config.ts";
import { defaults } from "../runs/defaults.ts";
import type { Experiment, ExperimentSizes } from "../scenarios/scenario.ts";
import type { ArmContext } from "../unlearn/arm.ts";

/** Sizes of the experiments: for small machines, for many seeds on them, the paper's, and one for tests. */
export const sizeNames = ["scaled", "small", "full", "tiny"] as const;

export type Size = (typeof sizeNames)[number];

/** How a network is trained: everything but the data, the scenario and the seed. */
export type Recipe = Omit<TrainConfig, "data" | "scenario" | "seed">;

/** What an experiment trains on, and how its methods are run. */
export interface Scale extends Pick<ArmContext, "window" | "windowRates" | "stepBatch" | "rounds"> {
  /** Images; absent: all there are. */
  readonly train?: number | undefined;
  readonly test?: number | undefined;
  readonly recipe: Recipe;
}

/** Changes to a scale, as options of the command. */
export interface Overrides {
  readonly train?: number | undefined;
  readonly test?: number | undefined;
  readonly recipe?: Partial<Recipe>;
}

/** At size "small": pixels of a side where nothing else is asked for, and the part of the scaled images that is trained on. */
export const smallSide = 14;
const smallPart = 3;

/** Learns in seconds: a third and more of drawn digits right, of which a tenth is chance. */
const tinySizes: ExperimentSizes = { train: 400, test: 100, epochs: 10, batch: 16 };

const augmentations = { moved: paperAugmentation, strong: strongAugmentation } as const;

/** Channels of a data set's images; of those that only their files tell, as of most: three. */
export function channelsOf(dataset: string): 1 | 3 {
  return datasets.find(dataset).sizes?.channels ?? 3;
}

/** The network's own recipe on all of the data set, or on the share that the experiment says. */
function full({ trainedShare }: Experiment, dataset: string, model: ModelConfig): Scale {
  const { recipe: own = scratchRecipe, sized } = networks.find(model.name);
  const { augment, window, windowRates, stepBatch, rounds, ...recipe } = own;
  const { sizes, drawn = false } = datasets.find(dataset);
  const part =
    trainedShare === undefined || sizes === undefined || drawn
      ? undefined
      : Math.round(trainedShare * sizes.train);
  return {
    ...(part === undefined ? {} : { train: part }),
    recipe: {
      model: { ...model, ...sized?.full },
      ...recipe,
      // A small share is seen as it is.
      ...(trainedShare === undefined ? { augment: augmentations[augment] } : {}),
    },
    window,
    windowRates,
    stepBatch,
    rounds,
  };
}

function scaled(
  experiment: Experiment,
  size: "scaled" | "small" | "tiny",
  dataset: string,
  model: ModelConfig,
): Scale {
  const [tiny, small] = [size === "tiny", size === "small"];
  const colours = channelsOf(dataset) === 1 ? "grey" : "colour";
  const { train, test, epochs, batch } = tiny ? tinySizes : experiment.scaled[colours];
  const { sized } = networks.find(model.name);
  return {
    train: small ? Math.round(train / smallPart) : train,
    test,
    recipe: {
      model: { ...model, ...sized?.[tiny ? "tiny" : "scaled"] },
      epochs,
      batch,
      learningRate: tiny || small ? 3e-3 : 1e-3,
      schedule: "cosine",
      optimizer: { name: defaults.optimizer },
    },
    // Divides the size of D_f in most experiments, so that no row of a batch is empty.
    window: { batch: 200 },
    // Little of a small network's D_f goes at lower rates.
    windowRates: small ? [3e-4, 1e-3, 3e-3, 1e-2] : [3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2],
    // Small enough for several steps an epoch.
    stepBatch: 128,
    rounds: tiny ? { windows: 2, epochs: 3 } : { windows: 10, epochs: 40 },
  };
}

/** The scale of an experiment on a data set with a network. */
export function scaleOf(
  experiment: Experiment,
  size: Size,
  dataset: string,
  model: ModelConfig,
  overrides: Overrides = {},
): Scale {
  const base =
    size === "full" ? full(experiment, dataset, model) : scaled(experiment, size, dataset, model);
  const { train = base.train, test = base.test, recipe } = overrides;
  return {
    ...base,
    ...(train === undefined ? {} : { train }),
    ...(test === undefined ? {} : { test }),
    recipe: {
      ...base.recipe,
      ...recipe,
      // It rises by itself.
      ...(recipe?.schedule === "one-cycle" ? { warmupEpochs: undefined } : {}),
    },
  };
}
