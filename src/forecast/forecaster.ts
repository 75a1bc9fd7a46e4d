/** What a forecaster is: when a training takes snapshots, when its weights are forecast, and what may forecast them. */
import type { z } from "zod";
import type { Predictor } from "../predictors/predictor.ts";
import type { SettingOption } from "../registry.ts";

/** What happens after a step: a snapshot, and where `forecast` is there, a forecast from the window. */
export interface NowcastEvent {
  readonly step: number;
  /** `aim`: snapshots ahead, for predictors that can be aimed. */
  readonly forecast?: { readonly aim?: number };
}

/** How long a training is, in optimiser steps. */
export interface TrainingLength {
  readonly steps: number;
  readonly perEpoch: number;
}

/** What forecasts, as a forecaster takes it. */
export interface PredictorTaken {
  /** For help: "a folder with WNN's files". */
  readonly text: string;
  /** In a word, for help. */
  readonly place: "DIR" | "FILE" | "PATH";
  /** Snapshots its window must have; absent: the predictor's own. */
  readonly window?: number;
}

/** A forecaster by name. */
export interface Forecaster<S extends z.ZodObject = z.ZodObject> {
  /** As `--nowcast` takes it. */
  readonly name: string;
  /** What it is called in messages. */
  readonly title: string;
  /** Settings besides the name and the predictor. */
  readonly settings: S;
  /** Those that commands which train take as options. */
  readonly options?: readonly SettingOption[];
  readonly takes: PredictorTaken;
  /**
   * Events of a training, in order.
   *
   * @throws UsageError where the schedule does not fit the training.
   */
  events(
    settings: z.output<S>,
    predictor: Pick<Predictor, "window" | "joint">,
    length: TrainingLength,
  ): NowcastEvent[];
  /** How it competes in `rewind experiment nowcast`; absent: with its defaults. */
  readonly experiment?: {
    /** Settings that the command takes as options. */
    readonly options: readonly SettingOption[];
    /** Settings for a training of so many steps. */
    settings(steps: number): z.input<S>;
  };
}

/** Declares a forecaster; infers the type of its settings. */
export function defineForecaster<S extends z.ZodObject>(forecaster: Forecaster<S>): Forecaster<S> {
  return forecaster;
}
