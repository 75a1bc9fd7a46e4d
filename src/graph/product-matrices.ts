/**
 * Products on matrix units (shaders/product/matrices): a launch that may round its factors to halves, made in the core for
 * them. This is how `precision: "mixed"` computes; sums, results and everything else stay float32.
 */
import type { Gpu } from "../gpu/device.ts";
import { fitsWorkgroup, matrixBuffers, type MatrixTile, matrixTiles } from "../gpu/matrices.ts";
import { foldGroups } from "./grid.ts";
import { coreOf, groupsIn, processors, type ProductSize, sizeOf } from "./product-tiles.ts";
import type { Launch } from "./value.ts";

/** The part of kernels that matrix units do. */
export const matricesPart = "product/matrices";

/** Marks the products among launches as ones whose factors may be rounded to halves. */
export function allowHalves(launches: readonly Launch[]): Launch[] {
  return launches.map((launch) =>
    coreOf(launch) === "gpu" ? { ...launch, halves: true } : launch,
  );
}

/** Speed of each of {@link matrixTiles} relative to the largest, in a product of 4096³ on an H200. */
const speeds = [1, 0.7, 0.63, 0.68, 0.39, 0.38, 0.32] as const;

/** The tile for a product, of those that fit a workgroup, that makes the least work on the busiest processor. */
function chooseTile(gpu: Gpu, size: ProductSize): MatrixTile | undefined {
  let best: MatrixTile | undefined;
  let least = Infinity;
  for (const [i, tile] of matrixTiles.entries()) {
    if (!fitsWorkgroup(gpu, tile)) continue;
    const turns = Math.ceil(groupsIn(size, tile) / processors);
    const cost = (turns * tile.BM * tile.BN) / speeds[i]!;
    if (cost < least) [best, least] = [tile, cost];
  }
  return best;
}

/** A product's launch as it runs on the device: on matrix units where it may, and they are asked for. */
export function inMatrices(gpu: Gpu, launch: Launch): Launch {
  if (launch.halves !== true || coreOf(launch) !== "gpu" || gpu.matrices === undefined)
    return launch;
  const tile = chooseTile(gpu, sizeOf(launch));
  return tile === undefined ? launch : inMatrixTile(gpu, launch, tile);
}

/** A launch of product/gpu in a tile of product/matrices. */
export function inMatrixTile(gpu: Gpu, launch: Launch, tile: MatrixTile): Launch {
  const size = sizeOf(launch);
  const { TM: _TM, TN: _TN, ...kept } = launch.constants;
  return {
    ...launch,
    parts: [
      ...launch.parts!.map((part) => (part === "product/gpu" ? matricesPart : part)),
      `matrix/${gpu.matrices}`,
    ],
    constants: { ...kept, ...tile, BUFFERS: matrixBuffers(gpu, tile) },
    groups: foldGroups(groupsIn(size, tile)),
  };
}
