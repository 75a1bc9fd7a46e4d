/**
 * Fisher forgetting: noise of variance α / F, where F is the diagonal Fisher information of D_r
 * (Golatkar, Achille, Soatto, 2020): weights D_r does not need are washed out.
 *
 * F_i is the mean over images of the squared gradient of -log p(label): per image, with the true label,
 * one forward and backward pass each (a batch's mean gradient squared would be something else). The
 * published code sums over all labels weighted by p, which costs as many passes an image as there are
 * classes; on a network that fits D_r both agree where p is near 1.
 *
 * Variance: α · min(1 / (F + 1e-8), `cap`), tenfold in the last layer. A one-shot method: each round starts
 * from the original weights with the same noise and a larger α, so that rounds draw its whole curve.
 */
import { z } from "zod";
import { Arena } from "../../weights/arena.ts";
import { Bound } from "../../graph/bound.ts";
import { compile, type Program } from "../../graph/program.ts";
import type { Value } from "../../graph/value.ts";
import { Owned } from "../../gpu/owned.ts";
import type { Model } from "../../nn/model.ts";
import { Random } from "../../random.ts";
import type { Watch } from "../../train/replay.ts";
import { sumOverImages } from "../gradients.ts";
import {
  defineMethod,
  retained,
  type Round,
  type SessionState,
  type UnlearnSession,
} from "../method.ts";

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
    .describe("the largest 1 / F that counts, where D_r does not need a weight"),
  pictures: z
    .number()
    .int()
    .min(1)
    .default(2000)
    .describe(
      "images of D_r that the Fisher information F is estimated on; all where there are fewer",
    ),
});

interface FisherParts {
  /** Of all parts. */
  readonly owned: Owned;
  readonly program: Program;
  readonly bound: Bound;
  /** Seed and α. */
  readonly noise: Value;
}

/** Owns its program, the original weights and the Fisher information. */
class FisherSession implements UnlearnSession {
  readonly method = "fisher";
  readonly #model: Model;
  readonly #settings: z.output<typeof schema>;
  readonly #parts: FisherParts;
  readonly #seed: number;
  #rounds = 0;

  constructor(model: Model, settings: z.output<typeof schema>, parts: FisherParts, seed: number) {
    this.#model = model;
    this.#settings = settings;
    this.#parts = parts;
    this.#seed = seed;
  }

  async round(_watch: Watch): Promise<Round> {
    const { gpu } = this.#model;
    const { alpha, growth } = this.#settings;
    const words = new Uint32Array(4);
    words[0] = new Random(this.#seed).fork("fisher noise").int(2 ** 31);
    new Float32Array(words.buffer)[1] = alpha * growth ** this.#rounds;
    const { program, bound, noise } = this.#parts;
    gpu.write(bound.at(noise).buffer, words);
    program.run();
    await gpu.idle();
    this.#rounds++;
    return { round: this.#rounds, steps: 0, epochs: [] };
  }

  async save(): Promise<SessionState> {
    return { round: this.#rounds, steps: 0, optimizerStep: 0, tensors: new Map() };
  }

  load(state: SessionState): void {
    this.#rounds = state.round;
  }

  destroy(): void {
    this.#parts.owned.destroy();
  }

  [Symbol.dispose](): void {
    this.destroy();
  }
}

export const fisher = defineMethod({
  name: "fisher",
  summary: "noise on the weights D_r does not need (Fisher information)",
  reads: "D_r",
  arms: ({ tiny, rounds }) => [
    {
      name: "fisher",
      method: "fisher",
      settings: { pictures: tiny ? 20 : 1000 },
      trials: [10, 100, 1e3, 1e4, 1e5].map((cap) => ({ cap })),
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
      const sums = owned.add(await sumOverImages(request, part, "squares", 1, watch));
      const original = owned.add(await Arena.create(gpu, parameters.layout, "original weights"));
      gpu.submit((encoder) => original.copyFrom(parameters, encoder));
      const bound = owned.add(new Bound());
      const noise = await bound.zeros(gpu, "noise", [4], "u32");
      const slots = model.slots.filter((slot) => slot.kind !== "norm");
      const last = slots.at(-1)!.name.replace(/[^.]*$/, "");
      let first = 0;
      const launches = slots.map((slot) => {
        const constants = {
          N: slot.size,
          FIRST: first,
          IMAGES: chosen.length,
          BOOST: slot.name.startsWith(last) ? 10 : 1,
          CAP: settings.cap,
        };
        first += slot.size;
        return {
          shader: "unlearn/fisher",
          constants,
          bind: {
            original: bound.slot(original, slot),
            f: bound.slot(sums, slot),
            settings: noise,
            y: bound.slot(parameters, slot),
          },
          threads: slot.size,
        };
      });
      const { bindings } = bound;
      const program = owned.add(await compile(gpu, launches, { label: "fisher", bindings }));
      return new FisherSession(model, settings, { owned, program, bound, noise }, seed);
    });
  },
});
