/**
 * Memory plan: which planned values share a buffer.
 *
 * Values share whole buffers, never ranges of one: WebGPU refuses a buffer that one dispatch binds
 * both read-only and writable, and kernels that touch the same buffer wait for each other.
 * Largest first, each value takes one of the buffers that are free over its lifetime: the last one opened, which wastes
 * least, or the one that was in use last, or will be first. Of the two plans the one that takes less is the plan.
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
  const plans = [lastOpened, closest].map((choose) => share(bySize, choose));
  const { place, buffers } = plans.reduce((best, plan) =>
    total(plan) < total(best) ? plan : best,
  );
  const sizes = buffers.map((buffer) => buffer.bytes);
  return {
    place,
    buffers: sizes,
    bytes: total({ buffers }),
    unshared: bySize.reduce((sum, life) => sum + round16(life.value.bytes), 0),
  };
}

/** A buffer of a plan that is being made. */
interface Shared {
  readonly bytes: number;
  readonly lives: Lifetime[];
}

/** Chooses one of some buffers for a value. */
type Choice = (free: readonly Shared[], life: Lifetime) => Shared | undefined;

const lastOpened: Choice = (free) => free.at(-1);

/** The buffer that is in use shortly before or after the value is; of several the last one opened. */
const closest: Choice = (free, life) => {
  const gap = ({ lives }: Shared): number =>
    Math.min(
      ...lives.map(({ first, last }) =>
        last < life.first ? life.first - last : first - life.last,
      ),
    );
  return free.reduce<Shared | undefined>(
    (best, buffer) => (best === undefined || gap(buffer) <= gap(best) ? buffer : best),
    undefined,
  );
};

/** Values, largest first, over buffers. Sorted by size, every open buffer is large enough. */
function share(
  bySize: readonly Lifetime[],
  choose: Choice,
): { place: Map<Value, number>; buffers: Shared[] } {
  const place = new Map<Value, number>();
  const buffers: Shared[] = [];
  for (const life of bySize) {
    const free = buffers.filter(({ lives }) =>
      lives.every((other) => other.last < life.first || life.last < other.first),
    );
    const chosen = choose(free, life);
    const buffer = chosen ?? { bytes: round16(life.value.bytes), lives: [] };
    if (chosen === undefined) buffers.push(buffer);
    buffer.lives.push(life);
    place.set(life.value, buffers.indexOf(buffer));
  }
  return { place, buffers };
}

function total({ buffers }: { readonly buffers: readonly Shared[] }): number {
  return buffers.reduce((sum, { bytes }) => sum + bytes, 0);
}

function round16(bytes: number): number {
  return Math.max(16, Math.ceil(bytes / 16) * 16);
}
