/**
 * What a metric is: a number that says how well a network remembers or forgets, with its meaning.
 *
 * Three kinds: those a pass over a set adds up on the GPU are measured after every round, and so are those of images that
 * a network draws; those that need every image's logits once, at the end of a run. Reports, tables, CSV columns and axes follow from what a metric says of itself.
 */
import type { NetworkTask } from "../../models/network.ts";
import type { Totals } from "../feed/step-queue.ts";
import { UsageError } from "../errors.ts";
import type { Drawn } from "./drawn.ts";
import type { Logits } from "./logits.ts";
import type { Measurement } from "./measurement.ts";

/** What every metric says of itself. */
interface Described {
  /** What the networks are for that it measures; absent: classification. */
  readonly task?: NetworkTask;
  /** Key in scores, reports and CSV. */
  readonly name: string;
  readonly definition: string;
  readonly unit: Measurement["unit"];
  /** Which way is better; `reference`: the nearer to a network retrained without D_f. */
  readonly better: "higher" | "lower" | "reference";
  /** Where its column stands in tables, ascending; absent: at the end. */
  readonly place?: number;
}

/** What tables and axes say of a metric that is measured after every round. */
interface Shown {
  /** Column heading, short. */
  readonly title: string;
  /** What an axis says, without the unit. */
  readonly label: string;
}

/** A metric from the totals of one pass over a set. */
export interface TotalsMetric extends Described, Shown {
  readonly needs: "totals";
  /**
   * The set: `forget` and `retain` with the labels they were trained with, `forgetTrue` with the true labels of D_f where
   * those are others, `test`, or one that a scenario adds (`triggered`). Without the set there is no value.
   */
  readonly on: string;
  of(totals: Totals): number;
}

/** A metric of what a network of diffusion draws, where there is a grader. */
export interface DrawnMetric extends Described, Shown {
  readonly needs: "drawn";
  /** Undefined where D_f is none that it can be measured for. */
  of(drawn: Drawn): number | undefined;
}

/** A metric that is measured after every round. */
export type ScoreMetric = TotalsMetric | DrawnMetric;

/** A metric from the logits of whole sets. */
export interface LogitsMetric extends Described {
  readonly needs: "logits";
  readonly on: readonly string[];
  /** Its distance to the retrained network counts in the average gap. */
  readonly compared?: boolean;
  /** Where a report holds it: with the accuracies, or in all that the attack found; absent: with the others. */
  readonly part?: "accuracies" | "mia";
  of(logits: Logits): Measurement;
}

/** Any metric. */
export type Metric = ScoreMetric | LogitsMetric;

/** Declares a metric. */
export function defineMetric<M extends Metric>(metric: M): M {
  return metric;
}

/**
 * Metrics of a network by name, of those measured after every round: accuracies in %, losses in nats. Absent where the images to
 * measure them on are not at hand.
 */
export type Scores = Readonly<Record<string, number>>;

/** A score that must have been measured. @throws UsageError naming it. */
export function scoreOf(scores: Scores, name: string): number {
  const score = scores[name];
  if (score === undefined) {
    throw new UsageError(
      `"${name}" was not measured; there are: ${Object.keys(scores).join(", ") || "no scores"}.`,
    );
  }
  return score;
}
