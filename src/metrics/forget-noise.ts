/** Error of the noise that a network of diffusion finds in D_f. */
import { defineMetric } from "./metric.ts";

export const forgetNoise = defineMetric({
  name: "forgetNoise",
  task: "diffusion",
  title: "D_f noise error",
  label: "noise error on D_f",
  definition:
    "mean squared error of the noise found in D_f, whose variance is 1, at times drawn evenly",
  unit: "1",
  better: "reference",
  needs: "totals",
  on: "forget",
  place: 1,
  of: ({ loss }) => loss,
});
