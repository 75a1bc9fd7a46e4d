/**
 * Memory plan: which planned values share a buffer.
 *
 * Values share whole buffers, never ranges of one: WebGPU refuses a buffer that one dispatch binds
 * both read-only and writable, and kernels that touch the same buffer wait for each other.
 * Largest first, each value takes the buffer that wastes least among those free over its lifetime.
 */
import type { Launch, Value } from "./value.ts";

/** Where a planned value lives, and what all of them take. */
export interface MemoryPlan {
  /** Index of the buffer of each planned value. */
  readonly place: ReadonlyMap<Value, number>;
  /** Bytes of each buffer, rounded up to 16. */
  readonly buffers: readonly number[];
  /** Sum of `buffers`. */
  readonly bytes: number;
  /** What separate buffers for every value would take. */
  readonly unshared: number;
}

interface Lifetime {
  readonly value: Value;
  first: number;
  last: number;
}

/** Plans the values of a launch list. Values in `keep` stay intact until the step ends. */
export function planMemory(launches: readonly Launch[], keep: Iterable<Value> = []): MemoryPlan {
  const lives = new Map<Value, Lifetime>();
  launches.forEach((launch, index) => {
    for (const value of Object.values(launch.bind)) {
      if (value === null || value.storage !== "planned") continue;
      const life = lives.get(value);
      if (life === undefined) lives.set(value, { value, first: index, last: index });
      else life.last = index;
    }
  });
  for (const value of keep) {
    const life = lives.get(value);
    if (life !== undefined) life.last = launches.length;
  }
  const bySize = [...lives.values()].sort(
    (a, b) => b.value.bytes - a.value.bytes || a.first - b.first,
  );
  const place = new Map<Value, number>();
  const buffers: { bytes: number; lives: Lifetime[] }[] = [];
  for (const life of bySize) {
    // Sorted by size, so every open buffer is large enough; the last one opened wastes least.
    const free = buffers.findLastIndex((buffer) =>
      buffer.lives.every((other) => other.last < life.first || life.last < other.first),
    );
    if (free >= 0) {
      buffers[free]!.lives.push(life);
      place.set(life.value, free);
    } else {
      place.set(life.value, buffers.length);
      buffers.push({ bytes: round16(life.value.bytes), lives: [life] });
    }
  }
  const sizes = buffers.map((buffer) => buffer.bytes);
  return {
    place,
    buffers: sizes,
    bytes: sizes.reduce((sum, size) => sum + size, 0),
    unshared: bySize.reduce((sum, life) => sum + round16(life.value.bytes), 0),
  };
}

function round16(bytes: number): number {
  return Math.max(16, Math.ceil(bytes / 16) * 16);
}
