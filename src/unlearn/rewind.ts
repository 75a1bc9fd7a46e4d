/**
 * Rewind: Algorithm 1 of Jang, Kim and Youn (AAAI 2025).
 *
 * A round fine-tunes on D_f and records K snapshots of the weights, then replaces the weights by what
 * the predictor says they were before. The published script's variant is a matter of settings:
 * 2 unrecorded epochs first, a K-th epoch after the last snapshot (overwritten by the prediction), Adam
 * at 1e-6 whose state is kept from round to round, frozen batch norm.
 */
import { Arena, type ParameterKind, parameterKinds } from "../gpu/arena.ts";
import { GpuError } from "../gpu/errors.ts";
import type { OptimizerSettings } from "../optim/index.ts";
import { PredictionError, Rewinder } from "../predict/rewinder.ts";
import type { Predictor } from "../predict/predictor.ts";
import { Random } from "../random.ts";
import { type Augmentation, PictureFeed } from "../train/feed.ts";
import type { Totals } from "../train/step-queue.ts";
import { classification, Trainer, type Watch } from "../train/trainer.ts";
import { Trajectory } from "../trajectory.ts";
import type { Round, SessionState, UnlearnSession, UnlearnTask } from "./method.ts";

/** Settings of the rewind method. */
export interface RewindSettings {
  readonly learningRate: number;
  readonly optimizer: OptimizerSettings;
  readonly batch: number;
  /** Epochs before the first snapshot of each round that are not recorded (published script: 2). */
  readonly warmupEpochs: number;
  /** Train one more epoch after the last snapshot, as the published scripts do; its result is overwritten
   *  by the prediction, but the optimiser's moments keep it. */
  readonly trailingEpoch: boolean;
  /** Forget the optimiser's moments at the start of each round (the published script keeps them). */
  readonly resetOptimizer: boolean;
  readonly augment?: Augmentation | undefined;
  /** Kinds of parameter that are rewound; the others keep what fine-tuning made of them. */
  readonly kinds: readonly ParameterKind[];
}

/** The paper's settings; the learning rate suits its ResNet-18 and is given per model in practice. */
export const rewindDefaults: RewindSettings = {
  learningRate: 1e-6,
  optimizer: { name: "adam" },
  batch: 256,
  warmupEpochs: 0,
  trailingEpoch: false,
  resetOptimizer: false,
  kinds: parameterKinds,
};

/** A running rewind; see {@link RewindSession.create}. */
export class RewindSession implements UnlearnSession {
  readonly method = "rewind";
  readonly #task: UnlearnTask;
  readonly #settings: RewindSettings;
  readonly #trainer: Trainer;
  readonly #trajectory: Trajectory;
  readonly #rewinder: Rewinder;
  readonly #before: Arena;
  #rounds = 0;
  #steps = 0;

  private constructor(
    task: UnlearnTask,
    settings: RewindSettings,
    parts: { trainer: Trainer; trajectory: Trajectory; rewinder: Rewinder; before: Arena },
  ) {
    this.#task = task;
    this.#settings = settings;
    this.#trainer = parts.trainer;
    this.#trajectory = parts.trajectory;
    this.#rewinder = parts.rewinder;
    this.#before = parts.before;
  }

  /** Compiles fine-tuning and prediction, and takes the trajectory's memory (4 · K bytes a weight). */
  static async create(
    task: UnlearnTask,
    predictor: Predictor,
    settings: RewindSettings,
  ): Promise<RewindSession> {
    const { model, data, forget } = task;
    if (forget.length === 0)
      throw new GpuError("rewind: D_f is empty; there is nothing to forget.");
    const feed = await PictureFeed.create(data, {
      batch: Math.min(settings.batch, forget.length),
      items: forget.length,
      augment: settings.augment,
    });
    const trainer = await Trainer.create(model, {
      feed,
      objective: classification(model, feed, "frozen"),
      optimizer: settings.optimizer,
      rate: (slot) => (slot.kind === "norm" ? 0 : 1),
    });
    // Frozen norm parameters do not move: a predictor would only add its answer to a constant history.
    const slots = model.slots.filter(
      (slot) => settings.kinds.includes(slot.kind) && slot.kind !== "norm",
    );
    const trajectory = await Trajectory.create(model.gpu, slots, predictor.window);
    const rewinder = await Rewinder.create(trajectory, predictor);
    const before = await Arena.create(model.gpu, model.parameters.layout, "before the round");
    return new RewindSession(task, settings, { trainer, trajectory, rewinder, before });
  }

  /**
   * One round of Algorithm 1.
   *
   * @throws PredictionError after putting the weights back to the round's start.
   */
  async round(watch: Watch): Promise<Round> {
    const { model, forget, seed } = this.#task;
    const { warmupEpochs, trailingEpoch, learningRate, resetOptimizer } = this.#settings;
    const { window } = this.#trajectory.plan;
    const total = warmupEpochs + window - 1 + (trailingEpoch ? 1 : 0);
    // Every epoch's order depends on (seed, round, epoch) alone, so that a resumed run repeats it.
    const random = new Random(seed).fork(`rewind round ${this.#rounds}`);
    const epochs: Totals[] = [];
    const train = async (): Promise<void> => {
      const epoch = epochs.length;
      const stream = random.fork(`epoch ${epoch}`);
      const order = Uint32Array.from(forget);
      stream.shuffle(order);
      const watched: Watch = {
        signal: watch.signal,
        progress: (done, steps) => watch.progress?.(epoch * steps + done, total * steps),
      };
      epochs.push(
        await this.#trainer.epoch({ order, learningRate, seed: stream.int(2 ** 31) }, watched),
      );
    };
    if (resetOptimizer) this.#trainer.resetOptimizer();
    model.gpu.submit((encoder) => this.#before.copyFrom(model.parameters, encoder));
    this.#trajectory.reset();
    for (let i = 0; i < warmupEpochs; i++) await train();
    for (let k = 0; k < window; k++) {
      this.#trajectory.record(model.parameters);
      if (k < window - 1 || trailingEpoch) await train();
    }
    try {
      await this.#rewinder.apply(model.parameters);
    } catch (cause) {
      if (cause instanceof PredictionError) {
        model.gpu.submit((encoder) => model.parameters.copyFrom(this.#before, encoder));
      }
      throw cause;
    }
    this.#rounds++;
    this.#steps += epochs.reduce((sum, epoch) => sum + epoch.steps, 0);
    return { round: this.#rounds, steps: this.#steps, epochs };
  }

  async save(): Promise<SessionState> {
    const { step, moments } = await this.#trainer.saveState();
    const tensors: SessionState["tensors"] = new Map();
    moments.forEach((moment, i) => {
      for (const [name, data] of moment) {
        tensors.set(`moment${i + 1}.${name}`, {
          shape: this.#task.model.parameters.layout.slot(name).shape,
          data,
        });
      }
    });
    return { round: this.#rounds, steps: this.#steps, optimizerStep: step, tensors };
  }

  load(state: SessionState): void {
    const count = new Set([...state.tensors.keys()].map((key) => key.slice(0, key.indexOf("."))))
      .size;
    const moments = Array.from({ length: count }, (_, i) => {
      const prefix = `moment${i + 1}.`;
      const mine = [...state.tensors].filter(([key]) => key.startsWith(prefix));
      return new Map(mine.map(([key, { data }]) => [key.slice(prefix.length), data]));
    });
    this.#trainer.loadState({ step: state.optimizerStep, moments });
    this.#rounds = state.round;
    this.#steps = state.steps;
  }

  destroy(): void {
    this.#trainer.destroy();
    this.#rewinder.destroy();
    this.#trajectory.destroy();
    this.#before.destroy();
  }
}
