/**
 * How a trajectory is laid out: which coordinates lie where, before any memory is taken.
 *
 * Parameters are packed by kind, so that one launch of a predictor covers all of a kind. Chunk c holds
 * coordinates [first, first + length) of every snapshot; it fits one storage binding.
 */
import { UsageError } from "../../errors.ts";
import { type ParameterKind, parameterKinds, type Slot } from "../arena.ts";

/** A recorded parameter: its slot in the arena and its first packed coordinate. */
export interface Track {
  readonly slot: Slot;
  readonly first: number;
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
export const sliceAlignment = 128;

/** How coordinates are packed and split, before any memory is taken. */
export class TrajectoryLayout {
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
    if (slots.length === 0) throw new UsageError("trajectory: no parameter to record.");
    if (!Number.isInteger(window) || window < 2) {
      throw new UsageError(`trajectory: a window needs at least 2 snapshots, got ${window}.`);
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
