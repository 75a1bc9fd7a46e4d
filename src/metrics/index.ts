/** Metrics by name: one file each, one line here. In this order scores are logged and CSV columns stand. */
import { z } from "zod";
import { entryKinds, Registry } from "../registry.ts";
import { attackSuccess } from "./attack-success.ts";
import { forgetAccuracy } from "./forget-accuracy.ts";
import { forgetLoss } from "./forget-loss.ts";
import { forgetNoise } from "./forget-noise.ts";
import { forgetTrueAccuracy } from "./forget-true-accuracy.ts";
import type { LogitsMetric, Metric, TotalsMetric } from "./metric.ts";
import { membershipInference } from "./mia.ts";
import { retainAccuracy } from "./retain-accuracy.ts";
import { retainNoise } from "./retain-noise.ts";
import { retainingAccuracy } from "./retaining-accuracy.ts";
import { testAccuracy } from "./test-accuracy.ts";
import { testLoss } from "./test-loss.ts";
import { testNoise } from "./test-noise.ts";
import { testingAccuracy } from "./testing-accuracy.ts";
import { unlearningAccuracy } from "./unlearning-accuracy.ts";

const entries = {
  forgetAccuracy,
  forgetLoss,
  forgetTrueAccuracy,
  retainAccuracy,
  testAccuracy,
  testLoss,
  attackSuccess,
  unlearningAccuracy,
  retainingAccuracy,
  testingAccuracy,
  membershipInference,
  forgetNoise,
  retainNoise,
  testNoise,
};

/** Properties of {@link metrics}. */
type Own =
  | "forgetAccuracy"
  | "forgetLoss"
  | "forgetTrueAccuracy"
  | "retainAccuracy"
  | "testAccuracy"
  | "testLoss"
  | "attackSuccess"
  | "unlearningAccuracy"
  | "retainingAccuracy"
  | "testingAccuracy"
  | "membershipInference"
  | "forgetNoise"
  | "retainNoise"
  | "testNoise";

const describedSchema = z.looseObject({
  definition: z.string(),
  unit: z.enum(["%", "points", "nats", "1"]),
  better: z.enum(["higher", "lower", "reference"]),
  of: entryKinds.function,
});

const metricSchema = z.discriminatedUnion(
  "needs",
  [
    describedSchema.extend({
      needs: z.literal("totals"),
      on: z.string(),
      title: z.string(),
      label: z.string(),
    }),
    describedSchema.extend({ needs: z.literal("logits"), on: z.array(z.string()).min(1) }),
  ],
  { error: 'expected "totals" or "logits"' },
);

/** All metrics; `metrics.add(…)` has another one measured and reported. */
export const metrics: Registry<Metric> & { readonly [Name in Own]: Metric } = Object.assign(
  new Registry<Metric>("metric", Object.values(entries), metricSchema),
  entries,
);

/** Metrics of passes, measured after every round: the scores of a network that is for a task. */
export function scoreMetrics(task = "classification"): readonly TotalsMetric[] {
  return totalsMetrics().filter((metric) => (metric.task ?? "classification") === task);
}

/** Metrics of passes, whatever networks are for. */
export function totalsMetrics(): readonly TotalsMetric[] {
  return metrics.all.filter((metric) => metric.needs === "totals");
}

/** Metrics of logits, measured at the end. */
export function finalMetrics(): readonly LogitsMetric[] {
  return metrics.all.filter((metric) => metric.needs === "logits");
}

/** Metrics in the order of their columns. */
export function inPlace<M extends Metric>(some: readonly M[]): readonly M[] {
  const placeOf = ({ place = Infinity }: M): number => place;
  return [...some].sort((a, b) => (placeOf(a) < placeOf(b) ? -1 : placeOf(a) > placeOf(b) ? 1 : 0));
}

/** The metric of a score. @throws UsageError if there is none of that name. */
export function scoreMetric(name: string): TotalsMetric {
  return new Registry("score", totalsMetrics()).find(name);
}

/** What an axis of a score says. */
export function axisLabel({ label, unit }: Pick<TotalsMetric, "label" | "unit">): string {
  return `${label} (${unit})`;
}

/** What each score is, written beside the numbers. */
export function scoreDefinitions(task?: string): Record<string, string> {
  return Object.fromEntries(scoreMetrics(task).map(({ name, definition }) => [name, definition]));
}
