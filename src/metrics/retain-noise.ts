/** Error of the noise that a network of diffusion finds in D_r. */
import { defineMetric } from "./metric.ts";

export const retainNoise = defineMetric({
  name: "retainNoise",
  task: "diffusion",
  title: "D_r noise error",
  label: "noise error on D_r",
  definition:
    "mean squared error of the noise found in D_r, whose variance is 1, at times drawn evenly",
  unit: "1",
  better: "lower",
  needs: "totals",
  on: "retain",
  place: 2,
  of: ({ loss }) => loss,
});
