/**
 * NegGrad+ (Kurmanji et al., 2023): descent on D_r and ascent on D_f at once. A step minimises
 * α CE(D_r) - (1 - α) CE(D_f), each the mean of a batch.
 *
 * An epoch passes once over D_r, in full batches; D_f is passed over again and again beside it. Departures from the
 * published code: D_f is in a new order each time, D_r's last batch is left out where it is not full, and batch norm
 * stays as it is.
 */
import { z } from "zod";
import { Owned } from "../../gpu/owned.ts";
import { Bound } from "../../graph/bound.ts";
import { applyOperation, type Operation } from "../../graph/graph.ts";
import type { Value } from "../../graph/value.ts";
import type { ImageFeed } from "../../feed/image-feed.ts";
import { softmaxCrossEntropy } from "../../ops/index.ts";
import type { Random } from "../../random.ts";
import { stepSettings } from "../arm.ts";
import { defineMethod, retained } from "../method.ts";
import { decayingSgd, stepFields, StepSession, stepTrainer } from "../steps.ts";

const leaveWeights: Operation<{ readonly KEEP: number; readonly LEAVE: number }> = {
  name: "leaveWeights",
  takes: { weights: "f32", marks: "u32", order: "u32", step: "u32" },
  shape: ([weights]) => weights!,
  forward: ({ inputs: [w, marks, order, step], y, attrs }) => [
    {
      shader: "unlearn/leave-weights",
      constants: { B: y.size, ...attrs },
      bind: { w: w!, marks: marks!, order: order!, step: step!, y },
      threads: y.size,
    },
  ],
};

/** The order of an epoch: steps of `keep` images of D_r and `leave` of D_f. */
function mixed(
  [retain, forget]: readonly [Uint32Array, Uint32Array],
  [keep, leave]: readonly [number, number],
  random: Random,
): Uint32Array {
  const steps = Math.floor(retain.length / keep);
  const order = new Uint32Array(steps * (keep + leave));
  const shuffled = random.shuffle(Uint32Array.from(retain));
  let left: readonly number[] = [];
  let passes = 0;
  for (let step = 0; step < steps; step++) {
    while (left.length < leave) {
      left = [...left, ...random.fork(`D_f ${passes++}`).shuffle(Uint32Array.from(forget))];
    }
    order.set(shuffled.subarray(step * keep, (step + 1) * keep), step * (keep + leave));
    order.set(left.slice(0, leave), step * (keep + leave) + keep);
    left = left.slice(leave);
  }
  return order;
}

export const negGradPlus = defineMethod({
  name: "neg-grad-plus",
  summary: "gradient descent on D_r and ascent on D_f at once",
  reads: "D_f and D_r",
  labels: true,
  arms: (context) => [
    {
      name: "neg-grad-plus",
      method: "neg-grad-plus",
      settings: stepSettings(context),
      trials: [
        { learningRate: 0.01, alpha: 0.95 },
        { learningRate: 0.01, alpha: 0.99 },
        { learningRate: 0.01, alpha: 0.999 },
        { learningRate: 0.03, alpha: 0.95 },
        { learningRate: 0.03, alpha: 0.99 },
      ],
      rounds: Math.min(20, context.rounds.epochs),
      hidden: true,
    },
  ],
  settings: z.strictObject({
    ...stepFields,
    learningRate: z.number().positive().default(0.01).describe("the learning rate of its steps"),
    optimizer: decayingSgd,
    batch: stepFields.batch
      .unwrap()
      .default(256)
      .describe("images of D_r a step, and as many of D_f"),
    alpha: z
      .number()
      .min(0)
      .max(1)
      .default(0.95)
      .describe("weight of the loss on D_r; the rest is that of the ascent on D_f"),
  }),
  async create(request, { alpha, ...settings }) {
    const { forget, model, seed } = request;
    const retain = retained(request);
    const keep = Math.min(settings.batch, retain.items.length);
    const leave = Math.min(settings.batch, forget.items.length);
    const batch = keep + leave;
    const items = Uint32Array.from([...retain.items, ...forget.items]).sort();
    const data = retain.data.only(items, "D_f and D_r");
    const length = Math.floor(retain.items.length / keep) * batch;
    return Owned.during(async (owned) => {
      const bound = owned.add(new Bound());
      const marked = new Uint32Array(data.count);
      for (const item of forget.items) marked[item] = 1;
      const marks = await bound.upload(model.gpu, "images of D_f", marked);
      // Rows weigh 1 / batch: so that those of either set weigh 1 / keep and 1 / leave.
      const factors = { KEEP: (alpha * batch) / keep, LEAVE: (-(1 - alpha) * batch) / leave };
      const trainer = await stepTrainer(
        request,
        data,
        items,
        { ...settings, batch },
        {
          longest: length,
          objective: (plain, feed, graph) => {
            const { labels, weights, queue } = feed as ImageFeed;
            const { order, step } = queue;
            graph.adopt(marks, order, step);
            const minimise = graph.build((): Value => {
              const signed = applyOperation(leaveWeights, [weights, marks, order, step], factors);
              return softmaxCrossEntropy(plain.built.output, labels, signed);
            });
            const bindings = new Map([...plain.built.bindings, ...bound.bindings]);
            return { ...plain, built: { ...plain.built, bindings }, minimise };
          },
        },
      );
      return new StepSession({
        ...settings,
        method: "neg-grad-plus",
        trainer,
        items,
        order: {
          length,
          draw: (random) => mixed([retain.items, forget.items], [keep, leave], random),
        },
        batch,
        seed,
        owned,
      });
    });
  },
});
