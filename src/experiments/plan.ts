/** The paper's classification experiments at a size for small machines, as data. */
import type { DataConfig, TrainConfig } from "../runs/config.ts";
import { memoryFields } from "../train/memory.ts";
import { GpuError } from "../errors.ts";
import type { StopRules } from "../unlearn/driver.ts";
import { findMethod } from "../unlearn/methods/index.ts";
import {
  isGrey,
  type ModelName,
  type Overrides,
  type Protocol,
  protocolOf,
  type Recipe,
  type Size,
} from "./protocol.ts";

/** Names of the experiments. */
export const experimentNames = ["standard", "label-noise", "backdoor", "overfit"] as const;

export type ExperimentName = (typeof experimentNames)[number];

/** One competitor: a method with fixed settings, and the trials its tuning may choose from. */
export interface Arm {
  /** Folder name and key in results. */
  readonly name: string;
  readonly method: string;
  readonly settings: Readonly<Record<string, unknown>>;
  /** Settings tried on the tuning seed; the same number for every tuned method. */
  readonly trials: readonly Readonly<Record<string, unknown>>[];
  readonly rounds: number;
  /** The arm whose tuned settings this one takes over: a variant or control is run as what it varies. */
  readonly tunedAs?: string;
}

/** What a curve shows, or a statistic reads. */
export interface Axis {
  readonly score: string;
  readonly label: string;
}

/** The number a run is judged by, read off its curve. */
export interface Statistic {
  readonly name: string;
  readonly definition: string;
  readonly better: "higher" | "lower";
  readonly decimals: number;
}

/** An experiment on one data set. */
export interface Plan {
  readonly name: ExperimentName;
  readonly title: string;
  readonly train: (seed: number) => TrainConfig;
  /** Stop rules besides rounds; `standard` adds the retrained network's unlearning accuracy. */
  readonly stop: Omit<StopRules, "rounds">;
  /** Whether a run also ends where its network is lost; see `lostBelow` in run.ts. */
  readonly endLost: boolean;
  /** Scores measured after every round; all of them at the start and the end. */
  readonly scores: readonly string[];
  readonly x: Axis;
  readonly y: readonly Axis[];
  readonly reverseX: boolean;
  readonly statistic: Statistic;
  readonly arms: readonly Arm[];
}

/** Rates on a logarithmic grid, as trials. */
function rates(...values: number[]): { learningRate: number }[] {
  return values.map((learningRate) => ({ learningRate }));
}

/** Whether a method can split its steps into passes and store activations otherwise. */
function hasMemoryFields(method: string): boolean {
  const { shape } = findMethod(method).settings as unknown as { shape: object };
  return Object.keys(memoryFields).every((field) => field in shape);
}

/** What a training's recipe says about memory holds for the methods as well. */
function memoryOf(recipe: Recipe): Record<string, unknown> {
  const fields = Object.keys(memoryFields) as (keyof typeof memoryFields)[];
  const given = fields.filter((field) => recipe[field] !== undefined);
  return Object.fromEntries(given.map((field) => [field, recipe[field]]));
}

function arms(
  experiment: ExperimentName,
  published: string | undefined,
  size: Size,
  protocol: Protocol,
): Arm[] {
  const memory = memoryOf(protocol.recipe);
  return armsWith(experiment, published, size, protocol).map((arm) =>
    hasMemoryFields(arm.method) ? { ...arm, settings: { ...memory, ...arm.settings } } : arm,
  );
}

function armsWith(
  experiment: ExperimentName,
  published: string | undefined,
  size: Size,
  protocol: Protocol,
): Arm[] {
  const { window, rounds, recipe } = protocol;
  const stepBatch = { batch: protocol.stepBatch };
  const recorded = rates(...protocol.windowRates);
  // Of a window only what a method without one has as well.
  const { warmupEpochs: _, trailingEpoch: __, ...followed } = window;
  const sgd = rates(1e-3, 3e-3, 1e-2, 3e-2, 1e-1);
  // Little is to be forgotten in `standard`: an epoch of steps would forget far more.
  const steps =
    experiment === "standard" && size !== "tiny" ? { ...stepBatch, stepsPerRound: 4 } : stepBatch;
  const rewinds: Arm[] = [
    {
      name: "rewind",
      method: "rewind",
      settings: window,
      trials: recorded,
      rounds: rounds.windows,
    },
    {
      name: "rewind-newest",
      method: "rewind",
      settings: { ...window, base: "newest" },
      trials: [],
      tunedAs: "rewind",
      rounds: rounds.windows,
    },
    {
      name: "random-rewind",
      method: "random-rewind",
      settings: window,
      trials: [],
      tunedAs: "rewind",
      rounds: rounds.windows,
    },
  ];
  if (published !== undefined) {
    rewinds.push(
      {
        name: "rewind-published",
        method: "rewind",
        settings: { ...window, predictor: published },
        trials: recorded,
        rounds: rounds.windows,
      },
      {
        name: "rewind-published-newest",
        method: "rewind",
        settings: { ...window, predictor: published, base: "newest" },
        trials: [],
        tunedAs: "rewind-published",
        rounds: rounds.windows,
      },
      {
        name: "random-rewind-published",
        method: "random-rewind",
        settings: { ...window, predictor: published },
        trials: [],
        tunedAs: "rewind-published",
        rounds: rounds.windows,
      },
    );
  }
  return [
    {
      name: "retrain",
      method: "retrain",
      settings: { epochsPerRound: size === "tiny" || recipe.epochs % 10 !== 0 ? 1 : 10 },
      trials: [],
      rounds: 1000,
    },
    ...rewinds,
    {
      name: "linear-rewind",
      method: "linear-rewind",
      settings: window,
      trials: recorded,
      rounds: rounds.windows,
    },
    {
      name: "task-vector",
      method: "task-vector",
      settings: followed,
      trials: [
        { learningRate: protocol.windowRates[1]!, lambda: 0.25 },
        { learningRate: protocol.windowRates[1]!, lambda: 1 },
        { learningRate: protocol.windowRates[2]!, lambda: 0.25 },
        { learningRate: protocol.windowRates[2]!, lambda: 1 },
        { learningRate: protocol.windowRates[3]!, lambda: 0.25 },
      ],
      rounds: rounds.windows,
    },
    {
      name: "neg-grad",
      method: "neg-grad",
      settings: stepBatch,
      // Once the plateau ends, all is lost within few steps: measured the more often the faster it goes.
      // Where D_f is learnt by heart its gradient is next to nothing, and only a high rate ever leaves.
      trials: [
        { learningRate: 1e-3, stepsPerRound: 5 },
        { learningRate: 3e-3, stepsPerRound: 2 },
        { learningRate: 1e-2, stepsPerRound: 1 },
        { learningRate: 1e-1, stepsPerRound: 1 },
        { learningRate: 1, stepsPerRound: 1 },
      ],
      rounds: size === "tiny" ? rounds.epochs : 100,
    },
    {
      name: "random-label",
      method: "random-label",
      settings: steps,
      trials: sgd,
      rounds: rounds.epochs,
    },
    {
      name: "boundary",
      method: "boundary",
      settings: steps,
      trials: sgd,
      rounds: rounds.epochs,
    },
    { name: "salun", method: "salun", settings: steps, trials: sgd, rounds: rounds.epochs },
    {
      name: "fine-tune",
      method: "fine-tune",
      settings: steps,
      trials: sgd,
      rounds: Math.min(20, rounds.epochs),
    },
    {
      name: "scrub",
      method: "scrub",
      settings: { ...stepBatch, forgetBatch: protocol.stepBatch },
      trials: rates(3e-5, 1e-4, 3e-4, 1e-3, 3e-3),
      rounds: Math.min(20, rounds.epochs),
    },
    {
      name: "fisher",
      method: "fisher",
      settings: { pictures: size === "tiny" ? 20 : 1000 },
      trials: [10, 100, 1e3, 1e4, 1e5].map((cap) => ({ cap })),
      rounds: Math.min(30, rounds.epochs),
    },
  ];
}

/** Arms that need D_r, which `overfit` has none of. */
const needsRetained = new Set(["retrain", "fine-tune", "scrub", "fisher"]);

type Shape = Pick<Plan, "title" | "stop" | "x" | "y" | "reverseX" | "statistic">;

const test: Axis = { score: "testAccuracy", label: "test accuracy (%)" };

const shapes: Readonly<Record<ExperimentName, Shape>> = {
  standard: {
    title: "Forgetting a random half",
    stop: {},
    x: { score: "forgetAccuracy", label: "accuracy on D_f (%)" },
    y: [test, { score: "retainAccuracy", label: "accuracy on D_r (%)" }],
    reverseX: true,
    statistic: {
      name: "test accuracy at the retrained network's UA",
      definition:
        "test accuracy (%) where unlearning accuracy reaches the retrained network's; the last round is shortened to end there",
      better: "higher",
      decimals: 2,
    },
  },
  "label-noise": {
    title: "Forgetting wrong labels",
    stop: { unlearningAccuracy: 90 },
    x: { score: "forgetAccuracy", label: "accuracy on the wrong labels (%)" },
    y: [test],
    reverseX: true,
    statistic: {
      name: "gain in test accuracy",
      definition:
        "largest test accuracy among rounds with at most half the first accuracy on the wrong labels, minus the first test accuracy, points",
      better: "higher",
      decimals: 2,
    },
  },
  backdoor: {
    title: "Forgetting a backdoor",
    stop: { unlearningAccuracy: 90 },
    x: { score: "forgetAccuracy", label: "D_f classified as the target (%)" },
    y: [{ score: "forgetTrueAccuracy", label: "accuracy on D_f, clean labels (%)" }, test],
    reverseX: true,
    statistic: {
      name: "clean-label accuracy at 10 %",
      definition:
        "share of D_f (with the signature) classified as its true class where the share classified as the target has fallen to 10 %, interpolated between rounds, %",
      better: "higher",
      decimals: 2,
    },
  },
  overfit: {
    title: "Forgetting too few samples",
    stop: { forgetLoss: 2.5 },
    x: { score: "forgetLoss", label: "cross-entropy on D_f (nats)" },
    y: [{ score: "testLoss", label: "test cross-entropy (nats)" }, test],
    reverseX: false,
    statistic: {
      name: "change of test cross-entropy",
      definition:
        "smallest test cross-entropy among rounds with a cross-entropy on D_f of 0.1 to 1.5, minus the first test cross-entropy, nats",
      better: "lower",
      decimals: 3,
    },
  },
};

/** An arm with some of its settings changed, to see what they do. */
export interface Variant {
  readonly arm: string;
  readonly settings: Readonly<Record<string, unknown>>;
}

function variantOf({ arm: name, settings }: Variant, arms: readonly Arm[]): Arm {
  const arm = arms.find((candidate) => candidate.name === name);
  if (arm === undefined) {
    throw new GpuError(
      `a variant of "${name}", which is not run; the arms are: ${arms.map((one) => one.name).join(", ")}.`,
    );
  }
  const changes = Object.entries(settings).map(
    ([key, value]) => `${key}=${typeof value === "string" ? value : JSON.stringify(value)}`,
  );
  return {
    ...arm,
    name: [name, ...changes].join(" "),
    settings: { ...arm.settings, ...settings },
    trials: [],
    tunedAs: arm.tunedAs ?? arm.name,
  };
}

/**
 * An experiment on a data set.
 *
 * @param options `published`: folder of the authors' predictors, for arms that use it; `only`: names of the
 *   arms to run; `variants`: more arms, each one of those with settings changed; `model`, `overrides`:
 *   another network than the compact CNN, and changes to the recipe.
 */
export function planOf(
  name: ExperimentName,
  data: Pick<DataConfig, "name" | "dir" | "size">,
  options: {
    size: Size;
    published?: string | undefined;
    only?: readonly string[] | undefined;
    variants?: readonly Variant[] | undefined;
    model?: ModelName | undefined;
    overrides?: Overrides | undefined;
  },
): Plan {
  const shape = shapes[name];
  const grey = isGrey(data.name);
  const { model = "small-cnn", overrides } = options;
  const protocol = protocolOf(name, options.size, data.name, model, overrides);
  const noRetained = name === "overfit";
  let chosen = arms(name, options.published, options.size, protocol).filter(
    (arm) => !(noRetained && needsRetained.has(arm.name)),
  );
  const { only } = options;
  if (only !== undefined) {
    const unknown = only.find((arm) => !chosen.some((known) => known.name === arm));
    if (unknown !== undefined) {
      throw new GpuError(
        `experiment ${name}: no arm "${unknown}"; there are: ${chosen.map((arm) => arm.name).join(", ")}.`,
      );
    }
    // `standard` measures against the retrained network, so that arm always runs.
    const all = chosen;
    chosen = all
      .filter((arm) => only.includes(arm.name) || (name === "standard" && arm.name === "retrain"))
      // Without the arm whose settings it would take over, an arm is tuned itself.
      .map((arm) => {
        if (arm.tunedAs === undefined || only.includes(arm.tunedAs)) return arm;
        const { tunedAs, ...own } = arm;
        return { ...own, trials: all.find((other) => other.name === tunedAs)!.trials };
      });
  }
  const scenario: TrainConfig["scenario"] =
    name === "backdoor"
      ? grey
        ? { name, share: 0.2, target: 0, width: 2, value: 255 }
        : { name, share: 0.2, target: 0, width: 1, value: 0 }
      : name === "overfit"
        ? { name }
        : { name, share: name === "standard" ? 0.5 : 0.2 };
  return {
    name,
    ...shape,
    endLost: options.size !== "tiny",
    scores: [shape.x, ...shape.y].map(({ score }) => score),
    arms: [...chosen, ...(options.variants ?? []).map((variant) => variantOf(variant, chosen))],
    train: (seed) => ({
      data: {
        ...data,
        ...(protocol.train === undefined ? {} : { trainCount: protocol.train }),
        ...(protocol.test === undefined ? {} : { testCount: protocol.test }),
      },
      scenario,
      ...protocol.recipe,
      seed,
    }),
  };
}
