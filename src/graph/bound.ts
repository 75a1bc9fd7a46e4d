/** Values that stand for given buffers, collected for {@link compile}. */
import type { BufferView } from "../gpu/device.ts";
import type { Arena, Slot } from "../weights/arena.ts";
import { type DType, Value } from "./value.ts";

/** Makes bound values and remembers their buffers. */
export class Bound {
  readonly bindings = new Map<Value, BufferView>();

  /** A value over a whole view, one axis. */
  view(label: string, view: BufferView, dtype: DType = "f32"): Value {
    const value = new Value(label, [view.size / 4], dtype, "bound");
    this.bindings.set(value, view);
    return value;
  }

  /** A value over a whole buffer. */
  buffer(label: string, buffer: GPUBuffer, dtype: DType = "f32"): Value {
    return this.view(label, { buffer, offset: 0, size: buffer.size }, dtype);
  }

  /** One shard of an arena, padding included. */
  shard(arena: Arena, index: number, dtype: DType = "f32"): Value {
    return this.view(`shard ${index}`, arena.shard(index), dtype);
  }

  /** One parameter of an arena. */
  slot(arena: Arena, slot: Slot, dtype: DType = "f32"): Value {
    return this.view(slot.name, arena.view(slot.name), dtype);
  }
}
