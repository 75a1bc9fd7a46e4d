/**
 * SSD, selective synaptic dampening (Foster, Schoepf, Brintrup, 2024): weights that weigh more on D_f than on all data are
 * made smaller. With the importances I_f and I, the mean squared gradients of the loss over D_f and over all data:
 * where I_f > α I, θ ← θ · min(λ I / I_f, 1).
 *
 * The gradient is of each image, as in the paper; the published code squares those of batches. A one-shot method: the
 * first round is the published one, and each after it starts from the original weights with α and λ divided by
 * `growth` once more, so that rounds draw its whole curve.
 */
import { z } from "zod";
import { Owned } from "../../gpu/owned.ts";
import { Bound } from "../../graph/bound.ts";
import { compile } from "../../graph/program.ts";
import { Random } from "../../random.ts";
import { Arena } from "../../weights/arena.ts";
import { sumOverImages } from "../gradients.ts";
import { defineMethod, retained, type Subset } from "../method.ts";
import { OneShotSession } from "../one-shot.ts";

export const ssd = defineMethod({
  name: "ssd",
  summary: "dampen the weights that weigh more on D_f than on all data",
  reads: "D_f and D_r",
  arms: ({ tiny, rounds }) => [
    {
      name: "ssd",
      method: "ssd",
      // Both fall from round to round: what is tuned is how many times α λ is.
      settings: { pictures: tiny ? 20 : 1000, alpha: 100, growth: 1.4 },
      trials: [1, 3, 10, 30, 100].map((lambda) => ({ lambda })),
      widens: ["lambda"],
      rounds: Math.min(30, rounds.epochs),
      hidden: true,
    },
  ],
  settings: z.strictObject({
    alpha: z
      .number()
      .positive()
      .default(10)
      .describe(
        "a weight is dampened where its importance for D_f is above so many times that for all",
      ),
    lambda: z.number().positive().default(1).describe("how far it is dampened: larger is less"),
    growth: z
      .number()
      .min(1)
      .default(1.5)
      .describe("what alpha and lambda are divided by from round to round"),
    pictures: z
      .number()
      .int()
      .min(1)
      .default(2000)
      .describe(
        "images of D_f and of D_r that importances are estimated on; all where there are fewer",
      ),
  }),
  async create(request, { alpha, lambda, growth, pictures }, watch) {
    const { forget, model, seed } = request;
    const retain = retained(request);
    const { gpu, parameters } = model;
    const some = ({ data, items }: Subset, name: string): Subset => {
      const shuffled = new Random(seed).fork(name).shuffle(Uint32Array.from(items));
      return { data, items: shuffled.slice(0, pictures) };
    };
    return Owned.during(async (owned) => {
      const importance = async (subset: Subset): Promise<{ sums: Arena; count: number }> => {
        const sums = owned.add(await sumOverImages(request, subset, "squares", 1, watch));
        return { sums, count: subset.items.length };
      };
      const own = await importance(some(forget, "pictures of D_f"));
      const rest = await importance(some(retain, "pictures of D_r"));
      const original = owned.add(await Arena.create(gpu, parameters.layout, "original weights"));
      gpu.submit((encoder) => original.copyFrom(parameters, encoder));
      const bound = owned.add(new Bound());
      const settings = await bound.zeros(gpu, "alpha and lambda", [2]);
      const all = forget.items.length + retain.items.length;
      const launches = model.slots.map((slot) => ({
        shader: "unlearn/dampen",
        constants: {
          N: slot.size,
          FORGET: own.count,
          RETAIN: rest.count,
          SHARE: forget.items.length / all,
        },
        bind: {
          original: bound.slot(original, slot),
          forget: bound.slot(own.sums, slot),
          retain: bound.slot(rest.sums, slot),
          settings,
          y: bound.slot(parameters, slot),
        },
        threads: slot.size,
      }));
      const { bindings } = bound;
      const program = owned.add(await compile(gpu, launches, { label: "dampening", bindings }));
      return new OneShotSession({
        ...{ method: "ssd", gpu, owned, program, bound, settings },
        of(round) {
          const fallen = growth ** -round;
          return new Uint32Array(Float32Array.of(alpha * fallen, lambda * fallen).buffer);
        },
      });
    });
  },
});
