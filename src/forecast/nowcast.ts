/**
 * Nowcasting: at some steps of a training all weights are replaced by a forecast of where they are going.
 * The optimiser's moments stay as they are.
 */
import { UsageError } from "../errors.ts";
import { Owned } from "../gpu/owned.ts";
import type { Model } from "../nn/model.ts";
import { loadPredictor } from "../predictors/index.ts";
import { Rewinder } from "../predictors/rewinder.ts";
import { listed } from "../registry.ts";
import { Trajectory } from "../weights/trajectory/record.ts";
import type { NowcastEvent, TrainingLength } from "./forecaster.ts";
import { forecasters, type NowcastConfig, nowcastEvents } from "./index.ts";

/** Records and forecasts at the events of a training. Owns the window it records. */
export class Nowcaster {
  readonly events: readonly NowcastEvent[];
  readonly #model: Model;
  readonly #trajectory: Trajectory;
  readonly #rewinder: Rewinder;

  private constructor(
    model: Model,
    events: readonly NowcastEvent[],
    trajectory: Trajectory,
    rewinder: Rewinder,
  ) {
    this.#model = model;
    this.events = events;
    this.#trajectory = trajectory;
    this.#rewinder = rewinder;
  }

  /**
   * Loads the predictor and takes the memory of its window.
   *
   * @throws UsageError for a predictor that looks back, has another window than the method, or for a schedule
   *   that does not fit.
   */
  static async create(
    model: Model,
    config: NowcastConfig,
    length: TrainingLength,
  ): Promise<Nowcaster> {
    const forecaster = forecasters.find(config.method);
    const predictor = await loadPredictor(config.predictor);
    const { name, direction, window, joint } = predictor;
    if (direction === "past") {
      const titles = forecasters.all.map(({ title }) => title);
      throw new UsageError(
        `predictor "${name}" looks back; nowcasting needs one that looks ahead ` +
          `(${listed([...titles, "linear:-U"], "or")}).`,
      );
    }
    const { title, takes } = forecaster;
    if (takes.window !== undefined && window !== takes.window) {
      throw new UsageError(
        `predictor "${name}" has a window of ${window}; ${title}'s schedule records ${takes.window}.`,
      );
    }
    const events = nowcastEvents(config, predictor, length);
    // Sets that shift every constant history by a little would drift what training does not move.
    const slots =
      joint === undefined ? model.slots.filter(({ kind }) => kind !== "norm") : model.slots;
    return Owned.during(async (owned) => {
      const trajectory = owned.add(await Trajectory.create(model.gpu, slots, window));
      const rewinder = await Rewinder.create(trajectory, predictor, model.spec);
      return new Nowcaster(model, events, trajectory, rewinder);
    });
  }

  /** The first step after `done` steps at which something happens; infinite where nothing does. */
  next(done: number): number {
    return this.events.find(({ step }) => step > done)?.step ?? Infinity;
  }

  /** What is to happen after so many steps; true if the weights were replaced. */
  async reached(step: number): Promise<boolean> {
    const event = this.events.find((one) => one.step === step);
    if (event === undefined) return false;
    this.#trajectory.record(this.#model.parameters);
    if (event.forecast === undefined) return false;
    const { aim } = event.forecast;
    if (aim !== undefined && this.#rewinder.predictor.joint?.steps !== undefined)
      this.#rewinder.aim(aim);
    await this.#rewinder.apply(this.#model.parameters);
    this.#trajectory.reset();
    return true;
  }

  /** The snapshots since the last forecast, oldest first. */
  save(): Promise<Map<string, Float32Array>[]> {
    return this.#trajectory.snapshots();
  }

  /** Puts back what {@link save} gave; the model's weights are left as they are. */
  async load(snapshots: readonly ReadonlyMap<string, Float32Array>[]): Promise<void> {
    const { parameters } = this.#model;
    const weights = await parameters.read();
    this.#trajectory.reset();
    for (const snapshot of snapshots) {
      for (const [name, data] of snapshot) parameters.write(name, data);
      this.#trajectory.record(parameters);
    }
    for (const [name, data] of weights) parameters.write(name, data);
  }

  destroy(): void {
    this.#rewinder.destroy();
    this.#trajectory.destroy();
  }

  [Symbol.dispose](): void {
    this.destroy();
  }
}
