/** Launches of the sums over slices and over rows (shaders/reduce). */
import type { Geometry, SlicedGeometry } from "../../gpu/geometry.ts";
import { ceilDiv, foldGroups } from "./tiles.ts";

/** Geometry of out[i] = sum over s of partial[s, i], i < length. Bindings: partial, out. */
export function sumSlices(length: number, slices: number): Geometry {
  return {
    shader: "reduce/sum-slices",
    constants: { LEN: length, SLICES: slices, WG: 64 },
    groups: foldGroups(ceilDiv(length, 64)),
  };
}

/**
 * Geometry of partial column sums of x [rows, columns]: partial [slices, columns], to be added by
 * {@link sumSlices}. Bindings: x, partial.
 */
export function columnSum(rows: number, columns: number): SlicedGeometry {
  const vec4 = columns % 4 === 0;
  const perSlice = vec4 ? columns / 4 : columns;
  // About 1,024 lanes, each with 16 rows or more.
  const slices = Math.max(1, Math.min(ceilDiv(rows, 16), ceilDiv(1024, perSlice)));
  return {
    shader: vec4 ? "reduce/column-sum-vec4" : "reduce/column-sum",
    constants: { ROWS: rows, C: columns, SLICES: slices, WG: 64 },
    groups: foldGroups(ceilDiv(perSlice * slices, 64)),
    slices,
  };
}
