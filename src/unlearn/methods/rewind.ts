/**
 * Rewind: Algorithm 1 of Jang, Kim and Youn (AAAI 2025).
 *
 * A round fine-tunes on D_f and records K snapshots of the weights, then replaces the weights by what
 * the predictor says they were before. The published script's variant is a matter of settings:
 * 2 unrecorded epochs first, a K-th epoch after the last snapshot (overwritten by the prediction), Adam
 * at 1e-6 whose state is kept from round to round, frozen batch norm.
 */
import { z } from "zod";
import { augmentSchema } from "../../feed/augment.ts";
import { memoryFields } from "../../train/memory.ts";
import {
  Arena,
  type ParameterKind,
  parameterKinds,
  type ParameterSpec,
} from "../../weights/arena.ts";
import { Combination } from "../../weights/combine.ts";
import { RandomDirection } from "../../weights/direction.ts";
import { UsageError } from "../../errors.ts";
import { Owned } from "../../gpu/owned.ts";
import { loadPredictor } from "../../predictors/index.ts";
import { linearPredictor } from "../../predictors/linear.ts";
import { PredictionError, requireAim, requireServed, Rewinder } from "../../predictors/rewinder.ts";
import type { Predictor } from "../../predictors/predictor.ts";
import type { ModelSpec } from "../../nn/model.ts";
import { Random } from "../../random.ts";
import { listed } from "../../registry.ts";
import type { Totals } from "../../feed/step-queue.ts";
import type { Trainer } from "../../train/trainer.ts";
import type { Watch } from "../../train/replay.ts";
import { Trajectory } from "../../weights/trajectory/record.ts";
import {
  linearRewindArms,
  linearRewindDrawingArms,
  rewindArms,
  rewindDrawingArms,
} from "../rewind-arms.ts";
import {
  defineMethod,
  type Recording,
  requireClasses,
  requireTask,
  type Round,
  type SessionState,
  type Subject,
  type UnlearnSession,
  type UnlearnRequest,
} from "../method.ts";
import { loadOptimizer, saveOptimizer } from "../optimizer-state.ts";
import { ForgetGradients } from "../forget-gradients.ts";
import { layerChoice, LayerShares, layersText } from "../layer-shares.ts";
import { fineTuneFields, stepTrainer } from "../steps.ts";

/** Schemas of {@link RewindSettings}. */
type RewindFields = typeof memoryFields &
  typeof fineTuneFields & {
    readonly warmupEpochs: z.ZodDefault<z.ZodNumber>;
    readonly trailingEpoch: z.ZodDefault<z.ZodBoolean>;
    readonly resetOptimizer: z.ZodDefault<z.ZodBoolean>;
    readonly augment: z.ZodOptional<typeof augmentSchema>;
    readonly trajectory: z.ZodDefault<z.ZodEnum<{ f32: "f32"; f16: "f16" }>>;
    readonly kinds: z.ZodDefault<z.ZodArray<z.ZodEnum<{ [K in ParameterKind]: K }>>>;
    readonly strength: z.ZodDefault<z.ZodNumber>;
    readonly layers: z.ZodOptional<typeof layerChoice>;
  };

const fields: RewindFields = {
  ...fineTuneFields,
  warmupEpochs: z
    .number()
    .int()
    .min(0)
    .default(0)
    .describe(
      "epochs before the first snapshot of each round that are not recorded (published script: 2)",
    ),
  trailingEpoch: z
    .boolean()
    .default(false)
    .describe(
      "one more epoch after the last snapshot, as the published scripts do: the prediction overwrites it, but the optimiser's moments keep it",
    ),
  resetOptimizer: z
    .boolean()
    .default(false)
    .describe(
      "forget the optimiser's moments at the start of each round (the published script keeps them)",
    ),
  augment: augmentSchema.optional().describe("how images of a step are changed at random"),
  ...memoryFields,
  trajectory: z
    .enum(["f32", "f16"])
    .default("f32")
    .describe("what snapshots are stored as: f16 takes 32 bytes a weight instead of 60"),
  kinds: z
    .array(z.enum(parameterKinds))
    .min(1)
    .default([...parameterKinds])
    .describe("kinds of parameter that are rewound; the others keep what fine-tuning made of them"),
  strength: z
    .number()
    .positive()
    .default(1)
    .describe("how often the predicted change of a round is applied; 1 is the paper's method"),
  // Left out it is not among a run's settings, so that runs begun before there was a choice go on.
  layers: layerChoice.optional().describe(layersText),
};

const predictorFields = {
  predictor: z
    .string()
    .optional()
    .describe("a file of weights, a folder of three, linear, or late; without it our InvWNN"),
  base: z
    .enum(["oldest", "newest"])
    .optional()
    .describe(
      "the snapshot a residual is added to; without it the one that the predictor was made for",
    ),
  aim: z
    .number()
    .int()
    .min(1)
    .optional()
    .describe(
      "snapshots before the oldest that are predicted, where the predictor leaves a choice (NiNo): 1 to 40",
    ),
};

/** Settings every rewind has, whatever predicts. */
export const rewindSettings: z.ZodObject<RewindFields, z.core.$strict> = z.strictObject(fields);

export type RewindSettings = z.output<typeof rewindSettings>;

/** The parameters that a rewind records. @throws UsageError where a network has none of the kinds that are asked for. */
function recordedOf<T extends ParameterSpec>(
  { spec, slots }: { readonly spec: ModelSpec; readonly slots: readonly T[] },
  { kinds }: Pick<RewindSettings, "kinds">,
): T[] {
  // Frozen norm parameters do not move: a predictor would only add its answer to a constant history.
  const moved = slots.filter(({ kind }) => kind !== "norm");
  const recorded = moved.filter(({ kind }) => kinds.includes(kind));
  if (recorded.length > 0) return recorded;
  const there = parameterKinds.filter((kind) => moved.some((slot) => slot.kind === kind));
  throw new UsageError(
    `\`settings.kinds=${kinds.join(",")}\`: "${spec.name}" has no such parameters that a rewind moves; those it has are ` +
      `${listed(there)}.`,
  );
}

/** Refuses what a rewind cannot be made of. @throws UsageError saying which predictor or setting it is. */
function checkRewind(
  predictor: Predictor,
  settings: Pick<RewindSettings, "kinds"> & { readonly aim?: number | undefined },
  { spec, slots, task }: Pick<Subject, "spec" | "slots" | "task">,
): void {
  const { name, direction, joint } = predictor;
  if (direction === "future") {
    throw new UsageError(
      `predictor "${name}" looks ahead; a rewind needs one that looks back. Show it time backwards with ` +
        '"reversed:" before its path, or speed a training up with it (`nowcast`).',
    );
  }
  requireServed(predictor, spec, recordedOf({ spec, slots }, settings));
  requireAim(predictor, settings.aim);
  if (joint?.gradients !== true) return;
  requireTask({ name: `predictor "${name}"`, labels: true }, task);
  requireClasses({ name: `predictor "${name}"`, relabels: true }, spec.output[0]!);
}

/** What a rewind works with. */
interface RewindParts {
  /** Of all parts. */
  readonly owned: Owned;
  readonly trainer: Trainer;
  readonly trajectory: Trajectory;
  readonly rewinder: Rewinder;
  readonly before: Arena;
  /** The snapshot predictions are added to, kept where a step is changed. */
  readonly base: Arena | undefined;
  readonly direction: RandomDirection | undefined;
  /** What some predictors read beside the trajectory. */
  readonly gradients: ForgetGradients | undefined;
  /** Of the base and the predicted weights, where a step is lengthened or shortened, or each layer's is. */
  readonly line: Combination | undefined;
  /** How far each layer goes, where that is not equal. */
  readonly layers: LayerShares | undefined;
}

/** A running rewind; see {@link RewindSession.create}. Owns its trainer and its trajectory. */
export class RewindSession implements UnlearnSession {
  readonly method: string;
  readonly #request: UnlearnRequest;
  readonly #settings: RewindSettings;
  readonly #parts: RewindParts;
  #rounds = 0;
  #steps = 0;

  private constructor(
    request: UnlearnRequest,
    settings: RewindSettings,
    method: string,
    parts: RewindParts,
  ) {
    this.method = method;
    this.#request = request;
    this.#settings = settings;
    this.#parts = parts;
  }

  /**
   * Compiles fine-tuning and prediction, and takes the trajectory's memory (4 · K bytes a weight).
   *
   * @param variant what the session is called, whether its steps keep only the length of the
   *   prediction's (the control), and how far back a predictor that leaves the choice aims (3 snapshots,
   *   as InvWNN).
   */
  static async create(
    request: UnlearnRequest,
    predictor: Predictor,
    settings: RewindSettings,
    variant: { method?: string; random?: boolean; aim?: number | undefined } = {},
  ): Promise<RewindSession> {
    const { method = "rewind", random = false, aim } = variant;
    const { model, task } = request;
    const { gpu, parameters, spec } = model;
    const { data, items } = request.forget;
    const batch = Math.min(settings.batch, items.length);
    checkRewind(predictor, { ...settings, aim }, { spec, slots: model.slots, task: task.name });
    const slots = recordedOf(model, settings);
    return Owned.during(async (owned) => {
      const keep = async (label: string): Promise<Arena> =>
        owned.add(await Arena.create(gpu, parameters.layout, label));
      const trainer = owned.add(await stepTrainer(request, data, items, { ...settings, batch }));
      const trajectory = owned.add(
        await Trajectory.create(gpu, slots, predictor.window, {
          precision: settings.trajectory,
          reversed: predictor.reversed ?? false,
        }),
      );
      const gradients =
        predictor.joint?.gradients === true
          ? owned.add(await ForgetGradients.create(request, batch, predictor.joint.weighting))
          : undefined;
      const rewinder = owned.add(
        await Rewinder.create(trajectory, predictor, model.spec, gradients?.arenas),
      );
      if (aim !== undefined || predictor.joint?.steps !== undefined) rewinder.aim(aim ?? 3);
      const before = await keep("before the round");
      let base: Arena | undefined;
      let direction: RandomDirection | undefined;
      let line: Combination | undefined;
      const changed = settings.strength !== 1 || settings.layers === "ranked";
      if (random || changed) {
        base = await keep("base of the step");
        if (random) {
          direction = owned.add(await RandomDirection.create(gpu, parameters, base, slots));
        }
        if (changed) {
          line = owned.add(await Combination.create(gpu, base, parameters, slots));
        }
      }
      const layers =
        settings.layers === "ranked"
          ? owned.add(await LayerShares.create(gpu, before, parameters, slots))
          : undefined;
      const parts = {
        ...{ owned, trainer, trajectory, rewinder, before, base, direction, line, layers },
        gradients,
      };
      return new RewindSession(request, settings, method, parts);
    });
  }

  /**
   * One round of Algorithm 1.
   *
   * @throws PredictionError after putting the weights back to the round's start.
   */
  async round(watch: Watch): Promise<Round> {
    const { model, seed } = this.#request;
    const { items } = this.#request.forget;
    const { warmupEpochs, trailingEpoch, learningRate, resetOptimizer, strength } = this.#settings;
    const { trainer, trajectory, rewinder, before, base, direction, line, layers, gradients } =
      this.#parts;
    const { window } = trajectory.layout;
    const total = warmupEpochs + window - 1 + (trailingEpoch ? 1 : 0);
    // Every epoch's order depends on (seed, round, epoch) alone, so that a resumed run repeats it.
    const random = new Random(seed).fork(`rewind round ${this.#rounds}`);
    const epochs: Totals[] = [];
    /** Appends snapshot k behind what is encoded, and keeps what the step is taken from. */
    const snapshot =
      (k: number) =>
      (encoder: GPUCommandEncoder): void => {
        trajectory.encode(model.parameters, encoder);
        if (k === (rewinder.predictor.base === "oldest" ? 0 : window - 1)) {
          base?.copyFrom(model.parameters, encoder);
        }
      };
    const train = async (after?: (encoder: GPUCommandEncoder) => void): Promise<void> => {
      const epoch = epochs.length;
      const stream = random.fork(`epoch ${epoch}`);
      const order = stream.shuffle(Uint32Array.from(items));
      const watched: Watch = {
        ...watch,
        progress: (done, steps) => watch.progress?.(epoch * steps + done, total * steps),
      };
      const steps = { order, learningRate, seed: stream.int(2 ** 31), after };
      epochs.push(await trainer.epoch(steps, watched));
    };
    if (resetOptimizer) trainer.resetOptimizer();
    model.gpu.submit((encoder) => before.copyFrom(model.parameters, encoder));
    trajectory.reset();
    const early = warmupEpochs - 1;
    for (let i = 0; i < warmupEpochs; i++) await train(i === early ? snapshot(0) : undefined);
    if (warmupEpochs === 0) model.gpu.submit(snapshot(0));
    await gradients?.run({ signal: watch.signal });
    for (let k = 1; k < window; k++) await train(snapshot(k));
    if (trailingEpoch) await train();
    const shares = await layers?.measure();
    watch.phase?.("predicting");
    try {
      await rewinder.apply(model.parameters, {
        signal: watch.signal,
        // Who hears of no phases takes all progress for that of the steps.
        progress: watch.phase && watch.progress,
      });
    } catch (cause) {
      if (cause instanceof PredictionError) {
        model.gpu.submit((encoder) => model.parameters.copyFrom(before, encoder));
      }
      throw cause;
    }
    await direction?.apply(random.fork("direction").int(2 ** 31));
    line?.run((_, slot) => strength * (shares?.(slot) ?? 1));
    this.#rounds++;
    this.#steps += epochs.reduce((sum, epoch) => sum + epoch.steps, 0);
    return { round: this.#rounds, steps: this.#steps, epochs };
  }

  get recording(): Recording {
    const { trajectory, gradients } = this.#parts;
    const { window, coordinates } = trajectory.layout;
    return {
      bytes: 4 * window * coordinates,
      read: () => trajectory.read(),
      ...(gradients && {
        gradients: () => Promise.all(gradients.arenas.map((arena) => arena.read())),
      }),
    };
  }

  async save(): Promise<SessionState> {
    const optimizer = await saveOptimizer(this.#parts.trainer);
    return { round: this.#rounds, steps: this.#steps, ...optimizer };
  }

  load(state: SessionState): void {
    loadOptimizer(this.#parts.trainer, state);
    this.#rounds = state.round;
    this.#steps = state.steps;
  }

  destroy(): void {
    this.#parts.owned.destroy();
  }

  [Symbol.dispose](): void {
    this.destroy();
  }
}

type PredictedSettings = RewindSettings & z.output<z.ZodObject<typeof predictorFields>>;

/** Refuses what a rewind by a predictor of files cannot be made of. */
async function checkPredicted(settings: PredictedSettings, subject: Subject): Promise<void> {
  checkRewind(await loadPredictor(settings.predictor, settings.base), settings, subject);
}

export const rewind = defineMethod({
  name: "rewind",
  summary: "InvWNN predicts the weights before D_f (the paper's method)",
  reads: "D_f",
  arms: rewindArms,
  drawingArms: rewindDrawingArms,
  settings: rewindSettings.extend(predictorFields),
  check: checkPredicted,
  create: async (request, { predictor, base, aim, ...settings }) =>
    RewindSession.create(request, await loadPredictor(predictor, base), settings, { aim }),
});

export const linearRewind = defineMethod({
  name: "linear-rewind",
  summary: "control: the rewind with straight lines in place of InvWNN",
  reads: "D_f",
  arms: linearRewindArms,
  drawingArms: linearRewindDrawingArms,
  settings: rewindSettings.extend({
    horizon: z
      .number()
      .default(3)
      .describe("epochs before the oldest snapshot that the line is followed to"),
  }),
  check: ({ horizon, ...settings }, subject) =>
    checkRewind(linearPredictor(15, horizon), settings, subject),
  create: (request, { horizon, ...settings }) =>
    RewindSession.create(request, linearPredictor(15, horizon), settings, {
      method: "linear-rewind",
    }),
});

export const randomRewind = defineMethod({
  name: "random-rewind",
  summary: "control: steps as long as InvWNN's, parameter by parameter, in random directions",
  reads: "D_f",
  settings: rewindSettings.extend(predictorFields),
  check: checkPredicted,
  create: async (request, { predictor, base, aim, ...settings }) =>
    RewindSession.create(request, await loadPredictor(predictor, base), settings, {
      method: "random-rewind",
      random: true,
      aim,
    }),
});
