/**
 * SCRUB (Kurmanji et al., 2023): a student leaves its teacher on D_f and stays with it on D_r.
 *
 * The teacher is the original network, frozen. In the first `maxEpochs` an epoch passes over D_f, maximising
 * KL(teacher ‖ student), and every epoch over D_r, minimising α KL + γ CE; one optimiser does both, and its rate
 * falls to a tenth after the epochs `decayAfter`. Defaults are the authors' of their small networks.
 *
 * Before the first pass over D_f there is one over D_r more: where student and teacher are equal, KL and its gradient
 * are zero, and without dropout and with batch norm as it is the student would not leave. Which epoch is kept is the
 * stop rule's to say: the choice by the error on validation images (SCRUB+R) needs images like D_f.
 */
import { z } from "zod";
import { optimizerSchema } from "../../optim/index.ts";
import { memoryFields } from "../../train/memory.ts";
import { Owned } from "../../gpu/owned.ts";
import { add, scale } from "../../ops/index.ts";
import { Random } from "../../random.ts";
import { type StepOptions, taskTrainer } from "../../train/task-trainer.ts";
import type { Totals } from "../../feed/step-queue.ts";
import type { Trainer } from "../../train/trainer.ts";
import type { Watch } from "../../train/replay.ts";
import { rates } from "../arm.ts";
import {
  defineMethod,
  retained,
  type Round,
  type SessionState,
  type Subset,
  type UnlearnSession,
} from "../method.ts";
import { loadOptimizer, saveOptimizer } from "../optimizer-state.ts";
import { frozenNorm } from "../steps.ts";
import { distilled, type Distilled } from "../teacher.ts";

const schema = z.strictObject({
  learningRate: z.number().positive().default(5e-4).describe("the learning rate of its steps"),
  optimizer: optimizerSchema
    .default({ name: "adam", weightDecay: 0.1 })
    .describe("what takes the steps, with its settings"),
  batch: z.number().int().min(1).default(32).describe("images a step on D_r"),
  forgetBatch: z
    .number()
    .int()
    .min(1)
    .default(64)
    .describe("images a step on D_f; larger is gentler"),
  temperature: z
    .number()
    .positive()
    .default(2)
    .describe("what logits are divided by before teacher and student are compared"),
  alpha: z
    .number()
    .min(0)
    .default(0.5)
    .describe("weight of the distance to the teacher on D_r (KL divergence)"),
  gamma: z.number().min(0).default(1).describe("weight of the cross-entropy on D_r"),
  maxEpochs: z
    .number()
    .int()
    .min(0)
    .default(3)
    .describe("epochs that also pass over D_f, to leave the teacher there"),
  decayAfter: z
    .array(z.number().int().min(1))
    .default([5, 8, 9])
    .describe("epochs after each of which the learning rate falls to a tenth"),
  ...memoryFields,
});

interface Pass {
  readonly trainer: Trainer;
  readonly items: Uint32Array;
}

const mild = { name: "adam", weightDecay: 5e-4 } as const;

/** The passes over D_r and D_f. */
interface Passes {
  readonly keep: Pass;
  readonly forget: Pass;
}

/** Owns the trainers of its passes and the teacher. */
class ScrubSession implements UnlearnSession {
  readonly method = "scrub";
  readonly #settings: z.output<typeof schema>;
  readonly #keep: Pass;
  readonly #forget: Pass;
  readonly #seed: number;
  readonly #owned: Owned;
  #rounds = 0;
  #steps = 0;

  constructor(settings: z.output<typeof schema>, passes: Passes, seed: number, owned: Owned) {
    this.#settings = settings;
    this.#keep = passes.keep;
    this.#forget = passes.forget;
    this.#seed = seed;
    this.#owned = owned;
  }

  async round(watch: Watch): Promise<Round> {
    const random = new Random(this.#seed).fork(`scrub round ${this.#rounds}`);
    const { maxEpochs, decayAfter } = this.#settings;
    const falls = decayAfter.filter((epoch) => this.#rounds >= epoch).length;
    const learningRate = this.#settings.learningRate * 0.1 ** falls;
    const epochs: Totals[] = [];
    const run = async ({ trainer, items }: Pass, name: string): Promise<void> => {
      const stream = random.fork(name);
      const order = stream.shuffle(Uint32Array.from(items));
      epochs.push(await trainer.epoch({ order, learningRate, seed: stream.int(2 ** 31) }, watch));
    };
    if (this.#rounds < maxEpochs) {
      if (this.#rounds === 0) await run(this.#keep, "D_r first");
      await run(this.#forget, "D_f");
    }
    await run(this.#keep, "D_r");
    this.#rounds++;
    this.#steps += epochs.reduce((sum, epoch) => sum + epoch.steps, 0);
    return { round: this.#rounds, steps: this.#steps, epochs };
  }

  async save(): Promise<SessionState> {
    const optimizer = await saveOptimizer(this.#keep.trainer);
    return { round: this.#rounds, steps: this.#steps, ...optimizer };
  }

  load(state: SessionState): void {
    loadOptimizer(this.#keep.trainer, state);
    this.#rounds = state.round;
    this.#steps = state.steps;
  }

  destroy(): void {
    this.#owned.destroy();
  }

  [Symbol.dispose](): void {
    this.destroy();
  }
}

export const scrub = defineMethod({
  name: "scrub",
  summary: "leave the original network on D_f, stay with it on D_r (distillation)",
  reads: "D_f and D_r",
  labels: true,
  arms: ({ stepBatch, rounds }) => [
    {
      name: "scrub",
      method: "scrub",
      settings: { batch: stepBatch, forgetBatch: stepBatch },
      // The published decay of weights is strong; both with less of it, too.
      trials: [
        ...rates(1e-4, 5e-4, 2e-3),
        ...rates(5e-4, 2e-3).map((rate) => ({ ...rate, optimizer: mild })),
      ],
      // As many as were published; the rate has fallen to a thousandth.
      rounds: Math.min(10, rounds.epochs),
      hidden: true,
    },
  ],
  settings: schema,
  create(request, settings) {
    const { model, forget, seed } = request;
    const retain = retained(request);
    const { temperature, alpha, gamma } = settings;
    return Owned.during(async (owned) => {
      const teacher = owned.add(await model.clone("teacher"));
      const pass = async (
        { data, items }: Subset,
        batch: number,
        options: Pick<StepOptions, "sharing"> & Pick<Distilled, "weigh">,
      ): Promise<Pass> => {
        const step = { ...settings, batch: Math.min(batch, items.length) };
        const trainer = await taskTrainer(request, data, items.length, step, {
          norm: "frozen",
          rate: frozenNorm,
          sharing: options.sharing,
          objective: distilled(teacher, { temperature, weigh: options.weigh }),
        });
        return { trainer: owned.add(trainer), items };
      };
      const keep = await pass(retain, settings.batch, {
        weigh: (kl, ce) => add(scale(kl, alpha), scale(ce, gamma)),
      });
      const leave = await pass(forget, settings.forgetBatch, {
        weigh: (kl) => scale(kl, -1),
        sharing: keep.trainer,
      });
      return new ScrubSession(settings, { keep, forget: leave }, seed, owned);
    });
  },
});
