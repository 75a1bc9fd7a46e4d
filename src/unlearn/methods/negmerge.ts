/**
 * NegMerge (Kim, Han, Choe, 2025): several task vectors, of fine-tunings on D_f with different settings; only what all of
 * them agree on in its sign is taken, as their mean, 0 elsewhere: θ ← θ - λ τ.
 *
 * The fine-tunings differ in their learning rate (`factors`) and in their order of images. Departures: three of them
 * where the paper merges the ten to thirty of its search, and rounds, each from where the last one ended.
 */
import { z } from "zod";
import { augmentSchema } from "../../feed/augment.ts";
import { Owned } from "../../gpu/owned.ts";
import { Bound } from "../../graph/bound.ts";
import { elementwise } from "../../graph/elementwise.ts";
import { compile, type Program } from "../../graph/program.ts";
import type { Model } from "../../nn/model.ts";
import { memoryFields } from "../../train/memory.ts";
import type { Trainer } from "../../train/trainer.ts";
import type { Watch } from "../../train/replay.ts";
import { Arena } from "../../weights/arena.ts";
import { Combination } from "../../weights/combine.ts";
import { windowTuning } from "../arm.ts";
import { defineMethod, type Round, type SessionState, type UnlearnSession } from "../method.ts";
import { fineTuneFields, StepSession, stepTrainer } from "../steps.ts";
import { lambdaTrials } from "./task-vector.ts";

const schema = z.strictObject({
  ...fineTuneFields,
  augment: augmentSchema.optional().describe("how images of a step are changed at random"),
  ...memoryFields,
  epochs: z.number().int().min(1).default(15).describe("epochs of each fine-tuning"),
  factors: z
    .array(z.number().positive())
    .min(1)
    .default([0.3, 1, 3])
    .describe("one fine-tuning each, at so many times the learning rate"),
  lambda: z
    .number()
    .default(1)
    .describe("how far to go back, in units of the mean of the moves that agree"),
});

interface NegMergeParts {
  /** Of all parts. */
  readonly owned: Owned;
  readonly trainer: Trainer;
  /** A round of it is one fine-tuning. */
  readonly tuning: StepSession;
  readonly start: Arena;
  /** Takes up the first fine-tuning of a round, and the others. */
  readonly first: Program;
  readonly next: Program;
  /** Of the sum of the moves that agree, and the weights. */
  readonly line: Combination;
}

/** Owns its parts. */
class NegMergeSession implements UnlearnSession {
  readonly method = "negmerge";
  readonly #model: Model;
  readonly #settings: z.output<typeof schema>;
  readonly #parts: NegMergeParts;

  constructor(model: Model, settings: z.output<typeof schema>, parts: NegMergeParts) {
    this.#model = model;
    this.#settings = settings;
    this.#parts = parts;
  }

  async round(watch: Watch): Promise<Round> {
    const { gpu, parameters } = this.#model;
    const { factors, lambda } = this.#settings;
    const { trainer, tuning, start, first, next, line } = this.#parts;
    gpu.submit((encoder) => start.copyFrom(parameters, encoder));
    const rounds: Round[] = [];
    for (const which of factors.keys()) {
      trainer.resetOptimizer();
      const progress = (done: number, total: number): void =>
        watch.progress?.(which * total + done, factors.length * total);
      rounds.push(await tuning.round({ ...watch, progress }));
      (which === 0 ? first : next).run();
    }
    line.run({ a: -lambda / factors.length, b: 1 });
    await gpu.idle();
    const { round, steps } = rounds.at(-1)!;
    const epochs = rounds.flatMap((one) => one.epochs);
    return { round: round / factors.length, steps, epochs };
  }

  async save(): Promise<SessionState> {
    const state = await this.#parts.tuning.save();
    return { ...state, round: state.round / this.#settings.factors.length };
  }

  load(state: SessionState): void {
    this.#parts.tuning.load({ ...state, round: state.round * this.#settings.factors.length });
  }

  destroy(): void {
    this.#parts.owned.destroy();
  }

  [Symbol.dispose](): void {
    this.destroy();
  }
}

export const negmerge = defineMethod({
  name: "negmerge",
  summary: "several fine-tunings on D_f; go the other way where their signs agree",
  reads: "D_f",
  arms(context) {
    const { tiny, window, rounds } = context;
    // Of a window only what a method without one has as well.
    const { warmupEpochs: _, trailingEpoch: __, ...settings } = window;
    return [
      {
        name: "negmerge",
        method: "negmerge",
        settings: { ...settings, ...(tiny ? { epochs: 2 } : {}) },
        ...windowTuning(context, "lambda", lambdaTrials),
        rounds: rounds.windows,
      },
    ];
  },
  settings: schema,
  async create(request, settings) {
    const { model, forget, seed } = request;
    const { data, items } = forget;
    const { learningRate, epochs, factors } = settings;
    const batch = Math.min(settings.batch, items.length);
    const stepsPerRound = epochs * Math.ceil(items.length / batch);
    const { gpu, parameters } = model;
    return Owned.during(async (owned) => {
      const trainer = await stepTrainer(request, data, items, { ...settings, batch });
      const tuning = owned.add(
        new StepSession({
          ...{ method: "negmerge", trainer, items, batch, seed, stepsPerRound },
          learningRate: (step) =>
            learningRate * factors[Math.floor(step / stepsPerRound) % factors.length]!,
        }),
      );
      const start = owned.add(await Arena.create(gpu, parameters.layout, "start of the round"));
      const sum = owned.add(await Arena.create(gpu, parameters.layout, "moves that agree"));
      const line = owned.add(await Combination.create(gpu, sum, parameters));
      const bound = new Bound();
      const consensus = async (FIRST: boolean): Promise<Program> => {
        const launches = parameters.layout.shards.map((floats, shard) =>
          elementwise(gpu.tuning, { shader: "weights/consensus", constants: { FIRST } }, floats, {
            x: bound.shard(start, shard),
            y: bound.shard(parameters, shard),
            sum: bound.shard(sum, shard),
          }),
        );
        const { bindings } = bound;
        return owned.add(await compile(gpu, launches, { label: "consensus of moves", bindings }));
      };
      const [first, next] = [await consensus(true), await consensus(false)];
      const parts = { owned, trainer, tuning, start, first, next, line };
      return new NegMergeSession(model, settings, parts);
    });
  },
});
