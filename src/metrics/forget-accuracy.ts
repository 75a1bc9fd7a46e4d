/** Accuracy on D_f: what is left of what is to be forgotten. */
import { defineMetric } from "./metric.ts";

export const forgetAccuracy = defineMetric({
  name: "forgetAccuracy",
  title: "D_f %",
  label: "accuracy on D_f",
  definition:
    "share of D_f classified as the label it was trained with, %; unlearning accuracy UA is 100 - this",
  unit: "%",
  better: "reference",
  needs: "totals",
  on: "forget",
  place: 2,
  of: ({ accuracy }) => accuracy,
});
