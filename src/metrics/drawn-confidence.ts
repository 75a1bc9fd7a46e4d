/** Whether drawn images are of any class: what is drawn of none has not forgotten one class, but drawing. */
import { defineMetric } from "./metric.ts";

export const drawnConfidence = defineMetric({
  name: "drawnConfidence",
  task: "diffusion",
  title: "confidence of drawn %",
  label: "mean confidence in drawn images",
  definition: "mean probability of the class that the grader takes a drawn image for, %",
  unit: "%",
  better: "reference",
  needs: "drawn",
  of: ({ answers }) =>
    (100 * answers.reduce((sum, { confidence }) => sum + confidence, 0)) / answers.length,
});
