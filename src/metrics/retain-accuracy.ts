/** Accuracy on D_r: what must not be forgotten. */
import { defineMetric } from "./metric.ts";

export const retainAccuracy = defineMetric({
  name: "retainAccuracy",
  title: "D_r %",
  label: "accuracy on D_r",
  definition: "share of the training images outside D_f classified as their label (RA), %",
  unit: "%",
  better: "higher",
  needs: "totals",
  on: "retain",
  place: 4,
  of: ({ accuracy }) => accuracy,
});
