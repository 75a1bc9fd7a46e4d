/** UA: how much of D_f a network no longer answers as it was trained to. */
import { shareRight } from "./accuracy.ts";
import { defineMetric } from "./metric.ts";

const text = {
  name: "UA",
  definition: "share of D_f not classified as the label it was trained with, %",
};

export const unlearningAccuracy = defineMetric({
  ...text,
  unit: "%",
  better: "reference",
  needs: "logits",
  on: ["forget"],
  place: 2,
  compared: true,
  part: "accuracies",
  of: (logits) => shareRight(logits, "forget", { ...text, wrong: true }),
});
