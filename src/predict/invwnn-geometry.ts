/** Launch of the fused InvWNN kernels. */
import type { Tuning } from "../gpu/device.ts";
import type { Geometry } from "../gpu/geometry.ts";
import { foldGrid } from "../graph/program.ts";

/** Prelude of the InvWNN kernels. */
export type InvWnnConstants = {
  /** Snapshots K, 5 to 20. */
  readonly WINDOW: number;
  /** What the residual is added to: 0 the oldest weight, 1 the newest, 2 nothing. */
  readonly BASE: number;
  /** False leaves the stream out: its constant is then in the packed output bias. */
  readonly KEEP_VALUE: boolean;
  readonly KEEP_DIFFERENCE: boolean;
};

/** Coordinates of one workgroup. */
const groupCoordinates: Readonly<Record<Tuning, number>> = { software: 128, gpu: 32 };

/** Multiply-adds of one coordinate times two: what the streams that are kept cost. */
export function invwnnFlop({ WINDOW, KEEP_VALUE, KEEP_DIFFERENCE }: InvWnnConstants): number {
  // 128x128, compress, three gate maps, 128x64 and the stream's half of the output.
  const shared = 128 * 128 + 4 * 128 * 8 + 128 * 64 + 64;
  const value = KEEP_VALUE ? 128 * WINDOW + shared : 0;
  const difference = KEEP_DIFFERENCE ? 128 * (WINDOW - 1) + shared : 0;
  return 2 * (value + difference);
}

/** Kernel and grid that predict `count` coordinates. */
export function invwnnGeometry(count: number, tuning: Tuning, constants: InvWnnConstants): Geometry {
  return {
    shader: `predict/invwnn-${tuning}`,
    constants,
    groups: foldGrid(count, groupCoordinates[tuning]),
  };
}
