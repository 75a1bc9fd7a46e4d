/** RA: how much of D_r a network still gets right. */
import { shareRight } from "./accuracy.ts";
import { defineMetric } from "./metric.ts";

const text = { name: "RA", definition: "share of D_r classified as its label, %" };

export const retainingAccuracy = defineMetric({
  ...text,
  unit: "%",
  better: "reference",
  needs: "logits",
  on: ["retain"],
  place: 1,
  compared: true,
  part: "accuracies",
  of: (logits) => shareRight(logits, "retain", text),
});
