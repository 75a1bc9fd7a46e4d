/**
 * What a metric is: a number that says how well a network remembers or forgets, with its meaning.
 *
 * Two kinds: those a pass over a set adds up on the GPU are measured after every round, those that need every image's
 * logits once, at the end of a run. Reports, tables, CSV columns and axes follow from what a metric says of itself.
 */
import type { NetworkTask } from "../../models/network.ts";
import type { Totals } from "../feed/step-queue.ts";
import { UsageError } from "../errors.ts";
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

/** A metric from the totals of one pass over a set. */
export interface TotalsMetric extends Described {
  readonly needs: "totals";
  /**
   * The set: `forget` and `retain` with the labels they were trained with, `forgetTrue` with the true labels of D_f where
   * those are others, `test`, or one that a scenario adds (`triggered`). Without the set there is no value.
   */
  readonly on: string;
  /** Column heading, short. */
  readonly title: string;
  /** What an axis says, without the unit. */
  readonly label: string;
  of(totals: Totals): number;
}

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
export type Metric = TotalsMetric | LogitsMetric;

/** Declares a metric. */
export function defineMetric<M extends Metric>(metric: M): M {
  return metric;
}

/**
 * Metrics of a network by name, of those measured in a pass: accuracies in %, losses in nats. Absent where the images to
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
