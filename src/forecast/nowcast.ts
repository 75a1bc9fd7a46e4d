/**
 * Nowcasting: at some steps of a training all weights are replaced by a forecast of where they are going.
 * The optimiser's moments stay as they are.
 *
 * - `wnn` (Jang et al., ICML 2023): after every K-th epoch, from the last K, K the predictor's window.
 * - `introspection` (Sinha et al., ICLR 2017): at a few jumps, from what was recorded on the way there.
 * - `nino` (Knyazev et al., ICLR 2025): every `period` steps, from five snapshots since the last forecast,
 *   at first 40 snapshots ahead, at last one.
 */
import { z } from "zod";
import { UsageError } from "../errors.ts";
import { Owned } from "../gpu/owned.ts";
import type { Model } from "../nn/model.ts";
import { loadPredictor } from "../predictors/index.ts";
import { introspectionTimes } from "../predictors/introspection.ts";
import { ninoSchedule } from "../predictors/nino/predictor.ts";
import type { Predictor } from "../predictors/predictor.ts";
import { Rewinder } from "../predictors/rewinder.ts";
import { Trajectory } from "../weights/trajectory/record.ts";

const predictorPath = z.string();

/** Which method of forecasting, and its predictor. */
export const nowcastSchema = z.discriminatedUnion("method", [
  z.strictObject({ method: z.literal("wnn"), predictor: predictorPath }),
  z.strictObject({
    method: z.literal("introspection"),
    predictor: predictorPath,
    /** Shares of the training's steps. */
    jumps: z.array(z.number().gt(0).lt(1)).min(1).optional(),
  }),
  z.strictObject({
    method: z.literal("nino"),
    predictor: predictorPath,
    /** Steps from a forecast to the next. */
    period: z.number().int().min(1).default(1000),
  }),
]);

export type NowcastConfig = z.infer<typeof nowcastSchema>;

/** What happens after a step: a snapshot, and where `forecast` is there, a forecast from the window. */
export interface NowcastEvent {
  readonly step: number;
  readonly forecast?: { readonly aim?: number };
}

/** The shares of the training at which Introspection jumps; no window starts before the last jump. */
export const introspectionJumps: readonly number[] = [0.05, 0.15, 0.4];

/**
 * The events of a training, in order.
 *
 * @throws UsageError where the schedule does not fit the training.
 */
export function nowcastEvents(
  config: NowcastConfig,
  predictor: Pick<Predictor, "window" | "joint">,
  length: { steps: number; perEpoch: number },
): NowcastEvent[] {
  if (config.method === "wnn") return wnnEvents(predictor.window, length);
  return config.method === "introspection"
    ? introspectionEvents(config.jumps ?? introspectionJumps, length.steps)
    : ninoEvents(config.period, predictor, length.steps);
}

function wnnEvents(
  window: number,
  { steps, perEpoch }: { steps: number; perEpoch: number },
): NowcastEvent[] {
  return Array.from({ length: Math.floor(steps / perEpoch) }, (_, i) => ({
    step: (i + 1) * perEpoch,
    ...((i + 1) % window === 0 ? { forecast: {} } : {}),
  }));
}

function introspectionEvents(jumps: readonly number[], steps: number): NowcastEvent[] {
  const events = jumps.flatMap((share) =>
    introspectionTimes.map((time) => ({
      step: Math.round(share * time * steps),
      ...(time === 1 ? { forecast: {} } : {}),
    })),
  );
  if (events.some(({ step }, i) => step <= (events[i - 1]?.step ?? 0))) {
    throw new UsageError(
      `nowcast: Introspection's snapshots of ${steps} steps are not apart (steps ` +
        `${events.map(({ step }) => step).join(", ")}). Take jumps more than 2.5 times as far as the last, and more steps.`,
    );
  }
  return events;
}

function ninoEvents(
  period: number,
  { window, joint }: Pick<Predictor, "window" | "joint">,
  steps: number,
): NowcastEvent[] {
  if (period % window !== 0 || period > steps) {
    throw new UsageError(
      `nowcast: NiNo's period must be a multiple of ${window} and at most the training's ${steps} steps, ` +
        `got ${period}.`,
    );
  }
  const forecasts = Math.floor(steps / period);
  const aims = ninoSchedule(forecasts, joint?.steps);
  return Array.from({ length: forecasts * window }, (_, i) => ({
    step: ((i + 1) * period) / window,
    ...((i + 1) % window === 0 ? { forecast: { aim: aims[(i + 1) / window - 1]! } } : {}),
  }));
}

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
    length: { steps: number; perEpoch: number },
  ): Promise<Nowcaster> {
    const predictor = await loadPredictor(config.predictor);
    const { name, direction, window, joint } = predictor;
    if (direction === "past") {
      throw new UsageError(
        `predictor "${name}" looks back; nowcasting needs one that looks ahead (WNN, Introspection, NiNo or ` +
          "linear:-U).",
      );
    }
    if (config.method === "introspection" && window !== introspectionTimes.length) {
      throw new UsageError(
        `predictor "${name}" has a window of ${window}; Introspection's schedule records ${introspectionTimes.length}.`,
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
    if (aim !== undefined && this.#rewinder.predictor.joint !== undefined) this.#rewinder.aim(aim);
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
