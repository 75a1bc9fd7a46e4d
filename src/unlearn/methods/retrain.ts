/**
 * Retrain: a new network trained on D_r alone with the settings of the old one, from the same pretrained
 * checkpoint if it had one. The gold standard every gap is measured to; the cost unlearning is there to avoid.
 */
import { z } from "zod";
import { augmentSchema } from "../../feed/augment.ts";
import { Owned } from "../../gpu/owned.ts";
import { optimizerSchema } from "../../optim/index.ts";
import { epochSteps } from "../../train/epochs.ts";
import { memoryFields } from "../../train/memory.ts";
import { shapingFields } from "../../train/settings.ts";
import { openWeights } from "../../io/open-tensors.ts";
import { readBytes } from "../../platform/files.ts";
import { taskTrainer } from "../../train/task-trainer.ts";
import { scheduleOf } from "../../train/schedule.ts";
import { defineMethod, retained } from "../method.ts";
import { StepSession } from "../steps.ts";

export const retrain = defineMethod({
  name: "retrain",
  summary: "train a new network on D_r with the settings of the old one (the reference)",
  reads: "D_r",
  reference: true,
  arms: ({ tiny, trainingEpochs }) => [
    {
      name: "retrain",
      method: "retrain",
      settings: { epochsPerRound: tiny || trainingEpochs % 10 !== 0 ? 1 : 10 },
      trials: [],
      rounds: 1000,
      hidden: true,
    },
  ],
  drawingArms: ({ trainingEpochs }) => [
    {
      name: "retrain",
      method: "retrain",
      // What it draws on the way is of no interest.
      settings: { epochsPerRound: trainingEpochs },
      trials: [],
      rounds: 1,
      hidden: true,
    },
  ],
  settings: z.strictObject({
    epochs: z.number().int().min(1).default(40).describe("epochs of the training in all"),
    epochsPerRound: z
      .number()
      .int()
      .min(1)
      .default(1)
      .describe("epochs after which scores are measured"),
    learningRate: z.number().positive().default(1e-3).describe("the largest learning rate"),
    ...shapingFields,
    schedule: shapingFields.schedule.default("cosine").describe("the learning rate over time"),
    optimizer: optimizerSchema
      .default({ name: "adam" })
      .describe("what takes the steps, with its settings"),
    batch: z.number().int().min(1).default(64).describe("images a step"),
    augment: augmentSchema.optional().describe("how images of a step are changed at random"),
    from: z
      .string()
      .optional()
      .describe(
        "checkpoint that it starts from, as the training of the old network did; without it new weights, or in a program those that `train` was given as `initial`",
      ),
    ...memoryFields,
  }),
  async create(request, settings) {
    const { model, seed } = request;
    const { data, items } = retained(request);
    const { from } = settings;
    const start = from === undefined ? undefined : await openWeights(await readBytes(from), from);
    const { batch, steps: perEpoch, dropLast } = epochSteps(model, items.length, settings.batch);
    return Owned.during(async (owned) => {
      const step = { ...settings, batch };
      const trainer = owned.add(
        await taskTrainer(request, data, items.length, step, { norm: "train" }),
      );
      // Weights of another draw than the old network's.
      model.initialise(seed + 1_000_003);
      if (start !== undefined) model.pretrain(start, { once: true });
      const steps = settings.epochs * perEpoch;
      const schedule = scheduleOf(settings, steps);
      return new StepSession({
        method: "retrain",
        trainer,
        items,
        batch,
        seed,
        dropLast,
        stepsPerRound: settings.epochsPerRound * perEpoch,
        learningRate: (step) => schedule(Math.min(step, steps)),
      });
    });
  },
});
