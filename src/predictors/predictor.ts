/**
 * Weight predictors: what each is, and how one is applied to recorded histories on the GPU.
 *
 * A predictor is a window K, a horizon and one or more weight sets. Which kind of parameter uses which
 * set is data; the kernel is the same for unlearning, for `rewind predict` and for tests.
 */
import type { ParameterKind } from "../weights/arena.ts";
import type { BufferView, Gpu } from "../gpu/device.ts";
import { GpuError } from "../errors.ts";
import type { Geometry } from "../gpu/geometry.ts";
import { type Dispatch, encodePass, makeDispatch } from "../graph/program.ts";
import type { ModelSpec } from "../nn/model.ts";
import type { Trajectory } from "../weights/trajectory.ts";

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
  /** Packed weights as the kernel reads them, absent for formulas. */
  readonly weights?: (gpu: Gpu) => Float32Array;
  /** The part of the weight buffer that a binding of the kernel reads. */
  readonly weightView?: (binding: string, buffer: GPUBuffer) => BufferView | undefined;
  /** Kernel and grid for a number of coordinates. */
  geometry(gpu: Gpu, count: number, base: Base): Geometry;
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
  /** Epochs of its snapshots, where they are not one apart. */
  readonly moments?: readonly number[];
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
 * @throws GpuError for one that looks back already, or whose snapshots are not one epoch apart.
 */
export function reversedPredictor(predictor: Predictor): Predictor {
  const { name, direction, moments, base } = predictor;
  if (direction === "past") {
    throw new GpuError(`predictor "${name}" looks back already: leave "reversed:" out.`);
  }
  if (moments !== undefined) {
    throw new GpuError(
      `predictor "${name}" needs snapshots at moments of a whole training; reversed ones are an epoch apart.`,
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

/** A predictor that looks at more than one weight at a time. */
export interface Joint {
  /** Where its weights came from, for reports. */
  readonly source: string;
  readonly parameters: number;
  /** Snapshots ahead it can be asked for. */
  readonly steps: number;
  prepare(place: JointPlace): Promise<PreparedJoint>;
}

/** @throws GpuError for a predictor that cannot be asked about one weight. */
export function requireSingle({ name, joint }: Predictor): void {
  if (joint !== undefined) {
    throw new GpuError(
      `predictor "${name}" looks at whole tensors; histories of single weights tell it nothing. Use it with ` +
        "`rewind train --nowcast`.",
    );
  }
}

/** What a joint predictor works on: a trajectory, and a buffer a chunk for what it predicts. */
export interface JointPlace {
  readonly trajectory: Trajectory;
  readonly predicted: readonly GPUBuffer[];
  /** Absent: the recorded tensors are all it knows. */
  readonly spec: ModelSpec | undefined;
}

/** A joint predictor compiled for a trajectory. */
export interface PreparedJoint {
  readonly dispatches: readonly Dispatch[];
  /** Chooses how many snapshots ahead, 1 at first. */
  aim(step: number): void;
  destroy(): void;
}

/** Ranges of histories: slices of `stride` floats, `count` coordinates from `first`. */
export interface HistoryRange {
  readonly first: number;
  readonly count: number;
  readonly stride: number;
  readonly outFirst: number;
}

/** A weight set on the device, ready to make dispatches. */
export class LoadedSet {
  readonly set: PredictorSet;
  readonly #gpu: Gpu;
  readonly #weights: GPUBuffer | undefined;

  private constructor(gpu: Gpu, set: PredictorSet, weights: GPUBuffer | undefined) {
    this.#gpu = gpu;
    this.set = set;
    this.#weights = weights;
  }

  /** Uploads the weights. */
  static async load(gpu: Gpu, set: PredictorSet): Promise<LoadedSet> {
    if (set.weights === undefined) return new LoadedSet(gpu, set, undefined);
    const data = set.weights(gpu);
    // The software kernel reads the same buffer as uniform pages.
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST;
    const { weights } = await gpu.allocate({ weights: data.byteLength }, usage);
    gpu.write(weights, data);
    return new LoadedSet(gpu, set, weights);
  }

  /** A dispatch that predicts one range; `uniform` (16 bytes) must hold the range's four words. */
  async dispatch(
    range: HistoryRange,
    base: Base,
    buffers: { history: BufferView; predicted: BufferView; uniform: BufferView },
  ): Promise<Dispatch> {
    const geometry = this.set.geometry(this.#gpu, range.count, base);
    const { history, predicted, uniform } = buffers;
    this.#gpu.write(uniform.buffer, rangeWords(range), uniform.offset);
    const weights = this.#weights;
    const { bindings } = await this.#gpu.kernels.get(geometry);
    const views = bindings.flatMap(({ name }) => {
      const view = weights && this.set.weightView?.(name, weights);
      return view === undefined ? [] : [[name, view] as const];
    });
    return makeDispatch(
      this.#gpu,
      geometry,
      { ...Object.fromEntries(views), history, predicted, range: uniform },
      { flop: range.count * this.set.flop, bytes: history.size + predicted.size },
    );
  }

  destroy(): void {
    if (this.#weights !== undefined) this.#gpu.free(this.#weights);
  }
}

function whole(buffer: GPUBuffer): BufferView {
  return { buffer, offset: 0, size: buffer.size };
}

function rangeWords({ first, count, stride, outFirst }: HistoryRange): Uint32Array {
  return Uint32Array.of(first, count, stride, outFirst);
}

/**
 * Applies one weight set to histories given on the host.
 *
 * @param histories one array of K values a coordinate, oldest first.
 * @returns residual and prediction of each.
 */
export async function predictHistories(
  gpu: Gpu,
  predictor: Predictor,
  set: PredictorSet,
  histories: readonly ArrayLike<number>[],
): Promise<{ residual: Float32Array; predicted: Float32Array }> {
  const count = histories.length;
  const { window, reversed = false } = predictor;
  const slices = new Float32Array(window * count);
  histories.forEach((history, i) => {
    if (history.length !== window) {
      throw new GpuError(
        `case ${i}: predictor "${predictor.name}" needs ${window} values, got ${history.length}.`,
      );
    }
    for (let k = 0; k < window; k++)
      slices[k * count + i] = history[reversed ? window - 1 - k : k]!;
  });
  const bytes = 4 * count;
  const buffers = await gpu.allocate({
    history: slices.byteLength,
    residual: bytes,
    predicted: bytes,
  });
  const { ranges } = await gpu.allocate(
    { ranges: 512 },
    GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
  );
  const loaded = await LoadedSet.load(gpu, set);
  gpu.write(buffers.history, slices);
  const range = { first: 0, count, stride: count, outFirst: 0 };
  const dispatches = [
    await loaded.dispatch(range, "none", {
      history: whole(buffers.history),
      predicted: whole(buffers.residual),
      uniform: { buffer: ranges, offset: 0, size: 16 },
    }),
    await loaded.dispatch(range, kernelBase(predictor), {
      history: whole(buffers.history),
      predicted: whole(buffers.predicted),
      uniform: { buffer: ranges, offset: 256, size: 16 },
    }),
  ];
  gpu.submit((encoder) => encodePass(encoder, dispatches));
  const size = { offset: 0, size: bytes };
  const [residual, predicted] = await gpu.read(
    { buffer: buffers.residual, ...size },
    { buffer: buffers.predicted, ...size },
  );
  loaded.destroy();
  gpu.free(ranges, ...Object.values<GPUBuffer>(buffers));
  return { residual: new Float32Array(residual!), predicted: new Float32Array(predicted!) };
}
