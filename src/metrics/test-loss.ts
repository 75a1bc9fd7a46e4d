/** Cross-entropy on the test images. */
import { defineMetric } from "./metric.ts";

export const testLoss = defineMetric({
  name: "testLoss",
  title: "test loss",
  label: "test cross-entropy",
  definition: "mean cross-entropy on the test images, nats",
  unit: "nats",
  better: "lower",
  needs: "totals",
  on: "test",
  place: 7,
  of: ({ loss }) => loss,
});
