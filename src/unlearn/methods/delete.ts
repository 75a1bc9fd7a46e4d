/**
 * DELETE, decoupled distillation to erase (Zhou et al., 2025): the network is taught by the ORIGINAL one, whose
 * logit at the image's label is taken away.
 *
 * Minimised is KL(m ‖ p), the mean over images: p the network's probabilities, m those of the original network
 * among the other classes. In the logits its gradient is p - m. Made for whole classes; here for any images of D_f.
 * Departure from the published code: batch norm stays as it is (there it is in training mode).
 */
import { z } from "zod";
import { Owned } from "../../gpu/owned.ts";
import { rates, relabellingArm } from "../arm.ts";
import { defineMethod } from "../method.ts";
import { stepFields, StepSession, stepTrainer } from "../steps.ts";
import { distilled } from "../teacher.ts";

export const deleteMethod = defineMethod({
  name: "delete",
  summary: "teach D_f what the original network says without the label (mask distillation)",
  reads: "D_f",
  labels: true,
  relabels: true,
  // At the lowest rate of the other relabelling methods it gained most.
  arms: relabellingArm("delete", rates(3e-4, 1e-3, 3e-3, 1e-2, 3e-2)),
  settings: z.strictObject({
    ...stepFields,
    learningRate: z.number().positive().default(1e-3).describe("the learning rate of its steps"),
  }),
  async create(request, settings) {
    const { model, forget, seed } = request;
    const { data, items } = forget;
    const batch = Math.min(settings.batch, items.length);
    return Owned.during(async (owned) => {
      const teacher = owned.add(await model.clone("teacher"));
      const objective = distilled(teacher, {
        temperature: 1,
        withoutLabel: true,
        weigh: (kl) => kl,
      });
      const step = { ...settings, batch };
      const trainer = await stepTrainer(request, data, items, step, { objective });
      return new StepSession({ ...settings, method: "delete", trainer, items, batch, seed, owned });
    });
  },
});
