/**
 * Fisher forgetting: noise of variance α / F, where F is the diagonal Fisher information of D_r
 * (Golatkar, Achille, Soatto, 2020): weights D_r does not need are washed out.
 *
 * F_i is the mean over images of sum over classes y of p(y) (∂ log p(y) / ∂θ_i)²: per image, since a batch's mean
 * gradient squared would be something else. A network of another task has the squared gradient of its loss instead.
 *
 * Variance, as in the published code: α · min(1 / (F + 1e-8), `cap`), averaged over a tensor's input axis, tenfold
 * in tensors of one axis; in the last layer with a tenth of the cap, and tenfold. A one-shot method: each round starts
 * from the original weights with the same noise and a larger α, so that rounds draw its whole curve.
 */
import { z } from "zod";
import { Arena, layerOf, type Slot } from "../../weights/arena.ts";
import { Bound } from "../../graph/bound.ts";
import { compile } from "../../graph/program.ts";
import { Owned } from "../../gpu/owned.ts";
import { Random } from "../../random.ts";
import { classification } from "../../tasks/classification.ts";
import { fisherSums, sumOverImages } from "../gradients.ts";
import { defineMethod, retained } from "../method.ts";
import { OneShotSession } from "../one-shot.ts";

const schema = z.strictObject({
  alpha: z
    .number()
    .positive()
    .default(1e-9)
    .describe("α of the first round: the noise on a weight has the variance α / F"),
  growth: z.number().min(1).default(2).describe("what α is multiplied by from round to round"),
  cap: z
    .number()
    .positive()
    .default(1e3)
    .describe(
      "the largest 1 / F that counts, where D_r does not need a weight; a tenth of it in the last layer",
    ),
  pictures: z
    .number()
    .int()
    .min(1)
    .default(2000)
    .describe(
      "images of D_r that the Fisher information F is estimated on; all where there are fewer",
    ),
  passes: z
    .number()
    .int()
    .min(1)
    .optional()
    .describe(
      "backward passes an image: without it one for each class, which is exact; fewer draw random signs, and F is right in the mean",
    ),
});

/** A tensor seen along its input axis; one of size 1 where it has none. */
function inputAxis({ shape, size, kind }: Slot): { outer: number; axis: number; inner: number } {
  if (shape.length < 2 || kind === "depthwise") return { outer: 1, axis: 1, inner: size };
  const [axis, inner] = shape.slice(-2) as [number, number];
  return { outer: size / axis / inner, axis, inner };
}

export const fisher = defineMethod({
  name: "fisher",
  summary: "noise on the weights D_r does not need (Fisher information)",
  reads: "D_r",
  arms: ({ tiny, rounds }) => [
    {
      name: "fisher",
      method: "fisher",
      settings: { pictures: tiny ? 20 : 500, passes: 10 },
      trials: [10, 100, 1e3, 1e4, 1e5].map((cap) => ({ cap })),
      widens: ["cap"],
      rounds: Math.min(30, rounds.epochs),
      hidden: true,
    },
  ],
  settings: schema,
  async create(request, settings, watch) {
    const { model, seed } = request;
    const { gpu, parameters } = model;
    const { data, items } = retained(request);
    const chosen = new Random(seed)
      .fork("fisher pictures")
      .shuffle(Uint32Array.from(items))
      .slice(0, settings.pictures);
    return Owned.during(async (owned) => {
      const part = { data, items: chosen };
      const { sums, count } =
        request.task.name === classification.name
          ? await fisherSums(request, part, settings.passes, seed, watch)
          : {
              sums: await sumOverImages(request, part, "squares", 1, watch),
              count: chosen.length,
            };
      owned.add(sums);
      const original = owned.add(await Arena.create(gpu, parameters.layout, "original weights"));
      gpu.submit((encoder) => original.copyFrom(parameters, encoder));
      const bound = owned.add(new Bound());
      const noise = await bound.zeros(gpu, "noise", [4], "u32");
      const { slots } = model;
      const last = `${layerOf(slots.at(-1)!)}.`;
      const inLast = ({ name }: Slot): boolean => name.startsWith(last);
      const variances = slots.map((slot) => {
        const { outer: OUTER, axis: AXIS, inner: INNER } = inputAxis(slot);
        const CAP = settings.cap / (inLast(slot) ? 10 : 1);
        return {
          shader: "unlearn/fisher-variance",
          constants: { OUTER, AXIS, INNER, COUNT: count, CAP },
          bind: { v: bound.slot(sums, slot) },
          threads: OUTER * INNER,
        };
      });
      const prepare = await compile(gpu, variances, {
        label: "fisher variances",
        bindings: bound.bindings,
      });
      prepare.run();
      await gpu.idle();
      prepare.destroy();
      let first = 0;
      const launches = slots.map((slot) => {
        const BOOST = inLast(slot) || slot.shape.length === 1 ? 10 : 1;
        const constants = { N: slot.size, FIRST: first, BOOST };
        first += slot.size;
        return {
          shader: "unlearn/fisher",
          constants,
          bind: {
            original: bound.slot(original, slot),
            variance: bound.slot(sums, slot),
            settings: noise,
            y: bound.slot(parameters, slot),
          },
          threads: slot.size,
        };
      });
      const { bindings } = bound;
      const program = owned.add(await compile(gpu, launches, { label: "fisher", bindings }));
      const noiseSeed = new Random(seed).fork("fisher noise").int(2 ** 31);
      return new OneShotSession({
        ...{ method: "fisher", gpu, owned, program, bound, settings: noise },
        of(round) {
          const words = Uint32Array.of(noiseSeed, 0, 0, 0);
          new Float32Array(words.buffer)[1] = settings.alpha * settings.growth ** round;
          return words;
        },
      });
    });
  },
});
