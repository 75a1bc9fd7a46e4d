/** Error of the noise that a network of diffusion finds in the test images. */
import { defineMetric } from "./metric.ts";

export const testNoise = defineMetric({
  name: "testNoise",
  task: "diffusion",
  title: "test noise error",
  label: "noise error on the test images",
  definition:
    "mean squared error of the noise found in the test images, whose variance is 1, at times drawn evenly",
  unit: "1",
  better: "lower",
  needs: "totals",
  on: "test",
  place: 3,
  of: ({ loss }) => loss,
});
