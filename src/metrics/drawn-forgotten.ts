/** Whether the classes that are to be forgotten are still drawn. */
import { defineMetric } from "./metric.ts";

export const drawnForgotten = defineMetric({
  name: "drawnForgotten",
  task: "diffusion",
  title: "drawn of D_f's classes %",
  label: "drawn images of the classes to forget",
  definition:
    "share of the drawn images that the grader takes for a class of which D_f holds every image, %",
  unit: "%",
  better: "reference",
  needs: "drawn",
  of: ({ answers, forgotten }) =>
    forgotten.length === 0
      ? undefined
      : (100 * answers.filter((one) => forgotten.includes(one.class)).length) / answers.length,
});
