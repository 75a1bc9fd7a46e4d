/** How often a backdoor's signature still works. */
import { defineMetric } from "./metric.ts";

export const attackSuccess = defineMetric({
  name: "attackSuccess",
  title: "attack success %",
  label: "attack success",
  definition:
    "share of the test images of other classes that, with the signature, are classified as its target, %",
  unit: "%",
  better: "lower",
  needs: "totals",
  on: "triggered",
  place: 5,
  of: ({ accuracy }) => accuracy,
});
