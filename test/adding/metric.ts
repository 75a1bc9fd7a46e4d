import { defineMetric, metrics } from "../../src/index.ts";

/** From one pass over a set: a column of every table and of results.csv. */
export const testError = defineMetric({
  name: "testError",
  title: "test error %",
  label: "test error",
  definition: "share of the test images classified as another class, %",
  unit: "%",
  better: "lower",
  needs: "totals",
  on: "test",
  of: ({ accuracy }) => 100 - accuracy,
});

const text = {
  name: "doubt",
  definition: "mean entropy of the probabilities on D_f, nats",
  unit: "nats",
} as const;

/** From the logits of every image: measured once, at the end of a run. */
export const doubt = defineMetric({
  ...text,
  better: "reference",
  needs: "logits",
  on: ["forget"],
  of(logits) {
    const { entropy } = logits.samples("forget");
    const value = entropy.reduce((sum, one) => sum + one, 0) / entropy.length;
    return { ...text, value, n: entropy.length };
  },
});

metrics.add(testError);
metrics.add(doubt);
