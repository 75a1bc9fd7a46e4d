/** Fine-tune: keep training on D_r and let the rest fade. The cheapest baseline that needs D_r. */
import { z } from "zod";
import { sgdTrials, stepSettings } from "../arm.ts";
import { defineMethod, retained } from "../method.ts";
import { decayingSgd, stepFields, StepSession, stepTrainer } from "../steps.ts";

export const fineTune = defineMethod({
  name: "fine-tune",
  summary: "train on D_r only",
  reads: "D_r",
  arms: (context) => [
    {
      name: "fine-tune",
      method: "fine-tune",
      settings: stepSettings(context),
      trials: sgdTrials,
      rounds: Math.min(20, context.rounds.epochs),
      hidden: true,
    },
  ],
  drawingArms: ({ stepBatch, rounds }) => [
    {
      name: "fine-tune",
      method: "fine-tune",
      settings: { batch: stepBatch, learningRate: 0.01 },
      trials: [],
      rounds: Math.min(3, rounds.steps),
      hidden: true,
    },
  ],
  settings: z.strictObject({
    ...stepFields,
    learningRate: z.number().positive().default(0.01).describe("the learning rate of its steps"),
    optimizer: decayingSgd,
  }),
  async create(request, settings) {
    const { data, items } = retained(request);
    const batch = Math.min(settings.batch, items.length);
    const trainer = await stepTrainer(request, data, items, { ...settings, batch });
    return new StepSession({
      ...settings,
      method: "fine-tune",
      trainer,
      items,
      batch,
      seed: request.seed,
    });
  },
});
