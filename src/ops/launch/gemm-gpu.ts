/** Launch of the matrix product on GPUs (shaders/gemm/gemm-gpu*.wgsl), and the choice of tiles. */
import type { SlicedGeometry } from "../../gpu/geometry.ts";
import type { GemmShape } from "./gemm-software.ts";
import { ceilDiv, foldGroups } from "./tiles.ts";

/** Tile of one workgroup: rows, columns, and the row and column quads a lane makes. */
interface Tile {
  readonly bm: number;
  readonly bn: number;
  readonly tm: 1 | 2;
  readonly tn: 1 | 2;
  /** Expected arithmetic speed relative to the largest tile, when the GPU is full. */
  readonly speed: number;
}

// Lanes with 8 x 8 results load one vec4 per 16 multiply-adds, those with 4 x 4 one per 8. The
// speeds are estimates from that ratio and from published comparisons of tile sizes.
const tiles: readonly Tile[] = [
  { bm: 128, bn: 128, tm: 2, tn: 2, speed: 1 },
  { bm: 128, bn: 64, tm: 2, tn: 1, speed: 0.85 },
  { bm: 64, bn: 128, tm: 1, tn: 2, speed: 0.85 },
  { bm: 64, bn: 64, tm: 2, tn: 1, speed: 0.75 },
  { bm: 128, bn: 32, tm: 1, tn: 1, speed: 0.5 },
  { bm: 32, bn: 128, tm: 1, tn: 1, speed: 0.5 },
  { bm: 64, bn: 32, tm: 1, tn: 1, speed: 0.45 },
  { bm: 32, bn: 64, tm: 1, tn: 1, speed: 0.45 },
  { bm: 32, bn: 32, tm: 1, tn: 1, speed: 0.35 },
];

/** Processors the choice of tiles plans for; WebGPU does not tell the real number. */
const processors = 128;

/** Tile constants and tile counts for a product with m rows and n columns. */
export interface TilePlan {
  readonly constants: Readonly<Record<"BM" | "BN" | "TM" | "TN" | "WG", number>>;
  /** Workgroups for the whole product, without slices and copies. */
  readonly count: number;
}

/**
 * Tiles for a product [m, n] that make the least work on the busiest processor.
 *
 * @param copies products of this shape in one dispatch: slices of k, classes of a stride. 0 means as
 *   many as it takes to fill the GPU, so that only wasted rows and columns count.
 */
export function planTiles(m: number, n: number, copies: number): TilePlan {
  let best = tiles[0]!;
  let least = Infinity;
  for (const tile of tiles) {
    const count = ceilDiv(m, tile.bm) * ceilDiv(n, tile.bn);
    const turns = copies === 0 ? count : ceilDiv(count * copies, processors);
    const cost = (turns * tile.bm * tile.bn) / tile.speed;
    if (cost < least) {
      best = tile;
      least = cost;
    }
  }
  const { bm, bn, tm, tn } = best;
  return {
    constants: { BM: bm, BN: bn, TM: tm, TN: tn, WG: (bm * bn) / (16 * tm * tn) },
    count: ceilDiv(m, bm) * ceilDiv(n, bn),
  };
}

/** Geometry of the matrix product on a GPU. Bindings: a, b, bias, c. */
export function gemmGpu(shape: GemmShape): SlicedGeometry {
  const { m, n, k, transA, transB } = shape;
  const slices = shape.slices ?? 1;
  const vec4 = n % 4 === 0 && (transA ? m : k) % 4 === 0 && (!transB || k % 4 === 0);
  const plan = planTiles(m, n, slices);
  return {
    shader: vec4 ? "gemm/gemm-gpu-vec4" : "gemm/gemm-gpu",
    constants: {
      ...{ M: m, N: n, K: k, TRANS_A: transA, TRANS_B: transB, SLICES: slices },
      ...{ HAS_BIAS: shape.hasBias && slices === 1 },
      ...plan.constants,
    },
    groups: foldGroups(plan.count * slices),
    slices,
  };
}
