/** Launches of the sums over slices and over rows (shaders/reduce). */
import type { Tuning } from "../../gpu/device.ts";
import { foldGroups } from "../../graph/grid.ts";
import { floatWord, type SlicedLaunch, type UnboundLaunch } from "../../graph/value.ts";
import { lanePart } from "./lanes.ts";
import { ceilDiv } from "./tiles.ts";

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

/** The part that says in which order a thread adds its terms: on GPUs eight at a time, as each is a trip to memory. */
export function orderPart(tuning: Tuning): string {
  return tuning === "software" ? "reduce/one-by-one" : "reduce/by-eight";
}

/** The parts that say what a kernel of shaders/reduce adds: x as it is, and nothing beside it. */
export const asStored = ["reduce/as-stored", "reduce/alone"] as const;

/**
 * Launch of y[i] = sum over s of x[s, i], i < length, in an order that the number of slices fixes. Bindings: x, y.
 *
 * @param columns with it y[i] begins with b[i % columns], and b is bound as well: the bias of a matrix product
 *   that is sliced over k.
 */
export function sumSlices(
  tuning: Tuning,
  length: number,
  slices: number,
  columns?: number,
): UnboundLaunch {
  const sizes = sumSizes({ outer: 1, axis: slices, inner: length, slices: 1 });
  const start = columns === undefined ? "reduce/from-zero" : "reduce/from-bias";
  return {
    shader: "reduce/axis-sum",
    // Lanes of one float: there are few sums, and more threads hide what each waits for.
    parts: [lanePart(false), start, ...asStored, orderPart(tuning)],
    constants: {},
    uniforms: columns === undefined ? { sizes } : { sizes, columns: Uint32Array.of(columns) },
    groups: foldGroups(ceilDiv(length, 64)),
  };
}

/** Threads of a workgroup of reduce/column-bands, and columns' lanes that one of them covers at most. */
const [bandThreads, widestBand] = [256, 16] as const;
/** Workgroups that fill a GPU, and bands whose sums the second stage adds at most. */
const [wantedBands, mostBands] = [256, 128] as const;
/** Rows a thread adds at least before another band pays: as many as it asks for at once. */
const leastRows = 8;

/** Lanes of columns that a workgroup of reduce/column-bands covers. */
const acrossBand = (lanes: number): number =>
  Math.min(widestBand, 2 ** Math.ceil(Math.log2(lanes)));

/**
 * Launch of column sums of x [rows, columns] on a GPU, in so many bands of rows: y [slices, columns]. With one slice, that of
 * what few bands have left. Bindings: x, y.
 */
export function columnBands(rows: number, columns: number, slices: number): SlicedLaunch {
  const vec4 = columns % 4 === 0;
  const lanes = vec4 ? columns / 4 : columns;
  const across = acrossBand(lanes);
  return {
    shader: "reduce/column-bands",
    parts: [lanePart(vec4), ...asStored],
    constants: { ACROSS: across },
    uniforms: { sizes: sumSizes({ outer: 1, axis: rows, inner: columns, slices }) },
    groups: foldGroups(ceilDiv(lanes, across) * slices),
    slices,
  };
}

/**
 * Launch of partial column sums of x [rows, columns]: y [slices, columns], to be added by
 * {@link sumSlices}. Bindings: x, y.
 */
export function columnSum(tuning: Tuning, rows: number, columns: number): SlicedLaunch {
  const vec4 = columns % 4 === 0;
  const perSlice = vec4 ? columns / 4 : columns;
  if (tuning === "software") {
    // About 1,024 lanes, each with 16 rows or more.
    const slices = Math.max(1, Math.min(ceilDiv(rows, 16), ceilDiv(1024, perSlice)));
    return {
      shader: "reduce/column-sum",
      parts: [lanePart(vec4), ...asStored],
      constants: {},
      uniforms: { sizes: sumSizes({ outer: 1, axis: rows, inner: columns, slices }) },
      groups: foldGroups(ceilDiv(perSlice * slices, 64)),
      slices,
    };
  }
  const enough = ceilDiv(rows, (bandThreads / acrossBand(perSlice)) * leastRows);
  const parts = ceilDiv(perSlice, acrossBand(perSlice));
  const slices = Math.max(1, Math.min(enough, ceilDiv(wantedBands, parts), mostBands));
  return columnBands(rows, columns, slices);
}
