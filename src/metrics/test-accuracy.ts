/** Accuracy on the test images. */
import { defineMetric } from "./metric.ts";

export const testAccuracy = defineMetric({
  name: "testAccuracy",
  title: "test %",
  label: "test accuracy",
  definition: "share of the test images classified as their class (TA), %",
  unit: "%",
  better: "higher",
  needs: "totals",
  on: "test",
  place: 1,
  of: ({ accuracy }) => accuracy,
});
