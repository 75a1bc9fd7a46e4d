/** Launches of the sums over slices and over rows (shaders/reduce). */
import { floatWord, type SlicedLaunch, type UnboundLaunch } from "../../graph/value.ts";
import { lanePart } from "./lanes.ts";
import { ceilDiv, foldGroups } from "./tiles.ts";

/** What a kernel of shaders/reduce adds: x [outer, axis, inner], in slices that y [outer, slices, inner] holds. */
export interface SumSizes {
  readonly outer: number;
  readonly axis: number;
  readonly inner: number;
  readonly slices: number;
  /** Factor of the sums; 1 by default. */
  readonly scale?: number;
}

/** The uniform `sizes` of the kernels of shaders/reduce. */
export function sumSizes({ outer, axis, inner, slices, scale = 1 }: SumSizes): Uint32Array {
  return Uint32Array.of(outer, axis, inner, slices, floatWord(scale));
}

/**
 * Launch of y[i] = sum over s of x[s, i], i < length, in the order of s. Bindings: x, y.
 *
 * @param columns with it y[i] begins with b[i % columns], and b is bound as well: the bias of a matrix product
 *   that is sliced over k.
 */
export function sumSlices(length: number, slices: number, columns?: number): UnboundLaunch {
  const sizes = sumSizes({ outer: 1, axis: slices, inner: length, slices: 1 });
  return {
    shader: "reduce/axis-sum",
    // Lanes of one float: there are few sums, and more threads hide what each waits for.
    parts: [lanePart(false), columns === undefined ? "reduce/from-zero" : "reduce/from-bias"],
    constants: {},
    uniforms: columns === undefined ? { sizes } : { sizes, columns: Uint32Array.of(columns) },
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
    constants: {},
    uniforms: { sizes: sumSizes({ outer: 1, axis: rows, inner: columns, slices }) },
    groups: foldGroups(ceilDiv(perSlice * slices, 64)),
    slices,
  };
}
