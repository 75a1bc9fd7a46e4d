/** Metrics by name: one file each, one line here. In this order scores are logged and CSV columns stand. */
import { z } from "zod";
import { entryKinds, Registry } from "../registry.ts";
import { attackSuccess } from "./attack-success.ts";
import { drawnConfidence } from "./drawn-confidence.ts";
import { drawnForgotten } from "./drawn-forgotten.ts";
import { drawnUnsure } from "./drawn-unsure.ts";
import { forgetAccuracy } from "./forget-accuracy.ts";
import { forgetDistance } from "./forget-distance.ts";
import { forgetLoss } from "./forget-loss.ts";
import { forgetNoise } from "./forget-noise.ts";
import { forgetTrueAccuracy } from "./forget-true-accuracy.ts";
import type { LogitsMetric, Metric, ScoreMetric } from "./metric.ts";
import { membershipInference } from "./mia.ts";
import { retainAccuracy } from "./retain-accuracy.ts";
import { retainDistance } from "./retain-distance.ts";
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
  drawnForgotten,
  forgetDistance,
  retainDistance,
  drawnConfidence,
  drawnUnsure,
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
  | "testNoise"
  | "drawnForgotten"
  | "forgetDistance"
  | "retainDistance"
  | "drawnConfidence"
  | "drawnUnsure";

const describedSchema = z.looseObject({
  definition: z.string(),
  unit: z.enum(["%", "points", "nats", "1"]),
  better: z.enum(["higher", "lower", "reference"]),
  of: entryKinds.function,
});

const shownSchema = describedSchema.extend({ title: z.string(), label: z.string() });

const metricSchema = z.discriminatedUnion(
  "needs",
  [
    shownSchema.extend({ needs: z.literal("totals"), on: z.string() }),
    shownSchema.extend({ needs: z.literal("drawn") }),
    describedSchema.extend({ needs: z.literal("logits"), on: z.array(z.string()).min(1) }),
  ],
  { error: 'expected "totals", "drawn" or "logits"' },
);

/** All metrics; `metrics.add(…)` has another one measured and reported. */
export const metrics: Registry<Metric> & { readonly [Name in Own]: Metric } = Object.assign(
  new Registry<Metric>("metric", Object.values(entries), metricSchema),
  entries,
);

/** Metrics measured after every round: the scores of a network that is for a task. */
export function scoreMetrics(task = "classification"): readonly ScoreMetric[] {
  return allScores().filter((metric) => (metric.task ?? "classification") === task);
}

/** Metrics measured after every round, whatever networks are for. */
export function allScores(): readonly ScoreMetric[] {
  return metrics.all.filter((metric) => metric.needs !== "logits");
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
export function scoreMetric(name: string): ScoreMetric {
  return new Registry("score", allScores()).find(name);
}

/** What an axis of a score says; numbers without a unit have "1" for one. */
export function axisLabel({ label, unit }: Pick<ScoreMetric, "label" | "unit">): string {
  return (unit as string) === "1" ? label : `${label} (${unit})`;
}

/** What each score is, written beside the numbers. */
export function scoreDefinitions(task?: string): Record<string, string> {
  return Object.fromEntries(scoreMetrics(task).map(({ name, definition }) => [name, definition]));
}
