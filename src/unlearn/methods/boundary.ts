/**
 * Boundary shrink (Chen et al., 2023): each image of D_f is moved across the nearest decision boundary
 * of the ORIGINAL network by one FGSM step, and the class it lands in becomes its label; then the network
 * is fine-tuned on the clean images with those labels.
 *
 * Departures from the published code: the FGSM sign is taken from the margin, whose gradient has the sign
 * of the cross-entropy's but does not vanish on memorised images; and with `excludeLabel` the label itself
 * is never the answer (where FGSM fails, it would be trained in deeper).
 */
import { z } from "zod";
import { UsageError } from "../../errors.ts";
import { Owned } from "../../gpu/owned.ts";
import { Bound } from "../../graph/bound.ts";
import { Graph } from "../../graph/graph.ts";
import { compile, type Program } from "../../graph/program.ts";
import { type Launch, Value } from "../../graph/value.ts";
import type { Model } from "../../nn/model.ts";
import type { GpuDataset } from "../../feed/gpu-dataset.ts";
import { ImageFeed } from "../../feed/image-feed.ts";
import { passRows } from "../../feed/step-queue.ts";
import { replay, type Watch } from "../../train/replay.ts";
import { relabellingArm } from "../arm.ts";
import { defineMethod, type Subset } from "../method.ts";
import { stepFields, StepSession, stepTrainer } from "../steps.ts";

const schema = z.strictObject({
  ...stepFields,
  learningRate: z.number().positive().default(1e-3).describe("the learning rate of its steps"),
  epsilon: z
    .number()
    .positive()
    .default(0.1)
    .describe("the step towards the nearest other class (FGSM), in pixel values from 0 to 1"),
  excludeLabel: z
    .boolean()
    .default(true)
    .describe("the class an image was trained with is never the nearest one"),
});

/** @throws UsageError for images that have no least and greatest value to stay between. */
function requireBytes({ floats }: Pick<GpuDataset, "floats">): void {
  if (!floats) return;
  throw new UsageError(
    "boundary moves images of bytes, which have a least and a greatest value; these are floats: choose another method.",
  );
}

/**
 * The data set with each image of the subset labelled by the class across its nearest boundary.
 *
 * @returns the same images with new labels; the caller frees it.
 */
export async function boundaryLabels(
  model: Model,
  { data, items }: Subset,
  options: { epsilon: number; excludeLabel: boolean; batch: number },
  watch: Watch = {},
): Promise<GpuDataset> {
  const { gpu } = model;
  requireBytes(data);
  const rows = Math.min(options.batch, items.length);
  return Owned.during(async (owned) => {
    const relabelled = owned.add(await data.withLabels(new Uint32Array(data.count)));
    const feed = await ImageFeed.create(data, { batch: rows, items: items.length });
    try {
      const program = await labelling(model, data, feed, relabelled, options);
      try {
        const pass = passRows(items.length, rows);
        feed.queue.load(items, pass);
        await replay(gpu, program, pass.length, watch);
      } finally {
        program.destroy();
      }
    } finally {
      feed.destroy();
    }
    return relabelled;
  });
}

/** A pass that writes the label of each image of a feed to where it belongs among the new labels. */
function labelling(
  model: Model,
  data: GpuDataset,
  feed: ImageFeed,
  relabelled: GpuDataset,
  { epsilon, excludeLabel }: { epsilon: number; excludeLabel: boolean },
): Promise<Program> {
  const { gpu } = model;
  const { order, step, batch } = feed.queue;
  const [height, width, channels] = data.image;
  const SIZE = height * width * channels;
  const bound = new Bound();
  const normalisation = bound.buffer("normalisation", data.normalisation);
  const all = bound.buffer("new labels", relabelled.labels, "u32");

  const clean = new Graph(gpu);
  const first = model.build(clean, [feed.x], "frozen");
  const z = first.output;
  const dz = new Value("margin gradient", z.shape, "f32", "planned");
  const constants = { B: batch, C: data.classes };
  const gradients = clean.backward(z, [feed.x], { cotangent: dz });
  const dx = gradients.of.get(feed.x)!;
  const adversarial = new Value("adversarial", feed.x.shape, "f32", "planned");
  const moved = new Graph(gpu);
  const second = model.build(moved, [adversarial], "frozen");
  const launches: Launch[] = [
    ...feed.launches,
    ...clean.forward(),
    {
      shader: "unlearn/margin",
      constants,
      bind: { z, labels: feed.labels, dz },
      threads: batch,
    },
    ...gradients.launches,
    {
      shader: "unlearn/fgsm",
      constants: { B: batch, SIZE, C: channels, EPSILON: epsilon },
      bind: { x: feed.x, dx, normalisation, y: adversarial },
      threads: batch * SIZE,
    },
    ...moved.forward(),
    {
      shader: "unlearn/nearest",
      constants: { ...constants, EXCLUDE: excludeLabel },
      bind: { z: second.output, labels: feed.labels, order, step, all },
      threads: batch,
    },
  ];
  return compile(gpu, launches, {
    label: "boundary labels",
    bindings: new Map([...feed.bindings, ...first.bindings, ...second.bindings, ...bound.bindings]),
  });
}

export const boundary = defineMethod({
  name: "boundary",
  summary: "fine-tune D_f towards the class across its nearest decision boundary",
  reads: "D_f",
  labels: true,
  relabels: true,
  arms: relabellingArm("boundary"),
  settings: schema,
  check: (_, subject) => requireBytes(subject),
  async create(request, settings, watch) {
    const { model, forget, seed } = request;
    const { items } = forget;
    const batch = Math.min(settings.batch, items.length);
    return Owned.during(async (owned) => {
      const data = owned.add(await boundaryLabels(model, forget, settings, watch));
      const trainer = await stepTrainer(request, data, items, { ...settings, batch });
      return new StepSession({
        ...settings,
        method: "boundary",
        trainer,
        items,
        batch,
        seed,
        owned,
      });
    });
  },
});
