/** Cross-entropy on D_f. */
import { defineMetric } from "./metric.ts";

export const forgetLoss = defineMetric({
  name: "forgetLoss",
  title: "D_f loss",
  label: "cross-entropy on D_f",
  definition: "mean cross-entropy on D_f with the labels it was trained with, nats",
  unit: "nats",
  better: "reference",
  needs: "totals",
  on: "forget",
  place: 6,
  of: ({ loss }) => loss,
});
