/** Accuracy on D_f with its true labels, where it was trained with others: what unlearning repairs. */
import { defineMetric } from "./metric.ts";

export const forgetTrueAccuracy = defineMetric({
  name: "forgetTrueAccuracy",
  title: "D_f, true labels %",
  label: "accuracy on D_f, true labels",
  definition: "share of D_f classified as its true class, whatever its images were trained as, %",
  unit: "%",
  better: "higher",
  needs: "totals",
  on: "forgetTrue",
  place: 3,
  of: ({ accuracy }) => accuracy,
});
