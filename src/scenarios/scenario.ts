/**
 * What a scenario is: what is wrong with the training data, which images are to be forgotten, and how an experiment on it
 * is run and judged.
 */
import type { z } from "zod";
import type { Copies } from "../data/copies.ts";
import type { Dataset } from "../data/dataset.ts";
import { requireDataset } from "../data/requirements.ts";
import { isPlain, shown } from "../checked.ts";
import { DataError, UsageError } from "../errors.ts";
import type { Scores } from "../metrics/metric.ts";
import type { SettingOption } from "../registry.ts";
import type { MetaTraining } from "./meta-training.ts";

/** Training data as a scenario leaves it. */
export interface Corrupted {
  /** Images as they are trained on, with their true labels. */
  readonly train: Dataset;
  /** Labels they are trained with, [count]. */
  readonly labels: Uint16Array<ArrayBuffer>;
  /** Image numbers of D_f and D_r, ascending. */
  readonly forget: Uint32Array<ArrayBuffer>;
  readonly retain: Uint32Array<ArrayBuffer>;
  /** Copies of images of D_f among the others, byte for byte; absent where nobody looked for them. */
  readonly copies?: readonly Copies[];
  /** Further sets to measure on, by the names that metrics give them. */
  readonly sets?: Readonly<Record<string, Dataset>>;
}

/** Names of the sets that every run has by itself. */
const ownSets: readonly string[] = ["forget", "retain", "test", "forgetTrue"];

/**
 * Checks further sets to measure on.
 *
 * @param what who gives them, for the error: "unlearn: images.sets".
 * @throws UsageError for what is no object of data sets, and for a name that a run gives a set of its own; DataError for
 *   images that do not hold together.
 */
export function requireFurtherSets(
  given: unknown,
  what: string,
): asserts given is Readonly<Record<string, Dataset>> {
  if (!isPlain(given)) {
    throw new UsageError(`${what}: expected an object of data sets by name, got ${shown(given)}.`);
  }
  for (const [name, set] of Object.entries(given)) {
    if (ownSets.includes(name)) {
      throw new UsageError(
        `${what}: a run has a set "${name}" by itself (${ownSets.join(", ")}); give this one another name.`,
      );
    }
    requireDataset(set, `${what}.${name}`);
  }
}

/** What a curve shows. */
export interface Axis {
  /** The metric. */
  readonly score: string;
  /** What the axis says instead of the metric's own label, without the unit. */
  readonly label?: string;
  /** Of a horizontal axis that rises: it ends at this many times the untouched network's score; what lies beyond is not drawn. */
  readonly reach?: number;
}

/** A run round by round, the untouched network first. */
export type Curve = readonly { readonly scores: Scores }[];

/** The number a run is judged by, read off its curve. */
export interface Statistic {
  readonly name: string;
  readonly definition: string;
  readonly better: "higher" | "lower";
  readonly decimals: number;
  /** Arms whose difference is shown to be smaller are called equal. */
  readonly margin: number;
  /**
   * What a run counts as that never gets as far; absent: as the worst on its seed.
   *
   * @param curve the run.
   */
  never?(curve: Curve): number;
  /**
   * Reads it.
   *
   * @param retrainedUa unlearning accuracy of the retrained network, %, where the experiment is measured against it.
   * @returns undefined where the curve does not get that far. One that begins there is read at its first point: experiments
   *   count it as one that does not get there, as there was nothing to forget.
   */
  of(curve: Curve, retrainedUa: number | undefined): number | undefined;
  /** Reads it off a network trained anew, which counts as it ends; absent: it has none. */
  ofRetrained?(curve: Curve): number | undefined;
}

/** How much is trained on in experiments for small machines, and how long. */
export interface ExperimentSizes {
  /** Images. */
  readonly train: number;
  readonly test: number;
  readonly epochs: number;
  readonly batch: number;
}

/** An experiment on a scenario. */
export interface Experiment {
  readonly title: string;
  /** Settings of the scenario for images of so many channels. */
  settings(channels: 1 | 3): Readonly<Record<string, unknown>>;
  /** The level of forgetting at which runs are compared, where a run goes on beyond it: the round that first gets there is
   *  measured there, too, so that no method gains by many small rounds. */
  readonly landing?: { reached(scores: Scores, start: Scores): boolean };
  /** Where a run ends besides its rounds, but not short of its `landing`; see `StopRules`. */
  readonly until: { readonly unlearningAccuracy?: number; readonly forgetLoss?: number };
  /** There is a D_r; without one, methods that read it do not compete. */
  readonly retains: boolean;
  /** Runs are measured against a network retrained on D_r: they end at its unlearning accuracy, UA, RA, TA and MIA are
   *  measured there, and the retrained network is always run first. */
  readonly againstRetrained: boolean;
  readonly x: Axis;
  readonly y: readonly Axis[];
  /** The curve goes from right to left: what x shows falls. */
  readonly reverseX: boolean;
  readonly statistic: Statistic;
  /** Scores at the end of a run that a table shows beside the statistic. */
  readonly endColumns: readonly {
    readonly score: string;
    readonly title: string;
    readonly decimals: number;
  }[];
  /** Sizes for small machines, of grey and of coloured images. */
  readonly scaled: Readonly<Record<"grey" | "colour", ExperimentSizes>>;
  /** At full size: share of the data set that is trained on, as it is; absent: all of it, augmented. */
  readonly trainedShare?: number;
  /** Steps after which methods of single steps are measured; absent: an epoch. */
  readonly stepsPerRound?: number;
}

/** A scenario by name. */
export interface Scenario<S extends z.ZodObject = z.ZodObject> {
  readonly name: string;
  /** One line for help. */
  readonly summary: string;
  /** Settings besides the name. */
  readonly settings: S;
  /** Those that commands take as options of their own; of one option several scenarios may declare the same. */
  readonly options?: readonly SettingOption[];
  /**
   * Makes the training data; `seed` decides everything random.
   *
   * @param chosen places of the images that D_f is to be; absent: the scenario draws them.
   * @throws DataError where the data cannot serve; UsageError where the settings cannot.
   */
  apply(
    train: Dataset,
    test: Dataset,
    settings: z.output<S>,
    seed: number,
    chosen?: Uint32Array,
  ): Corrupted;
  /** How `rewind experiment` runs it; absent: it is no experiment. */
  readonly experiment?: Experiment;
  /** How predictors are meta-trained on it, for its experiment; absent: they are not. */
  readonly metaTraining?: MetaTraining<S>;
}

/** Declares a scenario; infers the type of its settings. */
export function defineScenario<S extends z.ZodObject>(scenario: Scenario<S>): Scenario<S> {
  return scenario;
}

/** The share that a scenario draws D_f from. */
export const shareOption = {
  option: "share",
  value: "share",
  text: "share of the training images in D_f",
  settings: ["share"],
  takes: { min: 0, max: 0.99 },
  default: 0.2,
} as const satisfies SettingOption;

/**
 * How many images a share is.
 *
 * @throws DataError unless some are in it and some are not; UsageError where there is no share.
 */
export function amountOf(share: number | undefined, count: number): number {
  if (share === undefined) {
    throw new UsageError("nothing says which images are D_f: give a `share`, or name them.");
  }
  const amount = Math.round(share * count);
  if (amount < 1 || amount >= count) {
    throw new DataError(
      `a share of ${share} of ${count} images makes a D_f of ${amount}: it needs at least one image, ` +
        "and one must stay.",
    );
  }
  return amount;
}

/** A score of every round, with another: the points of a curve. */
export function pointsOf(curve: Curve, x: string, y: string): { x: number; y: number }[] {
  return curve.map(({ scores }) => ({ x: scores[x]!, y: scores[y]! }));
}
