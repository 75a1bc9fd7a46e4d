/**
 * All parameters of a model in one arena: aligned views into as few buffers as bindings allow.
 *
 * Gradients, optimiser moments and running statistics are arenas of their own with the same layout,
 * since one dispatch may not bind a buffer both read-only and writable.
 */
import type { Shape } from "../shape.ts";
import { count } from "../shape.ts";
import type { BufferView, Gpu } from "../gpu/device.ts";
import { megabytes } from "../gpu/memory.ts";
import { OutOfMemoryError, ShapeError, UsageError } from "../errors.ts";

/** All kinds of parameter, in the order reports list them. */
export const parameterKinds = ["conv", "depthwise", "fc", "bias", "norm"] as const;

/** What a parameter is: decides which predictor rewinds it and whether weight decay applies. */
export type ParameterKind = (typeof parameterKinds)[number];

/** A named tensor of a model. */
export interface ParameterSpec {
  readonly name: string;
  readonly shape: Shape;
  readonly kind: ParameterKind;
}

/** Where a parameter lies: shard index, offset and size in floats. */
export interface Slot extends ParameterSpec {
  readonly shard: number;
  readonly offset: number;
  readonly size: number;
}

/** A parameter's layer: those of a layer have names that differ after the last point alone. */
export function layerOf({ name }: Pick<ParameterSpec, "name">): string {
  return name.replace(/[.][^.]*$/, "");
}

/** Floats every slot is aligned to: 256 bytes, the largest offset alignment WebGPU allows. */
export const slotAlignment = 64;

/** Places parameters into shards, in declaration order. Pure: no GPU needed. */
export class ArenaLayout {
  readonly slots: readonly Slot[];
  /** Floats of each shard, padding included. */
  readonly shards: readonly number[];
  readonly #byName: ReadonlyMap<string, Slot>;

  /**
   * @param maxBytes largest storage binding; a shard stays below it.
   * @throws OutOfMemoryError if a parameter is larger; UsageError if two have the same name.
   */
  constructor(specs: readonly ParameterSpec[], maxBytes: number) {
    const limit = Math.floor(maxBytes / 4 / slotAlignment) * slotAlignment;
    const shards: number[] = [];
    const slots: Slot[] = [];
    const byName = new Map<string, Slot>();
    for (const spec of specs) {
      const size = count(spec.shape);
      const padded = Math.ceil(size / slotAlignment) * slotAlignment;
      if (padded > limit) {
        throw new OutOfMemoryError(
          `parameter "${spec.name}" [${spec.shape.join(", ")}] takes ${megabytes(4 * size)}, more than one ` +
            `binding of this adapter (${megabytes(maxBytes)}) holds: choose a smaller model.`,
        );
      }
      if (byName.has(spec.name)) throw new UsageError(`two parameters are named "${spec.name}".`);
      if (shards.length === 0 || shards.at(-1)! + padded > limit) shards.push(0);
      const shard = shards.length - 1;
      const slot: Slot = { ...spec, shard, offset: shards[shard]!, size };
      shards[shard]! += padded;
      slots.push(slot);
      byName.set(spec.name, slot);
    }
    this.slots = slots;
    this.shards = shards;
    this.#byName = byName;
  }

  /** Number of parameters, padding not counted. */
  get parameters(): number {
    return this.slots.reduce((sum, slot) => sum + slot.size, 0);
  }

  slot(name: string): Slot {
    const slot = this.#byName.get(name);
    if (slot === undefined) {
      throw new UsageError(
        `no parameter "${name}"; there are: ${[...this.#byName.keys()].join(", ")}.`,
      );
    }
    return slot;
  }
}

/** The buffers of one arena, which it owns: one per shard of its layout, zeroed at first. */
export class Arena {
  readonly layout: ArenaLayout;
  readonly buffers: readonly GPUBuffer[];
  readonly #gpu: Gpu;

  private constructor(gpu: Gpu, layout: ArenaLayout, buffers: readonly GPUBuffer[]) {
    this.#gpu = gpu;
    this.layout = layout;
    this.buffers = buffers;
  }

  /** Allocates the shards. `label` names them in out-of-memory errors, `purpose` in memory plans. */
  static async create(
    gpu: Gpu,
    layout: ArenaLayout,
    label: string,
    purpose = "weights kept",
  ): Promise<Arena> {
    const sizes = Object.fromEntries(
      layout.shards.map((floats, i) => [`${label}[${i}]`, 4 * floats]),
    );
    return new Arena(gpu, layout, Object.values(await gpu.allocate(sizes, { purpose })));
  }

  /** Bytes of all shards. */
  get bytes(): number {
    return 4 * this.layout.shards.reduce((sum, floats) => sum + floats, 0);
  }

  /** The range of one parameter. */
  view(name: string): BufferView {
    const slot = this.layout.slot(name);
    return { buffer: this.buffers[slot.shard]!, offset: 4 * slot.offset, size: 4 * slot.size };
  }

  /** The range of one shard. */
  shard(index: number): BufferView {
    return { buffer: this.buffers[index]!, offset: 0, size: 4 * this.layout.shards[index]! };
  }

  /** Uploads one parameter. */
  write(name: string, data: Float32Array): void {
    const slot = this.layout.slot(name);
    if (data.length !== slot.size) {
      throw new ShapeError(`parameter "${name}" needs ${slot.size} values, got ${data.length}.`);
    }
    this.#gpu.write(this.buffers[slot.shard]!, data, 4 * slot.offset);
  }

  /** Downloads all parameters in one fence, by name. */
  async read(): Promise<Map<string, Float32Array>> {
    const views = this.layout.slots.map((slot) => this.view(slot.name));
    const parts = await this.#gpu.read(...views);
    return new Map(this.layout.slots.map((slot, i) => [slot.name, new Float32Array(parts[i]!)]));
  }

  /** Records device copies of all shards from an arena of the same layout. */
  copyFrom(source: Arena, encoder: GPUCommandEncoder): void {
    this.buffers.forEach((buffer, i) =>
      encoder.copyBufferToBuffer(source.buffers[i]!, 0, buffer, 0, buffer.size),
    );
  }

  /** Sets every value to zero. */
  clear(): void {
    this.#gpu.submit((encoder) => this.buffers.forEach((buffer) => encoder.clearBuffer(buffer)));
  }

  destroy(): void {
    this.#gpu.free(...this.buffers);
  }

  [Symbol.dispose](): void {
    this.destroy();
  }
}
