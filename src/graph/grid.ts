/** Grids of workgroups. */

/** Workgroups of a dimension at most, on every adapter. */
export const mostGroups = 65_535;

/** A 1-D number of workgroups as a grid: folded into two dimensions when one is too short. */
export function foldGroups(count: number): [number, number, number] {
  const rows = Math.ceil(Math.max(1, count) / mostGroups);
  return [Math.ceil(Math.max(1, count) / rows), rows, 1];
}
