/** Masks over weights: the largest elements of an arena, and what keeps an update inside a mask. */
import { UsageError } from "../errors.ts";
import { Bound } from "../graph/bound.ts";
import { elementwise } from "../graph/elementwise.ts";
import { compile } from "../graph/program.ts";
import type { Launch, Value } from "../graph/value.ts";
import type { BufferView, Gpu } from "../gpu/device.ts";
import { Owned } from "../gpu/owned.ts";
import { Arena, type Slot } from "./arena.ts";

/**
 * Marks the `keep` elements of largest absolute value among the slots of an arena, exactly; of equal ones those
 * that come first.
 *
 * @returns an arena of u32 words, 1 where an element is kept; the caller frees it.
 */
export async function selectLargest(
  gpu: Gpu,
  values: Arena,
  slots: readonly Slot[],
  keep: number,
): Promise<Arena> {
  const total = slots.reduce((sum, slot) => sum + slot.size, 0);
  if (!(Number.isInteger(keep) && keep >= 0 && keep <= total)) {
    throw new UsageError(`selectLargest: ${keep} of ${total} elements cannot be kept.`);
  }
  return Owned.during(async (owned) => {
    const mask = owned.add(await Arena.create(gpu, values.layout, "mask"));
    if (keep > 0) await mark(gpu, { values, mask, slots }, keep);
    return mask;
  });
}

async function mark(
  gpu: Gpu,
  on: { values: Arena; mask: Arena; slots: readonly Slot[] },
  keep: number,
): Promise<void> {
  await Owned.within(async (owned) => {
    const bound = owned.add(new Bound());
    const counts = await bound.zeros(gpu, "counts", [256], "u32");
    const state = await bound.upload(gpu, "state", Uint32Array.of(0, keep, 0, 0));
    const launches = selection(bound, { ...on, counts, state });
    const { bindings } = bound;
    const program = owned.add(await compile(gpu, launches, { label: "select", bindings }));
    program.run();
    await gpu.idle();
  });
}

/** A radix selection; see `weights/select`. */
function selection(
  bound: Bound,
  on: { values: Arena; mask: Arena; slots: readonly Slot[]; counts: Value; state: Value },
): Launch[] {
  const { values, mask, counts, state } = on;
  const shader = "weights/select";
  let first = 0;
  const elements = on.slots.map((slot) => {
    const at = [slot.size, first] as const;
    first += slot.size;
    return { at, g: bound.slot(values, slot), keep: bound.slot(mask, slot, "u32") };
  });
  const launches: Launch[] = [];
  for (const stage of [0, 1]) {
    for (const shift of [24, 16, 8, 0]) {
      for (const { at, g } of elements) {
        launches.push({
          shader,
          entry: "histogram",
          constants: {},
          uniforms: { params: Uint32Array.of(...at, stage, shift) },
          bind: { g, counts, state },
          threads: at[0],
        });
      }
      launches.push({
        shader,
        entry: "pick",
        constants: {},
        uniforms: { params: Uint32Array.of(0, 0, stage, shift) },
        bind: { counts, state },
        groups: [1, 1, 1],
      });
    }
  }
  for (const { at, g, keep } of elements) {
    launches.push({
      shader,
      entry: "mark",
      constants: {},
      uniforms: { params: Uint32Array.of(...at, 0, 0) },
      bind: { g, state, keep },
      threads: at[0],
    });
  }
  return launches;
}

/**
 * Launches that put back what an update changed outside a mask. Owns the weights that it puts back, and takes over
 * the mask.
 */
export class Restore {
  readonly launches: readonly Launch[];
  readonly bindings: ReadonlyMap<Value, BufferView>;
  readonly #owned: Owned;

  private constructor(launches: readonly Launch[], bound: Bound, owned: Owned) {
    this.launches = launches;
    this.bindings = bound.bindings;
    this.#owned = owned;
  }

  /** Every weight outside the mask (0 there) is put back to what it is now. */
  static create(gpu: Gpu, parameters: Arena, mask: Arena): Promise<Restore> {
    return Owned.during(async (owned) => {
      owned.add(mask);
      const original = owned.add(await Arena.create(gpu, parameters.layout, "original weights"));
      gpu.submit((encoder) => original.copyFrom(parameters, encoder));
      const bound = new Bound();
      const launches = parameters.layout.shards.map((floats, shard) =>
        elementwise(gpu.tuning, { shader: "weights/restore" }, floats, {
          original: bound.shard(original, shard),
          keep: bound.shard(mask, shard, "u32"),
          y: bound.shard(parameters, shard),
        }),
      );
      return new Restore(launches, bound, owned);
    });
  }

  destroy(): void {
    this.#owned.destroy();
  }

  [Symbol.dispose](): void {
    this.destroy();
  }
}
