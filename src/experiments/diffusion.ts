/**
 * The experiment `diffusion`: a network that draws digits forgets one of them (Fig. 5 c, d and 6 of Jang, Kim and Youn 2025).
 *
 * What it draws is judged by a classifier of our own, the grader, which learns all classes of the data set first.
 */
import { whereReached } from "../metrics/curve.ts";
import type { Drawing } from "../metrics/drawn.ts";
import type { Scores } from "../metrics/metric.ts";
import type { DataConfig, ForgetConfig, TrainConfig } from "../runs/config.ts";
import { defaults } from "../runs/defaults.ts";
import { type Curve, type Experiment, pointsOf } from "../scenarios/scenario.ts";
import type { Arm, DrawingContext, Settings } from "../unlearn/arm.ts";
import { methods } from "../unlearn/methods/index.ts";
import type { Overrides, Recipe, Size } from "./scale.ts";

/** Its name. */
export const diffusionName = "diffusion";

/** What the experiment trains on, and how it draws. */
export interface DiffusionOptions {
  readonly size: Size;
  readonly data: Pick<DataConfig, "name" | "dir" | "size" | "classes">;
  /** What is forgotten; absent: the class {@link defaultTarget}. */
  readonly forget?: ForgetConfig | undefined;
  readonly overrides?: Overrides | undefined;
}

/** The class that is forgotten where nothing else is said. */
export const defaultTarget = "4";

/** What one size of the experiment trains on, and how. */
interface Sizes {
  readonly data: Partial<DataConfig>;
  readonly recipe: Recipe;
  readonly grader: Pick<TrainConfig, "model" | "epochs" | "batch" | "learningRate"> & {
    readonly data: Partial<DataConfig>;
  };
  /** Test accuracy below which nothing is judged by it, %. */
  readonly graderFloor: number;
  readonly drawing: Omit<Drawing, "seed">;
  readonly arms: Omit<DrawingContext, "trainingEpochs">;
}

/** Settings of a window of 15 epochs on D_f. */
const window = (batch: number, learningRate: number): Settings => ({ batch, learningRate });

const { network, weightDecay } = defaults.diffusion;
const common = {
  task: "diffusion",
  schedule: "cosine",
  optimizer: { name: "adam", weightDecay, decoupled: true },
} as const;

/** A grader that is right for 99 % of the test images of MNIST; with half the filters it misses that. */
const wide: TrainConfig["model"] = { name: defaults.network, filters: [32, 64], hidden: 64 };

/** Sizes by name; four digits, so that the one forgotten is a quarter and not a tenth. */
const sizes: Readonly<Record<Exclude<Size, "small">, Sizes>> = {
  scaled: {
    data: { size: 16, classes: ["0", "1", "4", "7"], trainCount: 2000, testCount: 400 },
    recipe: {
      ...common,
      model: { name: network, widths: [16, 32, 48], depth: 1, embedding: 32 },
      epochs: 40,
      batch: 32,
      learningRate: 2e-3,
    },
    grader: { data: {}, model: wide, epochs: 8, batch: 128, learningRate: 2e-3 },
    graderFloor: 99,
    drawing: { count: 200, steps: 20 },
    arms: { window: window(125, 1e-3), stepBatch: 125, rounds: { windows: 3, steps: 6 } },
  },
  full: {
    data: { size: 32 },
    recipe: { ...common, model: { name: network }, epochs: 50, batch: 64, learningRate: 1e-3 },
    grader: { data: {}, model: wide, epochs: 10, batch: 128, learningRate: 1e-3 },
    graderFloor: 99,
    drawing: { count: 1000, steps: 20 },
    arms: { window: window(256, 1e-4), stepBatch: 256, rounds: { windows: 10, steps: 20 } },
  },
  tiny: {
    data: { size: 8, classes: ["1", "4"], trainCount: 40, testCount: 20 },
    recipe: {
      ...common,
      model: { name: network, widths: [4, 8], depth: 1, embedding: 4 },
      epochs: 2,
      batch: 20,
      learningRate: 2e-3,
    },
    grader: {
      data: { trainCount: 200, testCount: 100 },
      model: { name: defaults.network, filters: [4, 8], hidden: 8 },
      epochs: 3,
      batch: 20,
      learningRate: 3e-3,
    },
    graderFloor: 0,
    drawing: { count: 16, steps: 2 },
    arms: { window: window(20, 1e-3), stepBatch: 20, rounds: { windows: 1, steps: 1 } },
  },
};

/** What is scaled is small already. */
const sizesOf: Readonly<Record<Size, Sizes>> = { ...sizes, small: sizes.scaled };

/** The training of the network that forgets. */
export function drawerTraining(options: DiffusionOptions, seed: number): TrainConfig {
  const { size, data, forget, overrides = {} } = options;
  const { train, test, recipe } = overrides;
  const own = sizesOf[size];
  return {
    data: {
      ...own.data,
      ...data,
      ...(train === undefined ? {} : { trainCount: train }),
      ...(test === undefined ? {} : { testCount: test }),
    },
    scenario: { name: defaults.scenario },
    forget: forget ?? { images: [{ classes: [defaultTarget] }] },
    ...own.recipe,
    ...recipe,
    seed,
  };
}

/** What an experiment is, whatever it is trained on. */
export const diffusionExperiment: Experiment = {
  title: "Forgetting how to draw a digit",
  settings: () => ({}),
  until: {},
  retains: true,
  againstRetrained: false,
  // A network that collapses goes a hundred times as far.
  x: { score: "forgetDistance", reach: 4 },
  y: [{ score: "drawnForgotten" }, { score: "retainDistance" }, { score: "drawnConfidence" }],
  reverseX: false,
  statistic: {
    name: "share at matched KID",
    definition:
      "share of the drawn images taken for the class to forget (%), where the KID to D_f has risen to 1.5 times that of " +
      "the untouched network",
    better: "lower",
    decimals: 2,
    margin: 1,
    of: (curve) => whereReached(pointsOf(curve, ...matched), matchedAt(curve), "rising"),
  },
  endColumns: [
    { score: "drawnForgotten", title: "share, end, %", decimals: 2 },
    { score: "retainDistance", title: "KID to D_r, end", decimals: 3 },
    { score: "forgetDistance", title: "KID to D_f, end", decimals: 3 },
    { score: "drawnConfidence", title: "confidence, end, %", decimals: 1 },
    { score: "drawnUnsure", title: "unsure, end, %", decimals: 1 },
  ],
  scaled: {
    grey: { train: 1000, test: 400, epochs: 40, batch: 32 },
    colour: { train: 1000, test: 400, epochs: 40, batch: 32 },
  },
};

/** Where networks are compared, and what is compared there. */
const matched = ["forgetDistance", "drawnForgotten"] as const;

/**
 * The KID to D_f at which the networks of a seed are compared: 1.5 times the untouched one's. The KID to D_r does not do: it
 * falls while the class goes, as long as the rest stays.
 */
export function matchedAt(curve: Curve): number {
  return 1.5 * curve[0]!.scores[matched[0]]!;
}

/** What is said of that place. */
export const matchedText =
  "after the round whose KID to D_f is nearest to 1.5 times that of the untouched network";

/** The round whose KID to D_f is nearest to that; the untouched network is none. */
export function matchedRound(
  history: readonly { readonly round: number; readonly scores: Scores }[],
): number | undefined {
  const goal = matchedAt(history);
  const far = (scores: Scores): number => Math.abs(scores[matched[0]]! - goal);
  return history.slice(1).sort((a, b) => far(a.scores) - far(b.scores))[0]?.round;
}

/** Every arm: the network retrained on D_r first, then the others in the order of their methods. */
export function drawingArmsOf(size: Size, trainingEpochs: number): readonly Arm[] {
  const context = { ...sizesOf[size].arms, trainingEpochs };
  const all = methods.all.flatMap(({ drawingArms }) => drawingArms?.(context) ?? []);
  const control = ({ method }: Arm): boolean => methods.find(method).reference === true;
  return [...all.filter(control), ...all.filter((arm) => !control(arm))];
}

/** The untouched network as an arm of the results. */
export const untouched = "untouched";

/** It as an arm, which does nothing. */
export const untouchedArm: Arm = {
  ...{ name: untouched, method: untouched, settings: {}, trials: [], rounds: 0 },
  hidden: true,
};

/** How many images are drawn to be measured, and in how many steps. */
export function drawingOf(size: Size): Omit<Drawing, "seed"> {
  return sizesOf[size].drawing;
}

/** Test accuracy that a grader needs, %. */
export function graderFloorOf(size: Size): number {
  return sizesOf[size].graderFloor;
}

/** The training of the grader: all classes, in the size of the drawn images; seed 0 in every experiment. */
export function graderTraining({ name, dir, size: side }: DataConfig, size: Size): TrainConfig {
  const { data: part, ...recipe } = sizesOf[size].grader;
  return {
    data: {
      ...(side === undefined ? {} : { size: side }),
      ...part,
      name,
      ...(dir === undefined ? {} : { dir }),
    },
    // Nothing is forgotten; D_f is a part of the images in name only.
    scenario: { name: defaults.scenario, share: 0.02 },
    ...recipe,
    schedule: "cosine",
    optimizer: { name: defaults.optimizer },
    seed: 0,
  };
}
