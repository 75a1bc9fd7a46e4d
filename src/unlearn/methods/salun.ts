/**
 * SalUn, D_f only: Random Label, but only on the weights D_f weighs on most (Fan et al., 2023). Published, it passes
 * over D_r as well after each pass over D_f.
 *
 * A label drawn is never the image's own, as in the paper; the published code draws from all classes.
 *
 * A weight is salient if the absolute value of its gradient, summed over D_f at the original network in
 * evaluation mode, is among the largest `ratio` of all weights (pooled over parameters; of equal values
 * the first). All others stay bit-identical: each step puts them back. Norm parameters are frozen and not
 * counted.
 */
import { z } from "zod";
import type { Arena } from "../../weights/arena.ts";
import { Restore, selectLargest } from "../../weights/mask.ts";
import { sumOverImages } from "../gradients.ts";
import { relabellingArm } from "../arm.ts";
import { defineMethod } from "../method.ts";
import { frozenNorm } from "../steps.ts";
import { randomLabelFields, randomLabelSession } from "./random-label.ts";

export const salun = defineMethod({
  name: "salun",
  summary: "SalUn, D_f only: other labels on D_f, on its most salient weights only",
  reads: "D_f",
  labels: true,
  relabels: true,
  arms: relabellingArm("salun"),
  settings: z.strictObject({
    ...randomLabelFields,
    labels: randomLabelFields.labels
      .unwrap()
      .default("wrong")
      .describe(randomLabelFields.labels.description!),
    ratio: z
      .number()
      .min(0)
      .max(1)
      .default(0.5)
      .describe("share of the weights that may change: those that D_f moves most"),
  }),
  async create(request, { ratio, ...settings }, watch) {
    const { model, forget } = request;
    const sums = await sumOverImages(request, forget, "gradients", settings.batch, watch);
    const slots = model.slots.filter((slot) => frozenNorm(slot) > 0);
    const total = slots.reduce((sum, slot) => sum + slot.size, 0);
    const { gpu, parameters } = model;
    let mask: Arena;
    try {
      mask = await selectLargest(gpu, sums, slots, Math.round(ratio * total));
    } finally {
      sums.destroy();
    }
    return randomLabelSession(
      "salun",
      request,
      settings,
      await Restore.create(gpu, parameters, mask),
    );
  },
});
