/** Launch of the fused InvWNN kernels. */
import type { Tuning } from "../../gpu/device.ts";
import type { Geometry } from "../../gpu/geometry.ts";
import { foldGrid } from "../../graph/program.ts";

/** Prelude of the InvWNN kernels. */
export interface InvWnnConstants {
  /** Snapshots K, 5 to 20; default 15. */
  readonly WINDOW?: number;
  /** What the residual is added to: 0 the oldest weight, 1 the newest, 2 nothing. */
  readonly BASE: number;
  /** False leaves the stream out: its constant is then in the packed output bias. */
  readonly KEEP_VALUE: boolean;
  readonly KEEP_DIFFERENCE: boolean;
}

/** Coordinates of one workgroup. */
const groupCoordinates: Readonly<Record<Tuning, number>> = { software: 128, gpu: 32 };

/** Kernel and grid that predict `count` coordinates. */
export function invwnnGeometry(
  count: number,
  tuning: Tuning,
  constants: InvWnnConstants,
): Geometry {
  return {
    shader: `predict/invwnn-${tuning}`,
    constants: { WINDOW: 15, ...constants },
    groups: foldGrid(count, groupCoordinates[tuning]),
  };
}
