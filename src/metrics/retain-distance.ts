/** How far drawn images lie from those to keep. */
import { defineMetric } from "./metric.ts";

export const retainDistance = defineMetric({
  name: "retainDistance",
  task: "diffusion",
  title: "KID to D_r",
  label: "KID to D_r",
  definition:
    "kernel inception distance of the drawn images to images of D_r, by what enters the grader's last layer, in units of its " +
    "root mean square over real images",
  unit: "1",
  better: "lower",
  needs: "drawn",
  of: ({ distances }) => distances.retain,
});
