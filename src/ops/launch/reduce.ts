/** Launches of the sums over slices and over rows (shaders/reduce). */
import type { UnboundLaunch, SlicedLaunch } from "../../graph/value.ts";
import { lanePart } from "./lanes.ts";
import { ceilDiv, foldGroups } from "./tiles.ts";

/**
 * Launch of y[i] = sum over s of x[s, i], i < length, in the order of s. Bindings: x, y.
 *
 * @param columns with it y[i] begins with b[i % columns], and b is bound as well: the bias of a matrix product
 *   that is sliced over k.
 */
export function sumSlices(length: number, slices: number, columns?: number): UnboundLaunch {
  const sum = { OUTER: 1, AXIS: slices, INNER: length, SLICES: 1, SCALE: 1 };
  return {
    shader: "reduce/axis-sum",
    // Lanes of one float: there are few sums, and more threads hide what each waits for.
    parts: [lanePart(false), columns === undefined ? "reduce/from-zero" : "reduce/from-bias"],
    constants: columns === undefined ? sum : { ...sum, C: columns },
    groups: foldGroups(ceilDiv(length, 64)),
  };
}

/**
 * Launch of partial column sums of x [rows, columns]: y [slices, columns], to be added by
 * {@link sumSlices}. Bindings: x, y.
 */
export function columnSum(rows: number, columns: number): SlicedLaunch {
  const vec4 = columns % 4 === 0;
  const perSlice = vec4 ? columns / 4 : columns;
  // About 1,024 lanes, each with 16 rows or more.
  const slices = Math.max(1, Math.min(ceilDiv(rows, 16), ceilDiv(1024, perSlice)));
  return {
    shader: "reduce/column-sum",
    parts: [lanePart(vec4)],
    constants: { ROWS: rows, C: columns, SLICES: slices, SCALE: 1 },
    groups: foldGroups(ceilDiv(perSlice * slices, 64)),
    slices,
  };
}
