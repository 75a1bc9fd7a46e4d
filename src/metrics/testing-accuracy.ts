/** TA: how much of the test set a network gets right. */
import { shareRight } from "./accuracy.ts";
import { defineMetric } from "./metric.ts";

const text = { name: "TA", definition: "share of the test samples classified as their class, %" };

export const testingAccuracy = defineMetric({
  ...text,
  unit: "%",
  better: "reference",
  needs: "logits",
  on: ["test"],
  place: 3,
  compared: true,
  part: "accuracies",
  of: (logits) => shareRight(logits, "test", text),
});
