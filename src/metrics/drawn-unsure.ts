/** How many drawn images are of no class for sure. */
import { defineMetric } from "./metric.ts";

/** Probability of the likeliest class below which a drawn image is of none for sure. */
export const leastConfidence = 0.6;

export const drawnUnsure = defineMetric({
  name: "drawnUnsure",
  task: "diffusion",
  title: "unsure of drawn %",
  label: "drawn images of no class for sure",
  definition: `share of the drawn images whose likeliest class has a probability below ${leastConfidence}, %`,
  unit: "%",
  better: "lower",
  needs: "drawn",
  of: ({ answers }) =>
    (100 * answers.filter(({ confidence }) => confidence < leastConfidence).length) /
    answers.length,
});
