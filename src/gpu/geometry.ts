/**
 * How one kernel is launched: which shader text, with which constants in front of it, over which
 * grid. A launch function maps shapes to a Geometry and does nothing else, so that the choice of
 * tiles can be tested without a device.
 */
export interface Geometry {
  /** Path of the shader below `shaders/`, without the `.wgsl` suffix. */
  readonly shader: string;
  /** Parts the launch chooses beside those that the shader imports (gpu/link.ts). */
  readonly parts?: readonly string[];
  /** Prelude constants put in front of the shader text, by name. */
  readonly constants: Readonly<Record<string, number | boolean>>;
  /** Workgroups in x, y and z; each at most 65,535. */
  readonly groups: readonly [number, number, number];
}

/** A geometry whose shader writes `slices` partial results that a second kernel adds up. */
export interface SlicedGeometry extends Geometry {
  /** Number of partial results; 1 means that the first kernel writes the final result. */
  readonly slices: number;
}
