/** Windows to fit predictors to and to score them on: a history, and the weight it should lead to. */
import type { ParameterKind } from "../weights/arena.ts";
import { DataError } from "../errors.ts";
import type { Random } from "../random.ts";
import { introspectionTimes, shownEpochs } from "../predictors/introspection.ts";
import type { Phase, Sequence } from "./sequences.ts";

/** One weight's history and target. */
export interface Window {
  /** Snapshots, oldest first. */
  readonly history: Float32Array;
  readonly target: number;
  /** Mean |step| of the weight from epoch to epoch over history and target: errors are stated in it. */
  readonly unit: number;
  readonly kind: ParameterKind;
  readonly phase: Phase;
}

/** Positions in a sequence. */
export interface Place {
  readonly history: readonly number[];
  readonly target: number;
}

/** Where the windows of a kind of predictor lie. */
export interface WindowShape {
  /** Snapshots K. */
  readonly window: number;
  readonly direction: "past" | "future";
  /** Epochs from the nearest snapshot to the target, over those from oldest to newest. */
  readonly ahead: number;
  places(sequence: Sequence): readonly Place[];
}

function span(from: number, count: number): number[] {
  return Array.from({ length: count }, (_, k) => from + k);
}

/** K snapshots, and the weight U epochs before the oldest. */
export function pastShape(window: number, horizon: number): WindowShape {
  return {
    window,
    direction: "past",
    ahead: horizon / (window - 1),
    places({ length, fineTuneStart }) {
      // Across the start of fine-tuning: histories of fine-tuning alone, targets of training alone.
      const [first, last] =
        fineTuneStart === undefined
          ? [horizon, length]
          : [fineTuneStart, fineTuneStart + horizon - 1];
      const most = Math.min(last, length - window);
      return span(first, Math.max(0, most - first + 1)).map((start) => ({
        history: span(start, window),
        target: start - horizon,
      }));
    },
  };
}

/** K snapshots, and the weight U epochs after the newest. */
export function futureShape(window: number, horizon: number): WindowShape {
  return {
    window,
    direction: "future",
    ahead: horizon / (window - 1),
    places({ length, fineTuneStart }) {
      if (fineTuneStart !== undefined) return [];
      return span(0, Math.max(0, length - window - horizon + 1)).map((start) => ({
        history: span(start, window),
        target: start + window - 1 + horizon,
      }));
    },
  };
}

/** Introspection's: 0.4 t, 0.7 t, 0.9 t and t, and the weight at 2 t, with t of 10 epochs. */
export function introspectionShape(): WindowShape {
  const t = shownEpochs;
  return {
    window: introspectionTimes.length,
    direction: "future",
    ahead: 1 / (1 - introspectionTimes[0]),
    places({ length, epoch, fineTuneStart }) {
      const at = (time: number): number => Math.round(time * t) - epoch;
      const inside = at(introspectionTimes[0]) >= 0 && at(2) < length;
      if (fineTuneStart !== undefined || !inside) return [];
      return [{ history: introspectionTimes.map(at), target: at(2) }];
    },
  };
}

/** The window of one weight; undefined where it never moves. */
function cut(
  { rows, length, kind, phase }: Sequence,
  row: number,
  { history, target }: Place,
): Window | undefined {
  const at = row * length;
  const low = Math.min(target, history[0]!);
  const high = Math.max(target, history.at(-1)!);
  let movement = 0;
  for (let k = low + 1; k <= high; k++) movement += Math.abs(rows[at + k]! - rows[at + k - 1]!);
  const values = Float32Array.from(history, (k) => rows[at + k]!);
  // A history that stands still says nothing, wherever the target is.
  if (values.every((value) => value === values[0])) return undefined;
  return {
    history: values,
    target: rows[at + target]!,
    unit: movement / (high - low),
    kind,
    phase,
  };
}

/** Draws windows: every training equally often, then every tensor and phase of it, then every weight. */
export class WindowSource {
  readonly shape: WindowShape;
  readonly #trainings: readonly (readonly { sequence: Sequence; places: readonly Place[] }[])[];

  /** @throws DataError if no sequence has a window of this shape. */
  constructor(sequences: readonly Sequence[], shape: WindowShape, what: string) {
    this.shape = shape;
    const byTraining = new Map<number, { sequence: Sequence; places: readonly Place[] }[]>();
    for (const sequence of sequences) {
      const places = shape.places(sequence);
      if (places.length === 0 || sequence.rows.length === 0) continue;
      const list = byTraining.get(sequence.training) ?? [];
      byTraining.set(sequence.training, [...list, { sequence, places }]);
    }
    if (byTraining.size === 0) {
      throw new DataError(
        `there are no windows ${what}: none of ${sequences.length} sequences there has a history of ` +
          `${shape.window} snapshots and a target. Record a larger or longer library.`,
      );
    }
    this.#trainings = [...byTraining.values()];
  }

  /** Trainings with windows. */
  get trainings(): number {
    return this.#trainings.length;
  }

  /**
   * Draws `count` windows.
   *
   * @param options `mirror`: each with its signs turned half of the time; `superpose`: each the sum of so
   *   many, which teaches a network to answer a sum of movements with the sum of its answers.
   */
  draw(
    count: number,
    random: Random,
    { mirror = false, superpose = 1 }: { mirror?: boolean; superpose?: number } = {},
  ): Window[] {
    if (superpose > 1) {
      const parts = this.draw(count * superpose, random, { mirror });
      return Array.from({ length: count }, (_, i) =>
        superposed(parts.slice(i * superpose, (i + 1) * superpose)),
      );
    }
    const windows: Window[] = [];
    const pick = <T>(list: readonly T[]): T => list[random.int(list.length)]!;
    for (let tries = 0; windows.length < count; tries++) {
      if (tries > 20 * count + 1000) {
        throw new DataError("almost no recorded weight moved: there is nothing to learn from.");
      }
      const { sequence, places } = pick(pick(this.#trainings));
      const row = random.int(sequence.rows.length / sequence.length);
      const window = cut(sequence, row, pick(places));
      if (window === undefined) continue;
      windows.push(mirror && random.int(2) === 1 ? mirrored(window) : window);
    }
    return windows;
  }
}

function mirrored(window: Window): Window {
  return { ...window, history: window.history.map((value) => -value), target: -window.target };
}

/** The first window with the movements of the others added, each brought to the first one's unit. */
function superposed(windows: readonly Window[]): Window {
  const [first] = windows as readonly [Window];
  const history = Float64Array.from(first.history);
  let { target } = first;
  for (const other of windows.slice(1)) {
    const [from, scale] = [other.history[0]!, first.unit / other.unit];
    history.forEach((value, k) => (history[k] = value + scale * (other.history[k]! - from)));
    target += scale * (other.target - from);
  }
  const unit = first.unit * Math.sqrt(windows.length);
  return { ...first, history: Float32Array.from(history), target, unit };
}

/** What a straight line through oldest and newest snapshot predicts. */
export function linePrediction({ history }: Window, { ahead, direction }: WindowShape): number {
  const [oldest, newest] = [history[0]!, history.at(-1)!];
  const far = ahead * (newest - oldest);
  return direction === "past" ? oldest - far : newest + far;
}

/** The snapshot next to the target: what predicting no change gives. */
export function nearest({ history }: Pick<Window, "history">, { direction }: WindowShape): number {
  return direction === "past" ? history[0]! : history.at(-1)!;
}

/** Mean |predicted - target| in units of each weight's mean step. */
export function meanError(
  windows: readonly Window[],
  predicted: (window: Window) => number,
): number {
  const sum = windows.reduce(
    (total, window) => total + Math.abs(predicted(window) - window.target) / window.unit,
    0,
  );
  return sum / windows.length;
}
