/** Symbolic tensors: shape, type and role. They get memory only when a program is compiled. */
import { shown } from "../checked.ts";
import { ShapeError } from "../errors.ts";
import type { Constants } from "../gpu/kernel.ts";
import { count, format, type Shape } from "../shape.ts";

/** Element types kernels see; both take 4 bytes. */
export type DType = "f32" | "u32";

/**
 * Who provides the memory: `bound` values are given a buffer by the caller (inputs, parameters,
 * optimiser state), `planned` ones share buffers by liveness.
 */
export type Storage = "bound" | "planned";

/** One tensor of a graph. Identity counts, not contents. */
export class Value {
  readonly label: string;
  readonly shape: Shape;
  readonly dtype: DType;
  readonly storage: Storage;

  constructor(label: string, shape: Shape, dtype: DType, storage: Storage) {
    if (typeof label !== "string" || !Array.isArray(shape)) {
      throw new ShapeError(
        `a value needs a label and a shape, got ${shown(label)} and ${shown(shape)}.`,
      );
    }
    if (dtype !== "f32" && dtype !== "u32") {
      throw new ShapeError(`"${label}": the type must be f32 or u32, got ${shown(dtype)}.`);
    }
    if (shape.some((n) => !Number.isInteger(n) || n < 1)) {
      throw new ShapeError(
        `"${label}": every axis needs a size of at least 1, got ${format(shape)}.`,
      );
    }
    this.label = label;
    this.shape = shape;
    this.dtype = dtype;
    this.storage = storage;
  }

  /** Number of elements. */
  get size(): number {
    return count(this.shape);
  }

  /** Bytes of the elements. */
  get bytes(): number {
    return 4 * this.size;
  }
}

/** The word that holds a float in a uniform. */
export function floatWord(value: number): number {
  return new Uint32Array(Float32Array.of(value).buffer)[0]!;
}

/** One dispatch: which kernel, with which values under which binding names, over which grid. */
export interface Launch {
  /** Path under `shaders/` without `.wgsl`. */
  readonly shader: string;
  /** Parts the launch chooses beside those that the shader imports (gpu/link.ts). */
  readonly parts?: readonly string[];
  readonly entry?: string;
  readonly constants: Constants;
  /** Values by the binding's variable name; `null` where a specialisation leaves a binding unused. */
  readonly bind: Readonly<Record<string, Value | null>>;
  /** Words of small uniform structs by the binding's variable name; the program holds them. */
  readonly uniforms?: Readonly<Record<string, Uint32Array>>;
  /** Workgroups by dimension, or… */
  readonly groups?: readonly [number, number, number];
  /** …the number of threads of a 1-D kernel; the grid is folded to two dimensions where it is large. */
  readonly threads?: number;
  /** A product whose factors may be rounded to halves, where the device has units for that (product-matrices.ts). */
  readonly halves?: boolean | undefined;
  /** Whether it changes what outlives the step, which a repetition would change twice. */
  readonly changesState?: boolean | undefined;
  /** Floating-point operations, for profiles and benches (multiply-add = 2). */
  readonly flop?: number;
}

/**
 * A launch before its values are bound. A launch function maps shapes to one and does nothing else, so that
 * the choice of tiles can be tested without a device.
 */
export interface UnboundLaunch extends Omit<Launch, "bind"> {
  readonly groups: readonly [number, number, number];
}

/** A launch whose kernel writes `slices` partial results that a second one adds up. */
export interface SlicedLaunch extends UnboundLaunch {
  /** Number of partial results; 1 means that the first kernel writes the final result. */
  readonly slices: number;
}
