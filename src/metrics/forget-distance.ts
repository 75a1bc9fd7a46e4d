/** How far drawn images lie from those to forget. */
import { defineMetric } from "./metric.ts";

export const forgetDistance = defineMetric({
  name: "forgetDistance",
  task: "diffusion",
  title: "KID to D_f",
  label: "KID to D_f",
  definition:
    "kernel inception distance of the drawn images to images of D_f, by what enters the grader's last layer, in units of its " +
    "root mean square over real images",
  unit: "1",
  better: "reference",
  needs: "drawn",
  of: ({ distances }) => distances.forget,
});
