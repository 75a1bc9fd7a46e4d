/**
 * Weight predictors: what each is, and the launches that apply one to recorded histories on the GPU.
 *
 * A predictor is a window K, a horizon and one or more weight sets. Which kind of parameter uses which
 * set is data; the kernel is the same for unlearning, for `rewind predict` and for tests.
 */
import type { Arena, ParameterKind, ParameterSpec } from "../weights/arena.ts";
import { UsageError } from "../errors.ts";
import type { Tuning } from "../gpu/device.ts";
import type { Matrices } from "../gpu/matrices.ts";
import type { Bound } from "../graph/bound.ts";
import type { Program } from "../graph/program.ts";
import type { Launch, Value } from "../graph/value.ts";
import type { ModelSpec } from "../nn/model.ts";
import type { Trajectory } from "../weights/trajectory/record.ts";

/** Which recorded weight a residual is added to; `none` writes the bare residual. */
export type Base = "oldest" | "newest" | "none";

/** `BASE` constant of the kernels. */
export const baseCode: Readonly<Record<Base, number>> = { oldest: 0, newest: 1, none: 2 };

/** One set of weights and the kinds of parameter it serves. */
export interface PredictorSet {
  /** For example `conv`; errors and tables print it. */
  readonly name: string;
  readonly kinds: readonly ParameterKind[];
  /** Where its weights came from, for reports. */
  readonly source: string;
  /** Number of weights; 0 for formulas. */
  readonly parameters: number;
  /** Floating-point operations a coordinate. */
  readonly flop: number;
  /** Packed weights by the name under which {@link launches} gets them; absent for formulas. */
  readonly weights?: (tuning: Tuning) => Readonly<Record<string, Float32Array>>;
  /** The launches that predict a range of coordinates, in order. */
  launches(job: PredictionJob): Launch[];
}

/** Ranges of histories: slices of `stride` floats, `count` coordinates from `first`. */
export interface HistoryRange {
  readonly first: number;
  readonly count: number;
  readonly stride: number;
  /** Where predictions go, in floats of their buffer. */
  readonly outFirst: number;
}

/** What a weight set is asked to predict. */
export interface PredictionJob {
  readonly tuning: Tuning;
  /** Bytes of memory that a workgroup may have. */
  readonly workgroupStorage: number;
  /** Who multiplies halves in mixed precision; undefined in others. */
  readonly matrices?: Matrices | undefined;
  readonly base: Base;
  readonly range: HistoryRange;
  /** Slices of snapshots, oldest first. */
  readonly history: Value;
  readonly predicted: Value;
  /** What {@link PredictorSet.weights} gave, on the device. */
  readonly weights: Readonly<Record<string, Value>>;
}

/** Whether a predictor aims before the oldest snapshot or after the newest. */
export type Direction = "past" | "future";

/** A predictor of past or future weights. */
export interface Predictor {
  readonly name: string;
  /** Snapshots K it needs. */
  readonly window: number;
  readonly direction: Direction;
  /** How far before the oldest or after the newest snapshot it aims, for people: "3 epochs". */
  readonly reach: string;
  /** The same in epochs, where it is a number of them. */
  readonly horizon?: number;
  /** When its snapshots are taken, in epochs, where they are not one apart. */
  readonly times?: readonly number[];
  /** What is done to a history before the network sees it, for people. */
  readonly normalisation: string;
  readonly base: Exclude<Base, "none">;
  /** Made for the future and shown time backwards: its kernels get the newest snapshot first. */
  readonly reversed?: boolean;
  /** Networks applied to each weight alone; empty where `joint` is there. */
  readonly sets: readonly PredictorSet[];
  readonly joint?: Joint;
}

/**
 * A forecaster turned around: shown a history backwards, what it takes for the future is the past.
 *
 * @throws UsageError for one that looks back already, or whose snapshots are not one epoch apart.
 */
export function reversedPredictor(predictor: Predictor): Predictor {
  const { name, direction, times, base } = predictor;
  if (direction === "past") {
    throw new UsageError(`predictor "${name}" looks back already: leave "reversed:" out.`);
  }
  if (times !== undefined) {
    throw new UsageError(
      `predictor "${name}" needs snapshots at times of a whole training; reversed ones are an epoch apart.`,
    );
  }
  return {
    ...predictor,
    name: `reversed ${name}`,
    direction: "past",
    base: base === "newest" ? "oldest" : "newest",
    reversed: true,
  };
}

/** {@link Predictor.base} as the kernels see it. */
export function kernelBase({ base, reversed }: Predictor): Exclude<Base, "none"> {
  return reversed === true ? (base === "newest" ? "oldest" : "newest") : base;
}

/**
 * How images of D_f count in the gradient towards the class named if not the label: alike, or by how far each is forgotten,
 * 1 - p of its label.
 */
export const weightings = ["even", "forgotten"] as const;

export type Weighting = (typeof weightings)[number];

/** A predictor that looks at more than one weight at a time. */
export interface Joint {
  /** Where its weights came from, for reports. */
  readonly source: string;
  readonly parameters: number;
  /** Snapshots ahead it can be asked for; absent: it aims where it aims. */
  readonly steps?: number;
  /** It reads gradients on D_f beside the trajectory: of the loss, and towards the class named if not the label. */
  readonly gradients?: boolean;
  /** How images count there; absent: alike. */
  readonly weighting?: Weighting | undefined;
  /** @throws UsageError for a network, or recorded parameters of it, that it cannot predict; absent: it takes all. */
  check?(spec: ModelSpec | undefined, recorded: readonly Pick<ParameterSpec, "name">[]): void;
  prepare(place: JointPlace): Promise<PreparedJoint>;
}

/** @throws UsageError for a predictor that cannot be asked about one weight. */
export function requireSingle({ name, joint }: Predictor): void {
  if (joint !== undefined) {
    throw new UsageError(
      `predictor "${name}" looks at whole tensors; histories of single weights tell it nothing. Use it for ` +
        "a whole network: to `unlearn`, or for the `nowcast` of a training.",
    );
  }
}

/** What a joint predictor works on. */
export interface JointPlace {
  readonly trajectory: Trajectory;
  /** By chunk of the trajectory: its snapshots, and where predictions of its coordinates go. */
  readonly histories: readonly Value[];
  readonly predicted: readonly Value[];
  /** Takes the bindings and the memory of what the predictor needs besides. */
  readonly bound: Bound;
  /** Absent: the recorded tensors are all it knows. */
  readonly spec: ModelSpec | undefined;
  /** The snapshot it adds to. */
  readonly base: Exclude<Base, "none">;
  /** Gradients on D_f at the oldest snapshot: of the loss, towards the class named if not the label, and the latter weighted
   *  by how far images are forgotten for a predictor that weighs them so. */
  readonly gradients?: readonly [own: Arena, runnerUp: Arena, ...weighted: Arena[]] | undefined;
}

/** A joint predictor compiled for a trajectory. Owns its network's memory. */
export interface PreparedJoint {
  readonly steps: readonly (Launch | Program)[];
  /** Chooses how many snapshots ahead, 1 at first; absent where there is no choice. */
  aim?(step: number): void;
  destroy(): void;
  [Symbol.dispose](): void;
}
