/** Arithmetic shared by the launch functions: grids, slices and tile widths. */
import { foldGroups } from "../../graph/grid.ts";

/** Integer division, rounded up. */
export function ceilDiv(value: number, by: number): number {
  return Math.ceil(value / by);
}

/**
 * Lanes a workgroup and the grid for `lanes` fat lanes on a software adapter: workgroups of up
 * to 32, smaller ones when the work would otherwise not spread over the processor's cores.
 */
export function softwareGrid(lanes: number): {
  readonly wg: number;
  readonly groups: readonly [number, number, number];
} {
  let wg = 32;
  while (wg > 8 && lanes < wg * 16) wg /= 2;
  return { wg, groups: foldGroups(ceilDiv(lanes, wg)) };
}

/**
 * vec4 columns a lane for `columns` columns on a software adapter. Wide tiles run
 * fastest, narrow ones compile three times as fast and give small products enough lanes.
 *
 * @param widest 4 where columns are read as vec4; 2 where they are scalars (wider gains nothing).
 */
export function columnQuads(columns: number, multiplyAdds: number, widest: 2 | 4): number {
  const quads = ceilDiv(columns, 4);
  if (quads === 1 || multiplyAdds < 2e6) return 1;
  if (quads === 2 || multiplyAdds < 6e6) return 2;
  return widest;
}
