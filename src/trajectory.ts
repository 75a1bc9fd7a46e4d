/**
 * Trajectory of the weights: K snapshots, copied device to device.
 *
 * Parameters are packed by kind, so that one predictor dispatch covers all of a kind. Chunk c holds
 * coordinates [first, first + length) of every snapshot as K slices of `length` floats, oldest first:
 * neighbouring threads (coordinates) read neighbouring addresses. A chunk fits one storage binding.
 */
import { type Arena, type ParameterKind, parameterKinds, type Slot } from "./gpu/arena.ts";
import { type Gpu, megabytes } from "./gpu/device.ts";
import { GpuError } from "./gpu/errors.ts";

/** A recorded parameter: its slot in the arena and its first packed coordinate. */
export interface Track {
  readonly slot: Slot;
  readonly first: number;
}

/** A run of packed coordinates in one buffer. */
export interface Chunk {
  readonly first: number;
  readonly length: number;
  readonly buffer: GPUBuffer;
}

/** A contiguous part of a slot inside a chunk, in floats. */
export interface Piece {
  readonly track: Track;
  /** Offset in the slot, in the chunk, and how many. */
  readonly inSlot: number;
  readonly inChunk: number;
  readonly length: number;
}

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
    const most = Math.floor(maxBytes / 4 / window / 64) * 64;
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

/** The recorder: owns K snapshots of the planned parameters. */
export class Trajectory {
  readonly gpu: Gpu;
  readonly plan: TrajectoryPlan;
  readonly chunks: readonly Chunk[];
  #recorded = 0;

  private constructor(gpu: Gpu, plan: TrajectoryPlan, chunks: readonly Chunk[]) {
    this.gpu = gpu;
    this.plan = plan;
    this.chunks = chunks;
  }

  /** Takes the memory: 4 · K · coordinates bytes, which an out-of-memory error states. */
  static async create(gpu: Gpu, slots: readonly Slot[], window: number): Promise<Trajectory> {
    const plan = new TrajectoryPlan(slots, window, gpu.maxBinding);
    const label = `trajectory (${window} × ${plan.coordinates} weights, ${megabytes(plan.bytes)})`;
    const sizes = Object.fromEntries(
      plan.chunks.map((chunk, i) => [`${label}[${i}]`, 4 * window * chunk.length]),
    );
    const buffers = Object.values(await gpu.allocate(sizes));
    return new Trajectory(
      gpu,
      plan,
      plan.chunks.map((chunk, i) => ({ ...chunk, buffer: buffers[i]! })),
    );
  }

  /** Snapshots recorded since {@link reset}. */
  get recorded(): number {
    return this.#recorded;
  }

  /** Appends a snapshot of an arena: device copies only, no host memory touched. */
  record(arena: Arena): void {
    const { window } = this.plan;
    if (this.#recorded === window) {
      throw new GpuError(`trajectory: all ${window} snapshots are taken; predict or reset first.`);
    }
    const k = this.#recorded;
    this.gpu.submit((encoder) => {
      for (const chunk of this.chunks) {
        for (const { track, inSlot, inChunk, length } of this.plan.pieces(chunk)) {
          const { slot } = track;
          encoder.copyBufferToBuffer(
            arena.buffers[slot.shard]!,
            4 * (slot.offset + inSlot),
            chunk.buffer,
            4 * (k * chunk.length + inChunk),
            4 * length,
          );
        }
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
    const { window } = this.plan;
    const result = new Map(
      this.plan.tracks.map(({ slot }) => [slot.name, new Float32Array(window * slot.size)]),
    );
    for (const chunk of this.chunks) {
      const data = await this.gpu.readFloats({
        buffer: chunk.buffer,
        offset: 0,
        size: 4 * window * chunk.length,
      });
      for (const { track, inSlot, inChunk, length } of this.plan.pieces(chunk)) {
        const history = result.get(track.slot.name)!;
        for (let k = 0; k < window; k++) {
          const from = k * chunk.length + inChunk;
          history.set(data.subarray(from, from + length), k * track.slot.size + inSlot);
        }
      }
    }
    return result;
  }

  destroy(): void {
    this.gpu.free(...this.chunks.map((chunk) => chunk.buffer));
  }
}
