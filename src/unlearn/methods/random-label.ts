/**
 * Random Label: fine-tune on D_f with labels drawn at random (Hayase et al., 2020), from all classes, as published.
 * The optimiser is that of SalUn's repository, which has the method as a baseline and there reads D_r as well; here it does
 * not.
 */
import { z } from "zod";
import { Owned, type Owner } from "../../gpu/owned.ts";
import { Random } from "../../random.ts";
import type { GpuDataset } from "../../feed/gpu-dataset.ts";
import type { BoundLaunches } from "../../train/trainer.ts";
import { relabellingArm } from "../arm.ts";
import { defineMethod, type UnlearnRequest } from "../method.ts";
import { decayingSgd, stepFields, StepSession, stepTrainer } from "../steps.ts";

/** Settings of Random Label; SalUn adds its mask to them. */
export const randomLabelFields = {
  ...stepFields,
  learningRate: z.number().positive().default(1e-3).describe("the learning rate of its steps"),
  optimizer: decayingSgd,
  labels: z
    .enum(["uniform", "wrong"])
    .default("uniform")
    .describe("uniform: labels from all classes; wrong: never the one the image was trained with"),
  redraw: z
    .enum(["epoch", "once"])
    .default("epoch")
    .describe("draw labels again each epoch, which pulls towards no class at all, or once"),
};

const schema = z.strictObject(randomLabelFields);

/** Labels for the images `items`; nothing reads those of the others. */
function drawLabels(
  original: Uint32Array,
  items: Uint32Array,
  classes: number,
  random: Random,
  how: "uniform" | "wrong",
): Uint32Array {
  const labels = original.slice();
  for (const item of items) {
    labels[item] =
      how === "uniform"
        ? random.int(classes)
        : (original[item]! + 1 + random.int(classes - 1)) % classes;
  }
  return labels;
}

/** A session that trains on D_f with random labels; `after`: what else each step does, which it takes over. */
export function randomLabelSession(
  method: string,
  request: Omit<UnlearnRequest, "retain">,
  settings: z.output<typeof schema>,
  after?: BoundLaunches & Owner,
): Promise<StepSession> {
  const { forget, seed } = request;
  const { items } = forget;
  const batch = Math.min(settings.batch, items.length);
  const { labels, redraw } = settings;
  return Owned.during(async (owned) => {
    if (after !== undefined) owned.add(after);
    const original = await readLabels(forget.data, items);
    const data = owned.add(await forget.data.withLabels(original));
    const trainer = await stepTrainer(request, data, items, { ...settings, batch }, { after });
    const beforeEpoch = (epoch: number): void => {
      const random = new Random(seed).fork(`labels ${redraw === "once" ? 0 : epoch}`);
      data.setLabels(drawLabels(original, items, data.classes, random, labels));
    };
    return new StepSession({
      ...settings,
      method,
      trainer,
      items,
      batch,
      seed,
      beforeEpoch,
      owned,
    });
  });
}

/** Labels of the images `items`, at their numbers; what is not theirs is 0. */
async function readLabels(
  { gpu, labels, count }: GpuDataset,
  items: Uint32Array,
): Promise<Uint32Array> {
  const [bytes] = await gpu.read({ buffer: labels, offset: 0, size: 4 * count });
  const all = new Uint32Array(bytes!);
  const own = new Uint32Array(count);
  for (const item of items) own[item] = all[item]!;
  return own;
}

export const randomLabel = defineMethod({
  name: "random-label",
  summary: "fine-tune on D_f with random labels",
  reads: "D_f",
  labels: true,
  relabels: true,
  arms: relabellingArm("random-label"),
  settings: schema,
  create: (request, settings) => randomLabelSession("random-label", request, settings),
});
