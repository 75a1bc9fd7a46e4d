/**
 * Task Vector: fine-tune on D_f to θ_FT, then θ ← θ - λ (θ_FT - θ) (Ilharco et al., 2023), repeated.
 *
 * With `layers: "ranked"` each layer goes back by a share of λ of its own, see `layer-shares.ts`.
 *
 * A round's fine-tuning is that of the rewind method (same epochs, optimiser, learning rate), so that the
 * only difference is a straight line in place of a prediction.
 */
import { z } from "zod";
import { augmentSchema } from "../../feed/augment.ts";
import { memoryFields } from "../../train/memory.ts";
import { Arena, type ParameterKind, parameterKinds } from "../../weights/arena.ts";
import { Combination } from "../../weights/combine.ts";
import { Owned } from "../../gpu/owned.ts";
import type { Model } from "../../nn/model.ts";
import type { Watch } from "../../train/replay.ts";
import { windowTuning } from "../arm.ts";
import { layerChoice, LayerShares, layersText } from "../layer-shares.ts";
import { defineMethod, type Round, type SessionState, type UnlearnSession } from "../method.ts";
import { fineTuneFields, StepSession, stepTrainer } from "../steps.ts";

const schema = z.strictObject({
  ...fineTuneFields,
  augment: augmentSchema.optional().describe("how images of a step are changed at random"),
  ...memoryFields,
  epochs: z.number().int().min(1).default(15).describe("epochs of fine-tuning a round"),
  lambda: z
    .union([z.number(), z.partialRecord(z.enum(parameterKinds), z.number())])
    .default(1)
    .describe(
      "how far to go back, in units of what fine-tuning moved; an object has a number for each kind of parameter",
    ),
  layers: layerChoice.default("equal").describe(layersText),
});

/** Owns its trainer and the weights a round starts from. */
class TaskVectorSession implements UnlearnSession {
  readonly method = "task-vector";
  readonly #model: Model;
  readonly #owned: Owned;
  readonly #tuning: StepSession;
  readonly #start: Arena;
  readonly #layers: LayerShares | undefined;
  /** Of the start and the fine-tuned weights. */
  readonly #line: Combination;
  readonly #lambda: (kind: ParameterKind) => number;

  constructor(
    model: Model,
    parts: {
      readonly owned: Owned;
      readonly tuning: StepSession;
      readonly start: Arena;
      readonly line: Combination;
      readonly layers: LayerShares | undefined;
    },
    lambda: (kind: ParameterKind) => number,
  ) {
    this.#model = model;
    this.#owned = parts.owned;
    this.#tuning = parts.tuning;
    this.#start = parts.start;
    this.#line = parts.line;
    this.#layers = parts.layers;
    this.#lambda = lambda;
  }

  async round(watch: Watch): Promise<Round> {
    const { gpu, parameters } = this.#model;
    gpu.submit((encoder) => this.#start.copyFrom(parameters, encoder));
    const round = await this.#tuning.round(watch);
    const shares = await this.#layers?.measure();
    this.#line.run((kind, slot) => -this.#lambda(kind) * (shares?.(slot) ?? 1));
    await gpu.idle();
    return round;
  }

  save(): Promise<SessionState> {
    return this.#tuning.save();
  }

  load(state: SessionState): void {
    this.#tuning.load(state);
  }

  destroy(): void {
    this.#owned.destroy();
  }

  [Symbol.dispose](): void {
    this.destroy();
  }
}

/** About as far as a line through the window goes in three epochs, and four times as far. */
export const lambdaTrials = [0.25, 1] as const;

export const taskVector = defineMethod({
  name: "task-vector",
  summary: "fine-tune on D_f, then go λ times as far the other way",
  reads: "D_f",
  arms(context) {
    const { window, rounds } = context;
    // Of a window only what a method without one has as well.
    const { warmupEpochs: _, trailingEpoch: __, ...settings } = window;
    const common = {
      method: "task-vector",
      ...windowTuning(context, "lambda", lambdaTrials),
      rounds: rounds.windows,
    };
    return [
      { ...common, name: "task-vector", settings, planned: true },
      {
        ...common,
        name: "task-vector-layers",
        settings: { ...settings, layers: "ranked" },
        hidden: true,
      },
    ];
  },
  drawingArms({ window, rounds }) {
    const name = "task-vector";
    return [
      {
        ...{ name, method: name, settings: { ...window, lambda: 0.5 } },
        ...{ trials: [], rounds: rounds.windows },
      },
    ];
  },
  settings: schema,
  async create({ model, task, forget, seed }, settings) {
    const { data, items } = forget;
    const { learningRate, epochs, lambda, layers } = settings;
    const batch = Math.min(settings.batch, items.length);
    const stepsPerRound = epochs * Math.ceil(items.length / batch);
    const { gpu, parameters } = model;
    return Owned.during(async (owned) => {
      const trainer = await stepTrainer({ model, task }, data, items, { ...settings, batch });
      const session = { method: "task-vector", items, batch, seed, stepsPerRound, learningRate };
      const tuning = owned.add(new StepSession({ ...session, trainer }));
      const start = owned.add(await Arena.create(gpu, parameters.layout, "start of the round"));
      const line = owned.add(await Combination.create(gpu, start, parameters));
      const shares =
        layers === "ranked"
          ? owned.add(await LayerShares.create(gpu, start, parameters))
          : undefined;
      const parts = { owned, tuning, start, line, layers: shares };
      return new TaskVectorSession(model, parts, (kind) =>
        typeof lambda === "number" ? lambda : (lambda[kind] ?? 1),
      );
    });
  },
});
