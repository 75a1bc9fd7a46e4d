/** What methods made of optimiser steps share: settings, and a session that takes them. */
import { z } from "zod";
import { augmentSchema } from "../feed/augment.ts";
import { optimizerSchema } from "../optim/index.ts";
import { memoryFields } from "../train/memory.ts";
import type { Owner } from "../gpu/owned.ts";
import type { Slot } from "../weights/arena.ts";
import { Random } from "../random.ts";
import type { GpuDataset } from "../feed/gpu-dataset.ts";
import {
  type StepOptions,
  type StepSettings,
  type TaskModel,
  taskTrainer,
} from "../train/task-trainer.ts";
import type { Totals } from "../feed/step-queue.ts";
import type { Trainer } from "../train/trainer.ts";
import type { Watch } from "../train/replay.ts";
import type { Round, SessionState, UnlearnSession } from "./method.ts";
import { loadOptimizer, saveOptimizer } from "./optimizer-state.ts";

/** Settings of a method that takes optimiser steps. */
export const stepFields: typeof memoryFields & {
  readonly learningRate: z.ZodNumber;
  readonly optimizer: z.ZodDefault<typeof optimizerSchema>;
  readonly batch: z.ZodDefault<z.ZodNumber>;
  readonly stepsPerRound: z.ZodOptional<z.ZodNumber>;
  readonly augment: z.ZodOptional<typeof augmentSchema>;
} = {
  learningRate: z.number().positive().describe("the learning rate of its steps"),
  optimizer: optimizerSchema
    .default({ name: "sgd", momentum: 0.9 })
    .describe("what takes the steps, with its settings"),
  batch: z.number().int().min(1).default(256).describe("images a step"),
  stepsPerRound: z
    .number()
    .int()
    .min(1)
    .optional()
    .describe(
      "steps after which scores are measured and stop rules are tested; without it an epoch",
    ),
  augment: augmentSchema.optional().describe("how images of a step are changed at random"),
  ...memoryFields,
};

/** The optimiser of the methods whose published code has weight decay: those of SalUn's repository. */
export const decayingSgd: z.ZodDefault<typeof optimizerSchema> = optimizerSchema
  .default({ name: "sgd", momentum: 0.9, weightDecay: 5e-4 })
  .describe("what takes the steps, with its settings");

/** The optimiser of methods that are published without momentum. */
export const plainSgd: z.ZodDefault<typeof optimizerSchema> = optimizerSchema
  .default({ name: "sgd" })
  .describe("what takes the steps, with its settings");

/** Settings of methods that fine-tune on D_f, to learn which way the weights went. */
export const fineTuneFields: {
  readonly learningRate: z.ZodDefault<z.ZodNumber>;
  readonly optimizer: z.ZodDefault<typeof optimizerSchema>;
  readonly batch: z.ZodDefault<z.ZodNumber>;
} = {
  learningRate: z
    .number()
    .positive()
    .default(3e-4)
    .describe("the learning rate of the fine-tuning on D_f"),
  optimizer: optimizerSchema
    .default({ name: "adam" })
    .describe("what takes the steps of the fine-tuning, with its settings"),
  batch: z.number().int().min(1).default(256).describe("images a step"),
};

/** Learning-rate factor of methods that freeze batch norm, as the published ones on D_f do. */
export function frozenNorm(slot: Slot): number {
  return slot.kind === "norm" ? 0 : 1;
}

/** A trainer of a method: batch norm stays as it is. */
export function stepTrainer(
  network: TaskModel,
  data: GpuDataset,
  items: Uint32Array,
  settings: StepSettings,
  options: Pick<StepOptions, "after" | "objective"> & {
    /** Longest order list of an epoch, where that is not the items. */
    readonly longest?: number;
  } = {},
): Promise<Trainer> {
  const { longest = items.length, ...step } = options;
  return taskTrainer(network, data, longest, settings, {
    ...step,
    norm: "frozen",
    rate: frozenNorm,
  });
}

/** What a {@link StepSession} is made of. */
export interface StepParts {
  readonly method: string;
  readonly trainer: Trainer;
  /** Examples of an epoch, which passes over each once in an order of its own. */
  readonly items: Uint32Array;
  /** What an epoch passes over, where that is something else: how many examples, and their order. */
  readonly order?: { readonly length: number; readonly draw: (random: Random) => Uint32Array };
  readonly batch: number;
  readonly seed: number;
  readonly stepsPerRound?: number | undefined;
  /** Leave out an epoch's last batch where it is not full. */
  readonly dropLast?: boolean;
  /** For the epoch, or by step since the start. */
  readonly learningRate: number | ((step: number) => number);
  /** Called before the first step of each epoch, and again when a run resumes within it. */
  readonly beforeEpoch?: ((epoch: number) => void) | undefined;
  /** What else is freed with the session; the trainer is. */
  readonly owned?: Owner | undefined;
}

/** A method that takes steps on one set of examples, in a new seeded order each epoch. Owns its trainer. */
export class StepSession implements UnlearnSession {
  readonly method: string;
  readonly #parts: StepParts;
  readonly #perEpoch: number;
  #rounds = 0;
  #steps = 0;
  #prepared: number | undefined;

  constructor(parts: StepParts) {
    this.method = parts.method;
    this.#parts = parts;
    const batches = (parts.order?.length ?? parts.items.length) / parts.batch;
    this.#perEpoch = parts.dropLast === true ? Math.floor(batches) : Math.ceil(batches);
  }

  async round(watch: Watch): Promise<Round> {
    const { items, batch, seed, trainer, learningRate, beforeEpoch } = this.#parts;
    const { draw } = this.#parts.order ?? {};
    const epochs: Totals[] = [];
    let left = this.#parts.stepsPerRound ?? this.#perEpoch;
    const total = left;
    while (left > 0) {
      const epoch = Math.floor(this.#steps / this.#perEpoch);
      const done = this.#steps % this.#perEpoch;
      if (this.#prepared !== epoch) beforeEpoch?.(epoch);
      this.#prepared = epoch;
      // Each epoch's order depends on (seed, epoch) alone, so that a resumed run repeats it.
      const random = new Random(seed).fork(`epoch ${epoch}`);
      const order = draw?.(random) ?? random.shuffle(Uint32Array.from(items));
      const count = Math.min(left, this.#perEpoch - done);
      const first = this.#steps;
      const before = total - left;
      epochs.push(
        await trainer.epoch(
          {
            order: order.slice(done * batch, (done + count) * batch),
            learningRate:
              typeof learningRate === "number"
                ? learningRate
                : (step) => learningRate(first + step),
            seed: random.fork(`step ${done}`).int(2 ** 31),
          },
          {
            ...watch,
            progress: (steps) => watch.progress?.(before + steps, total),
          },
        ),
      );
      this.#steps += count;
      left -= count;
    }
    this.#rounds++;
    return { round: this.#rounds, steps: this.#steps, epochs };
  }

  async save(): Promise<SessionState> {
    return {
      round: this.#rounds,
      steps: this.#steps,
      ...(await saveOptimizer(this.#parts.trainer)),
    };
  }

  load(state: SessionState): void {
    loadOptimizer(this.#parts.trainer, state);
    this.#rounds = state.round;
    this.#steps = state.steps;
    this.#prepared = undefined;
  }

  destroy(): void {
    this.#parts.trainer.destroy();
    this.#parts.owned?.destroy();
  }

  [Symbol.dispose](): void {
    this.destroy();
  }
}
