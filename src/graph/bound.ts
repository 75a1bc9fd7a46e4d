/** Values that stand for given buffers, collected for {@link compile}. */
import type { BufferView, Gpu } from "../gpu/device.ts";
import type { AllocateOptions } from "../gpu/memory.ts";
import type { Shape } from "../shape.ts";
import { type DType, Value } from "./value.ts";

/** An arena, as far as binding it needs to know (weights/arena.ts). */
interface Shards {
  view(name: string): BufferView;
  shard(index: number): BufferView;
}

/** Makes bound values and remembers their buffers. Owns those that it made itself, and frees no other. */
export class Bound {
  readonly bindings: Map<Value, BufferView> = new Map();
  readonly #owned: { readonly gpu: Gpu; readonly buffer: GPUBuffer }[] = [];

  /** A value over a whole view, one axis. */
  view(label: string, view: BufferView, dtype: DType = "f32"): Value {
    const value = new Value(label, [view.size / 4], dtype, "bound");
    this.bindings.set(value, view);
    return value;
  }

  /** A value over a whole buffer, or its first `floats`. */
  buffer(label: string, buffer: GPUBuffer, dtype: DType = "f32", floats?: number): Value {
    const size = floats === undefined ? buffer.size : 4 * floats;
    return this.view(label, { buffer, offset: 0, size }, dtype);
  }

  /** One shard of an arena, padding included. */
  shard(arena: Shards, index: number, dtype: DType = "f32"): Value {
    return this.view(`shard ${index}`, arena.shard(index), dtype);
  }

  /** One parameter of an arena. */
  slot(arena: Shards, { name }: { readonly name: string }, dtype: DType = "f32"): Value {
    return this.view(name, arena.view(name), dtype);
  }

  /** One parameter of an arena, with its shape. */
  tensor(arena: Shards, { name, shape }: { readonly name: string; readonly shape: Shape }): Value {
    const value = new Value(name, shape, "f32", "bound");
    this.bindings.set(value, arena.view(name));
    return value;
  }

  /** Where gradients of parameters go: for each of them, by name, a value over its range of an arena. */
  gradients(arena: Shards, parameters: ReadonlyMap<string, Value>): Map<Value, Value> {
    const targets = new Map<Value, Value>();
    for (const [name, value] of parameters) {
      const target = new Value(`d ${name}`, value.shape, "f32", "bound");
      this.bindings.set(target, arena.view(name));
      targets.set(value, target);
    }
    return targets;
  }

  /**
   * A value with memory of its own, all zero; {@link destroy} frees it.
   *
   * @param options usage and purpose of the buffer; storage that can be copied where they are left out.
   * @throws OutOfMemoryError naming it.
   */
  async zeros(
    gpu: Gpu,
    label: string,
    shape: Shape,
    dtype: DType = "f32",
    options?: AllocateOptions,
  ): Promise<Value> {
    const value = new Value(label, shape, dtype, "bound");
    const { [label]: buffer } = await gpu.allocate({ [label]: value.bytes }, options);
    this.#owned.push({ gpu, buffer: buffer! });
    this.bindings.set(value, { buffer: buffer!, offset: 0, size: value.bytes });
    return value;
  }

  /** As {@link zeros}, with data from the host in it; one axis where no shape is given. */
  async upload(
    gpu: Gpu,
    label: string,
    data: Float32Array | Uint32Array,
    shape: Shape = [data.length],
    options?: AllocateOptions,
  ): Promise<Value> {
    const dtype = data instanceof Uint32Array ? "u32" : "f32";
    const value = await this.zeros(gpu, label, shape, dtype, options);
    gpu.write(this.at(value).buffer, data);
    return value;
  }

  /** Where a value lies. */
  at(value: Value): BufferView {
    return this.bindings.get(value)!;
  }

  /** Frees the buffers of {@link zeros} and {@link upload}. */
  destroy(): void {
    for (const { gpu, buffer } of this.#owned.splice(0)) gpu.free(buffer);
  }

  [Symbol.dispose](): void {
    this.destroy();
  }
}
