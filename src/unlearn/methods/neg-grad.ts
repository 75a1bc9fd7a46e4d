/**
 * NegGrad: gradient ascent on D_f (Golatkar et al., 2020).
 *
 * The loss grows without bound: a plateau where the network still remembers, then collapse within few
 * steps. Small steps and a stop rule are part of the method; NaN ends it with an error.
 */
import { z } from "zod";
import { scale } from "../../ops/index.ts";
import { defineMethod } from "../method.ts";
import { plainSgd, stepFields, StepSession, stepTrainer } from "../steps.ts";

export const negGrad = defineMethod({
  name: "neg-grad",
  summary: "gradient ascent on D_f",
  reads: "D_f",
  // Once the plateau ends, all is lost within few steps: measured the more often the faster it goes.
  // Where D_f is learnt by heart its gradient is next to nothing, and only a high rate ever leaves.
  arms: ({ tiny, stepBatch, rounds }) => [
    {
      name: "neg-grad",
      method: "neg-grad",
      settings: { batch: stepBatch },
      trials: [
        { learningRate: 1e-3, stepsPerRound: 5 },
        { learningRate: 3e-3, stepsPerRound: 2 },
        { learningRate: 1e-2, stepsPerRound: 1 },
        { learningRate: 1e-1, stepsPerRound: 1 },
        { learningRate: 1, stepsPerRound: 1 },
      ],
      rounds: tiny ? rounds.epochs : 100,
    },
  ],
  drawingArms: ({ stepBatch, rounds }) => [
    {
      name: "neg-grad",
      method: "neg-grad",
      settings: { batch: stepBatch, learningRate: 0.01, stepsPerRound: 2 },
      trials: [],
      rounds: rounds.steps,
    },
  ],
  settings: z.strictObject({
    ...stepFields,
    learningRate: z.number().positive().default(1e-3).describe("the learning rate of its steps"),
    // Momentum would carry the plateau's direction into the collapse.
    optimizer: plainSgd,
  }),
  async create(request, settings) {
    const { data, items } = request.forget;
    const batch = Math.min(settings.batch, items.length);
    const trainer = await stepTrainer(
      request,
      data,
      items,
      { ...settings, batch },
      {
        objective: (descent) => ({ ...descent, minimise: scale(descent.loss, -1) }),
      },
    );
    return new StepSession({
      ...settings,
      method: "neg-grad",
      trainer,
      items,
      batch,
      seed: request.seed,
    });
  },
});
