/**
 * Trajectory of the weights: K snapshots, copied device to device.
 *
 * Each chunk of coordinates is K slices of `stride` floats, oldest first: neighbouring threads (coordinates)
 * read neighbouring addresses. A reversed trajectory holds them newest first, for predictors that are shown
 * time backwards. In half precision (half.ts) chunks are unpacked one after the other into one buffer.
 */
import { UsageError } from "../../errors.ts";
import type { Gpu } from "../../gpu/device.ts";
import { megabytes } from "../../gpu/memory.ts";
import { Owned } from "../../gpu/owned.ts";
import type { Bound } from "../../graph/bound.ts";
import type { Program } from "../../graph/program.ts";
import type { Launch, Value } from "../../graph/value.ts";
import type { Arena, Slot } from "../arena.ts";
import { HalfChunk } from "./half.ts";
import { sliceAlignment, TrajectoryLayout } from "./layout.ts";

/** How snapshots are stored. */
export type TrajectoryPrecision = "f32" | "f16";

/** A run of packed coordinates in one buffer. */
export interface Chunk {
  readonly first: number;
  readonly length: number;
  /** Floats from a snapshot to the next. */
  readonly stride: number;
  /** The snapshots; of a chunk in half precision only after it was unpacked, and until another one is. */
  readonly buffer: GPUBuffer;
}

/** What memory plans call the memory of snapshots. */
const purpose = "trajectory";

/** Most bytes of the buffer that chunks in half precision are unpacked into. */
const unpackedBytes = 2 ** 26;

/** The recorder. Owns K snapshots of the planned parameters. */
export class Trajectory {
  readonly gpu: Gpu;
  readonly layout: TrajectoryLayout;
  readonly chunks: readonly Chunk[];
  /** Whether snapshots lie newest first. */
  readonly reversed: boolean;
  /** By chunk; empty in full precision. */
  readonly #halves: readonly HalfChunk[];
  readonly #owned: readonly GPUBuffer[];
  #recorded = 0;

  private constructor(
    gpu: Gpu,
    layout: TrajectoryLayout,
    chunks: readonly Chunk[],
    halves: readonly HalfChunk[],
    owned: readonly GPUBuffer[],
    reversed = false,
  ) {
    this.gpu = gpu;
    this.layout = layout;
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
      throw new UsageError("trajectory: snapshots newest first are kept in full precision only.");
    }
    if (precision === "f16") return Trajectory.#createHalf(gpu, slots, window);
    const layout = new TrajectoryLayout(slots, window, gpu.maxBinding);
    const sizes = Object.fromEntries(
      layout.chunks.map(({ length }, i) => [
        `${labelOf(layout, layout.bytes)}[${i}]`,
        4 * window * length,
      ]),
    );
    const buffers = Object.values(await gpu.allocate(sizes, { purpose }));
    const chunks = layout.chunks.map((chunk, i) => ({
      ...chunk,
      stride: chunk.length,
      buffer: buffers[i]!,
    }));
    return new Trajectory(gpu, layout, chunks, [], buffers, reversed);
  }

  static async #createHalf(gpu: Gpu, slots: readonly Slot[], window: number): Promise<Trajectory> {
    const layout = new TrajectoryLayout(slots, window, Math.min(gpu.maxBinding, unpackedBytes));
    const strides = layout.chunks.map(
      ({ length }) => Math.ceil(length / sliceAlignment) * sliceAlignment,
    );
    const bytes = strides.reduce((sum, stride) => sum + (4 + 2 * (window - 1)) * stride, 0);
    const label = labelOf(layout, bytes);
    const shared = 4 * window * Math.max(...strides);
    const sizes = Object.fromEntries([
      [`${label}[0]`, shared],
      ...strides.flatMap((stride, i) => [
        [`${label}[${2 * i + 1}]`, 4 * stride],
        [`${label}[${2 * i + 2}]`, 2 * (window - 1) * stride],
      ]),
    ]) as Record<string, number>;
    const [buffer, ...buffers] = Object.values(await gpu.allocate(sizes, { purpose })) as [
      GPUBuffer,
      ...GPUBuffer[],
    ];
    const parts = strides.map((stride, i) => ({
      stride,
      buffer,
      oldest: buffers[2 * i]!,
      differences: buffers[2 * i + 1]!,
    }));
    return Owned.during(async (owned) => {
      owned.add({ destroy: () => gpu.free(buffer, ...buffers) });
      const halves: HalfChunk[] = [];
      for (const part of parts) halves.push(owned.add(await HalfChunk.create(gpu, window, part)));
      const chunks = layout.chunks.map((chunk, i) => ({ ...chunk, stride: strides[i]!, buffer }));
      return new Trajectory(gpu, layout, chunks, halves, [buffer, ...buffers]);
    });
  }

  /** Snapshots recorded since {@link reset}. */
  get recorded(): number {
    return this.#recorded;
  }

  /** Where snapshot k lies, counted from the oldest. */
  #slice(k: number): number {
    return this.reversed ? this.layout.window - 1 - k : k;
  }

  /** Appends a snapshot of an arena: device copies only, no host memory touched. */
  record(arena: Arena): void {
    this.gpu.submit((encoder) => this.encode(arena, encoder));
  }

  /** {@link record}, as a part of what someone else submits: behind the last step of an epoch it costs no submit of its own. */
  encode(arena: Arena, encoder: GPUCommandEncoder): void {
    const { window } = this.layout;
    if (this.#recorded === window) {
      throw new UsageError(
        `trajectory: all ${window} snapshots are taken; predict or reset first.`,
      );
    }
    const k = this.#recorded;
    for (const [i, chunk] of this.chunks.entries()) {
      const half = this.#halves[i];
      const slice = half === undefined ? 4 * this.#slice(k) * chunk.stride : 0;
      const target = half !== undefined && k === 0 ? half.buffers.oldest : chunk.buffer;
      for (const { track, inSlot, inChunk, length } of this.layout.pieces(chunk)) {
        const { slot } = track;
        encoder.copyBufferToBuffer(
          arena.buffers[slot.shard]!,
          4 * (slot.offset + inSlot),
          target,
          slice + 4 * inChunk,
          4 * length,
        );
      }
      if (k > 0) half?.pack(encoder, k);
    }
    this.#recorded++;
  }

  /** The snapshots of each chunk as a value: K slices of its stride. */
  histories(bound: Bound): Value[] {
    const { window } = this.layout;
    return this.chunks.map(({ buffer, stride }, i) =>
      bound.buffer(`history ${i}`, buffer, "f32", window * stride),
    );
  }

  /**
   * Launches that read `histories`, each behind the one that unpacks what it reads: in full precision
   * just the launches.
   *
   * @param bound takes the bindings of what is put between.
   */
  unpacking(
    steps: readonly (Launch | Program)[],
    histories: readonly Value[],
    bound: Bound,
  ): (Launch | Program)[] {
    let unpacked: Value | undefined;
    return steps.flatMap((step) => {
      const values = "bind" in step ? Object.values(step.bind) : [];
      const chunk = histories.findIndex((history) => values.includes(history));
      const [half, read] = [this.#halves[chunk], histories[chunk]];
      if (half === undefined || read === undefined || read === unpacked) return [step];
      unpacked = read;
      return [half.unpacking(read, bound), step];
    });
  }

  /** Throws unless all K snapshots are there. */
  requireComplete(): void {
    const { window } = this.layout;
    if (this.#recorded < window) {
      throw new UsageError(
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
        const size = history.length / this.layout.window;
        return [name, history.slice(k * size, (k + 1) * size)];
      };
      return new Map(histories.map(part));
    });
  }

  async #read(): Promise<Map<string, Float32Array>> {
    const { window } = this.layout;
    const result = new Map(
      this.layout.tracks.map(({ slot }) => [slot.name, new Float32Array(window * slot.size)]),
    );
    for (const [i, chunk] of this.chunks.entries()) {
      const { buffer, stride } = chunk;
      this.#halves[i]?.unpack();
      const data = await this.gpu.readFloats({ buffer, offset: 0, size: 4 * window * stride });
      for (const { track, inSlot, inChunk, length } of this.layout.pieces(chunk)) {
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
    for (const half of this.#halves) half.destroy();
    this.gpu.free(...this.#owned);
  }

  [Symbol.dispose](): void {
    this.destroy();
  }
}

function labelOf({ window, coordinates }: TrajectoryLayout, bytes: number): string {
  return `trajectory (${window} × ${coordinates} weights, ${megabytes(bytes)})`;
}
