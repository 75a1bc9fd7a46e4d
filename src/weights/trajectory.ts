/**
 * Trajectory of the weights: K snapshots, copied device to device.
 *
 * Parameters are packed by kind, so that one predictor dispatch covers all of a kind. Chunk c holds
 * coordinates [first, first + length) of every snapshot as K slices of `stride` floats, oldest first:
 * neighbouring threads (coordinates) read neighbouring addresses. A chunk fits one storage binding. A
 * reversed trajectory holds them newest first, for predictors that are shown time backwards.
 *
 * In half precision the oldest snapshot stays as it is and the others are kept as differences from it, 2
 * bytes each: 32 bytes a weight for 15 snapshots instead of 60. Chunks are unpacked one after the other
 * into the same buffer.
 */
import { type Arena, type ParameterKind, parameterKinds, type Slot } from "./arena.ts";
import { type BufferView, type Gpu, megabytes } from "../gpu/device.ts";
import { GpuError } from "../errors.ts";
import type { Constants } from "../gpu/kernel.ts";
import { elementwise } from "../graph/elementwise.ts";
import { compile, type Dispatch, encodePass, type Program } from "../graph/program.ts";
import { Value } from "../graph/value.ts";

/** A recorded parameter: its slot in the arena and its first packed coordinate. */
export interface Track {
  readonly slot: Slot;
  readonly first: number;
}

/** How snapshots are stored. */
export type TrajectoryPrecision = "f32" | "f16";

/** A run of packed coordinates in one buffer. */
export interface Chunk {
  readonly first: number;
  readonly length: number;
  /** Floats from a snapshot to the next. */
  readonly stride: number;
  /** The snapshots; of a chunk in half precision only after `unpack`, and until that of another one. */
  readonly buffer: GPUBuffer;
  readonly unpack: Dispatch | undefined;
}

/** What a chunk in half precision has besides. */
interface Halves {
  /** The oldest snapshot, and the differences of the others, as pairs of halves. */
  readonly oldest: GPUBuffer;
  readonly differences: GPUBuffer;
  /** Packs the snapshot at the start of the shared buffer, by its number less one. */
  readonly pack: readonly Dispatch[];
  readonly program: Program;
}

/** A contiguous part of a slot inside a chunk, in floats. */
export interface Piece {
  readonly track: Track;
  /** Offset in the slot, in the chunk, and how many. */
  readonly inSlot: number;
  readonly inChunk: number;
  readonly length: number;
}

/** Offsets of bindings are multiples of 256 bytes: of 128 halves. */
const sliceAlignment = 128;

/** How coordinates are packed and split, before any memory is taken. */
export class TrajectoryPlan {
  readonly window: number;
  readonly tracks: readonly Track[];
  readonly chunks: readonly { readonly first: number; readonly length: number }[];
  readonly coordinates: number;

  /**
   * @param slots parameters to record, in any order.
   * @param window snapshots K.
   * @param maxBytes largest storage binding.
   */
  constructor(slots: readonly Slot[], window: number, maxBytes: number) {
    if (slots.length === 0) throw new GpuError("trajectory: no parameter to record.");
    if (!Number.isInteger(window) || window < 2) {
      throw new GpuError(`trajectory: a window needs at least 2 snapshots, got ${window}.`);
    }
    this.window = window;
    let first = 0;
    const tracks: Track[] = [];
    for (const kind of parameterKinds) {
      for (const slot of slots.filter((candidate) => candidate.kind === kind)) {
        tracks.push({ slot, first });
        first += slot.size;
      }
    }
    this.tracks = tracks;
    this.coordinates = first;
    const most = Math.floor(maxBytes / 4 / window / sliceAlignment) * sliceAlignment;
    this.chunks = Array.from({ length: Math.ceil(first / most) }, (_, i) => ({
      first: i * most,
      length: Math.min(most, first - i * most),
    }));
  }

  /** Bytes of the snapshots: exactly 4 · K · coordinates. */
  get bytes(): number {
    return 4 * this.window * this.coordinates;
  }

  /** The parts of each track that lie in a chunk. */
  pieces(chunk: { readonly first: number; readonly length: number }): Piece[] {
    return this.tracks.flatMap((track) => {
      const from = Math.max(track.first, chunk.first);
      const to = Math.min(track.first + track.slot.size, chunk.first + chunk.length);
      if (from >= to) return [];
      return [
        { track, inSlot: from - track.first, inChunk: from - chunk.first, length: to - from },
      ];
    });
  }

  /** The packed coordinates of some kinds as ranges of a chunk, neighbours merged. */
  ranges(
    chunk: { readonly first: number; readonly length: number },
    kinds: readonly ParameterKind[],
  ): Range[] {
    const ranges: { first: number; count: number }[] = [];
    for (const piece of this.pieces(chunk)) {
      if (!kinds.includes(piece.track.slot.kind)) continue;
      const last = ranges.at(-1);
      if (last !== undefined && last.first + last.count === piece.inChunk)
        last.count += piece.length;
      else ranges.push({ first: piece.inChunk, count: piece.length });
    }
    return ranges;
  }
}

/** Coordinates of a chunk: first and count, in floats. */
export interface Range {
  readonly first: number;
  readonly count: number;
}

/** Most bytes of the buffer that chunks in half precision are unpacked into. */
const unpackedBytes = 2 ** 26;

/** The recorder: owns K snapshots of the planned parameters. */
export class Trajectory {
  readonly gpu: Gpu;
  readonly plan: TrajectoryPlan;
  readonly chunks: readonly Chunk[];
  /** Whether snapshots lie newest first. */
  readonly reversed: boolean;
  /** By chunk; empty in full precision. */
  readonly #halves: readonly Halves[];
  readonly #owned: readonly GPUBuffer[];
  #recorded = 0;

  private constructor(
    gpu: Gpu,
    plan: TrajectoryPlan,
    chunks: readonly Chunk[],
    halves: readonly Halves[],
    owned: readonly GPUBuffer[],
    reversed = false,
  ) {
    this.gpu = gpu;
    this.plan = plan;
    this.chunks = chunks;
    this.#halves = halves;
    this.#owned = owned;
    this.reversed = reversed;
  }

  /**
   * Takes the memory: 4 · K bytes a coordinate, which an out-of-memory error states; in half precision
   * 4 + 2 (K - 1), and at most 64 MiB in all.
   *
   * Differences in half precision have a relative error of 2^-11 between 6e-8 and 64; larger ones become
   * infinite, which the predictor's check reports.
   *
   * @param options `reversed`: snapshots lie newest first; in full precision only.
   */
  static async create(
    gpu: Gpu,
    slots: readonly Slot[],
    window: number,
    options: { precision?: TrajectoryPrecision; reversed?: boolean } = {},
  ): Promise<Trajectory> {
    const { precision = "f32", reversed = false } = options;
    if (precision === "f16" && reversed) {
      throw new GpuError("trajectory: snapshots newest first are kept in full precision only.");
    }
    if (precision === "f16") return Trajectory.#createHalf(gpu, slots, window);
    const plan = new TrajectoryPlan(slots, window, gpu.maxBinding);
    const sizes = Object.fromEntries(
      plan.chunks.map(({ length }, i) => [
        `${labelOf(plan, plan.bytes)}[${i}]`,
        4 * window * length,
      ]),
    );
    const buffers = Object.values(await gpu.allocate(sizes));
    const chunks = plan.chunks.map((chunk, i) => ({
      ...chunk,
      stride: chunk.length,
      buffer: buffers[i]!,
      unpack: undefined,
    }));
    return new Trajectory(gpu, plan, chunks, [], buffers, reversed);
  }

  static async #createHalf(gpu: Gpu, slots: readonly Slot[], window: number): Promise<Trajectory> {
    const plan = new TrajectoryPlan(slots, window, Math.min(gpu.maxBinding, unpackedBytes));
    const strides = plan.chunks.map(
      ({ length }) => Math.ceil(length / sliceAlignment) * sliceAlignment,
    );
    const bytes = strides.reduce((sum, stride) => sum + (4 + 2 * (window - 1)) * stride, 0);
    const label = labelOf(plan, bytes);
    const shared = 4 * window * Math.max(...strides);
    const sizes = Object.fromEntries([
      [`${label}[0]`, shared],
      ...strides.flatMap((stride, i) => [
        [`${label}[${2 * i + 1}]`, 4 * stride],
        [`${label}[${2 * i + 2}]`, 2 * (window - 1) * stride],
      ]),
    ]) as Record<string, number>;
    const [buffer, ...buffers] = Object.values(await gpu.allocate(sizes)) as [
      GPUBuffer,
      ...GPUBuffer[],
    ];
    const parts = strides.map((stride, i) => ({
      stride,
      buffer,
      oldest: buffers[2 * i]!,
      differences: buffers[2 * i + 1]!,
    }));
    const halves = await Promise.all(parts.map((part) => compileHalves(gpu, window, part)));
    const chunks = plan.chunks.map((chunk, i) => ({
      ...chunk,
      stride: strides[i]!,
      buffer,
      unpack: halves[i]!.program.dispatches.at(-1)!,
    }));
    return new Trajectory(gpu, plan, chunks, halves, [buffer, ...buffers]);
  }

  /** Snapshots recorded since {@link reset}. */
  get recorded(): number {
    return this.#recorded;
  }

  /** Where snapshot k lies, counted from the oldest. */
  #slice(k: number): number {
    return this.reversed ? this.plan.window - 1 - k : k;
  }

  /** Appends a snapshot of an arena: device copies only, no host memory touched. */
  record(arena: Arena): void {
    const { window } = this.plan;
    if (this.#recorded === window) {
      throw new GpuError(`trajectory: all ${window} snapshots are taken; predict or reset first.`);
    }
    const k = this.#recorded;
    this.gpu.submit((encoder) => {
      for (const [i, chunk] of this.chunks.entries()) {
        const halves = this.#halves[i];
        const slice = halves === undefined ? 4 * this.#slice(k) * chunk.stride : 0;
        const target = halves !== undefined && k === 0 ? halves.oldest : chunk.buffer;
        for (const { track, inSlot, inChunk, length } of this.plan.pieces(chunk)) {
          const { slot } = track;
          encoder.copyBufferToBuffer(
            arena.buffers[slot.shard]!,
            4 * (slot.offset + inSlot),
            target,
            slice + 4 * inChunk,
            4 * length,
          );
        }
        if (halves !== undefined && k > 0) encodePass(encoder, [halves.pack[k - 1]!]);
      }
    });
    this.#recorded++;
  }

  /** Throws unless all K snapshots are there. */
  requireComplete(): void {
    const { window } = this.plan;
    if (this.#recorded < window) {
      throw new GpuError(
        `trajectory: ${this.#recorded} of ${window} snapshots recorded; a prediction needs all ${window}.`,
      );
    }
  }

  /** Starts over; the memory stays. */
  reset(): void {
    this.#recorded = 0;
  }

  /** Downloads the histories: one Float32Array of K · size values a parameter, oldest snapshot first. */
  async read(): Promise<Map<string, Float32Array>> {
    this.requireComplete();
    return this.#read();
  }

  /** Downloads the snapshots taken so far, oldest first, each by parameter. */
  async snapshots(): Promise<Map<string, Float32Array>[]> {
    if (this.#recorded === 0) return [];
    const histories = [...(await this.#read())];
    return Array.from({ length: this.#recorded }, (_, k) => {
      const part = ([name, history]: [string, Float32Array]): [string, Float32Array] => {
        const size = history.length / this.plan.window;
        return [name, history.slice(k * size, (k + 1) * size)];
      };
      return new Map(histories.map(part));
    });
  }

  async #read(): Promise<Map<string, Float32Array>> {
    const { window } = this.plan;
    const result = new Map(
      this.plan.tracks.map(({ slot }) => [slot.name, new Float32Array(window * slot.size)]),
    );
    for (const chunk of this.chunks) {
      const { unpack, buffer, stride } = chunk;
      if (unpack !== undefined) this.gpu.submit((encoder) => encodePass(encoder, [unpack]));
      const data = await this.gpu.readFloats({ buffer, offset: 0, size: 4 * window * stride });
      for (const { track, inSlot, inChunk, length } of this.plan.pieces(chunk)) {
        const history = result.get(track.slot.name)!;
        for (let k = 0; k < window; k++) {
          const from = this.#slice(k) * stride + inChunk;
          history.set(data.subarray(from, from + length), k * track.slot.size + inSlot);
        }
      }
    }
    return result;
  }

  destroy(): void {
    for (const { program } of this.#halves) program.destroy();
    this.gpu.free(...this.#owned);
  }
}

function labelOf({ window, coordinates }: TrajectoryPlan, bytes: number): string {
  return `trajectory (${window} × ${coordinates} weights, ${megabytes(bytes)})`;
}

/** Kernels of a chunk in half precision: one that packs for each difference, one that unpacks all. */
async function compileHalves(
  gpu: Gpu,
  window: number,
  parts: { stride: number; buffer: GPUBuffer; oldest: GPUBuffer; differences: GPUBuffer },
): Promise<Halves> {
  const { stride, buffer, oldest, differences } = parts;
  const bindings = new Map<Value, BufferView>();
  const bind = (label: string, size: number, view: BufferView): Value => {
    const value = new Value(label, [size], "f32", "bound");
    bindings.set(value, view);
    return value;
  };
  const whole = (source: GPUBuffer, floats: number): BufferView => ({
    buffer: source,
    offset: 0,
    size: 4 * floats,
  });
  const first = bind("oldest", stride, whole(oldest, stride));
  const newest = bind("snapshot", stride, whole(buffer, stride));
  const kernel = (
    entry: "pack" | "unpack",
  ): { shader: string; entry: string; constants: Constants } => ({
    shader: "trajectory/half",
    entry,
    constants: { SLICES: window - 1 },
  });
  const words = stride / 2;
  const packs = Array.from({ length: window - 1 }, (_, k) =>
    elementwise(gpu.tuning, kernel("pack"), stride, {
      snapshot: newest,
      oldest: first,
      packed: bind(`difference ${k + 1}`, words, {
        buffer: differences,
        offset: 4 * k * words,
        size: 4 * words,
      }),
    }),
  );
  const total = (window - 1) * words;
  const unpack = elementwise(gpu.tuning, kernel("unpack"), stride, {
    oldest: first,
    differences: bind("differences", total, whole(differences, total)),
    snapshots: bind("snapshots", window * stride, whole(buffer, window * stride)),
  });
  const program = await compile(gpu, [...packs, unpack], { label: "trajectory halves", bindings });
  return { oldest, differences, pack: program.dispatches.slice(0, -1), program };
}
