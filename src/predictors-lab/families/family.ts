/** What can be fitted: how a window becomes a row of training, and a network a file. */
import type { z } from "zod";
import type { ModelSpec, Tensors } from "../../nn/model.ts";
import type { SettingOption } from "../../registry.ts";
import { type ParameterKind, parameterKinds, type Slot } from "../../weights/arena.ts";
import type { Window, WindowShape } from "../windows.ts";

/** One predictor to fit. */
export interface Family {
  /** As in file names and in the `format` of the metadata. */
  readonly name: string;
  readonly shape: WindowShape;
  /** Epochs to the target. */
  readonly horizon: number;
  readonly base: "oldest" | "newest";
  readonly spec: ModelSpec;
  /** Columns of a row that the network's inputs take; the target and its weight follow. */
  readonly widths: readonly number[];
  /** Weight sets and the kinds each serves. */
  readonly sets: Readonly<Record<string, readonly ParameterKind[]>>;
  /** The network's inputs, what its output should be, and what one of the output is in units of the weight. */
  encode(window: Pick<Window, "history" | "target">): {
    inputs: Float32Array;
    target: number;
    scale: number;
  };
  /** Learning-rate factor of a parameter; 0 holds it where it started. */
  rate(slot: Slot): number;
  /** Where fitting starts, given random weights. */
  begin?(tensors: Tensors): Tensors;
  /** Tensors as the file holds them. */
  finish(tensors: Tensors): Tensors;
}

/** What every family may be asked for. */
export interface FamilyOptions {
  /** One set for every kind, where it would have three. */
  readonly shared?: boolean | undefined;
}

/** A family by name, with what of it can be chosen. */
export interface Fittable<S extends z.ZodObject = z.ZodObject> {
  /** As `predictor fit --predictor` takes it. */
  readonly name: string;
  /** What it is called in texts. */
  readonly title: string;
  readonly settings: S;
  /** Those that the command takes as options of their own. */
  readonly options?: readonly SettingOption[];
  family(settings: z.output<S> & FamilyOptions): Family;
}

/** Declares a family; infers the type of its settings. */
export function defineFittable<S extends z.ZodObject>(fittable: Fittable<S>): Fittable<S> {
  return fittable;
}

/** One weight set for every kind of parameter. */
export const allKinds = { all: parameterKinds };

/** Epochs to the target, where they can be chosen. */
export const horizonOption = {
  option: "horizon",
  value: "n",
  text: "epochs to the target",
  settings: ["horizon"],
  takes: { integer: true, min: 1 },
} as const satisfies SettingOption;

/** Each value less the one before it. */
export function differencesOf(values: ArrayLike<number>): Float32Array {
  return Float32Array.from({ length: values.length - 1 }, (_, k) => values[k + 1]! - values[k]!);
}

/** Parts one after the other. */
export function joined(...parts: readonly Float32Array[]): Float32Array {
  return Float32Array.from(parts.flatMap((part) => [...part]));
}

/** A kernel [in, out] with each unit's mean taken off: the units see changes of the inputs alone. */
export function changesOnly(kernel: Float32Array, units: number): Float32Array {
  const inputs = kernel.length / units;
  const means = new Float64Array(units);
  kernel.forEach((weight, i) => (means[i % units]! += weight / inputs));
  return kernel.map((weight, i) => weight - means[i % units]!);
}
