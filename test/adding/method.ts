import { z } from "zod";
import {
  defineMethod,
  exp,
  methods,
  scale,
  stepFields,
  StepSession,
  stepSettings,
  stepTrainer,
} from "../../src/index.ts";

/** Gradient descent on exp(-loss), the probability of D_f's labels: ascent that ends by itself. */
export const boundedAscent = defineMethod({
  name: "bounded-ascent",
  summary: "lower the probability of D_f's labels",
  reads: "D_f",
  settings: z.strictObject({ ...stepFields, learningRate: z.number().positive().default(0.01) }),
  async create(request, settings) {
    const { data, items } = request.forget;
    const batch = Math.min(settings.batch, items.length);
    const trainer = await stepTrainer(
      request,
      data,
      items,
      { ...settings, batch },
      {
        objective: (descent) => ({
          ...descent,
          minimise: exp(scale(descent.loss, -1)),
        }),
      },
    );
    const { seed } = request;
    return new StepSession({ ...settings, method: "bounded-ascent", trainer, items, batch, seed });
  },
  // For `rewind experiment`: what competes, and the settings that tuning chooses from.
  arms: (context) => [
    {
      name: "bounded-ascent",
      method: "bounded-ascent",
      settings: stepSettings(context),
      trials: [{ learningRate: 0.01 }, { learningRate: 0.1 }],
      rounds: context.rounds.epochs,
    },
  ],
});

methods.add(boundedAscent);
