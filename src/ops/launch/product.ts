/**
 * Launches of matrix products (shaders/product): a core for the adapter, the operands of one kind of
 * product, and scalar or vec4 lanes for each factor and the result.
 */
import type { Tuning } from "../../gpu/device.ts";
import type { UnboundLaunch } from "../../graph/value.ts";
import type { Constants } from "../../gpu/kernel.ts";
import { ceilDiv, foldGroups, softwareGrid } from "./tiles.ts";

/** A product c [m, n] = a b, made once or in several pieces by one dispatch. */
export interface Product {
  /** Path of the operands below `shaders/`. */
  readonly shader: string;
  /** Constants of the operands. */
  readonly constants: Constants;
  readonly m: number;
  readonly n: number;
  /** Products in the dispatch: slices of k, or classes of pixels. */
  readonly pieces: number;
  /** Which of the three are read and stored as vec4. */
  readonly vec4: Readonly<Record<"a" | "b" | "c", boolean>>;
}

/** Tile of one workgroup on a GPU. */
export interface Tile {
  /** Rows and columns of the tile, row and column quads a lane makes of it, lanes. */
  readonly constants: Readonly<Record<"BM" | "BN" | "TM" | "TN" | "WG", number>>;
  /** Expected arithmetic speed relative to the largest tile, when the GPU is full. */
  readonly speed: number;
}

function tile(bm: number, bn: number, tm: 1 | 2, tn: 1 | 2, speed: number): Tile {
  const WG = (bm * bn) / (16 * tm * tn);
  return { constants: { BM: bm, BN: bn, TM: tm, TN: tn, WG }, speed };
}

/**
 * The tiles to choose from. Lanes with 8 × 8 results load one vec4 per 16 multiply-adds, those with 4 × 4
 * one per 8. The speeds are estimates from that ratio and from published comparisons of tile sizes.
 */
export const tiles: readonly Tile[] = [
  tile(128, 128, 2, 2, 1),
  tile(128, 64, 2, 1, 0.85),
  tile(64, 128, 1, 2, 0.85),
  tile(64, 64, 2, 1, 0.75),
  tile(128, 32, 1, 1, 0.5),
  tile(32, 128, 1, 1, 0.5),
  tile(64, 32, 1, 1, 0.45),
  tile(32, 64, 1, 1, 0.45),
  tile(32, 32, 1, 1, 0.35),
];

/** Processors the choice of tiles plans for; WebGPU does not tell the real number. */
const processors = 128;

/** Workgroups that cover a product [m, n], without slices and copies. */
export function tileCount({ constants: { BM, BN } }: Tile, m: number, n: number): number {
  return ceilDiv(m, BM) * ceilDiv(n, BN);
}

/**
 * The tile for a product [m, n] on a GPU that makes the least work on the busiest processor.
 *
 * @param copies products of this shape in one dispatch: slices of k, classes of a stride. 0 means as
 *   many as it takes to fill the GPU, so that only wasted rows and columns count.
 */
export function chooseTile(m: number, n: number, copies: number): Tile {
  let best = tiles[0]!;
  let least = Infinity;
  for (const candidate of tiles) {
    const count = tileCount(candidate, m, n);
    const turns = copies === 0 ? count : ceilDiv(count * copies, processors);
    const { BM, BN } = candidate.constants;
    const cost = (turns * BM * BN) / candidate.speed;
    if (cost < least) {
      best = candidate;
      least = cost;
    }
  }
  return best;
}

/** The parts of a product beside its operands. */
function parts(tuning: Tuning, vec4: Product["vec4"]): string[] {
  const lanes = (["a", "b", "c"] as const).map(
    (name) => `${name}-${vec4[name] ? "vec4" : "scalar"}`,
  );
  return [tuning, ...lanes].map((part) => `product/${part}`);
}

/** Launch of a product on a GPU, in given tiles. Bindings: a, b, bias, c. */
export function productGpu(product: Product, tile: Tile): UnboundLaunch {
  const { shader, constants, m, n, pieces, vec4 } = product;
  return {
    shader,
    parts: parts("gpu", vec4),
    constants: { ...constants, ...tile.constants },
    groups: foldGroups(tileCount(tile, m, n) * pieces),
  };
}

/** Launch of a product on a software adapter, `vt` vec4 columns a lane. Bindings: a, b, bias, c. */
export function productSoftware(product: Product, vt: number): UnboundLaunch {
  const { shader, constants, m, n, pieces, vec4 } = product;
  const { wg, groups } = softwareGrid(ceilDiv(m, 8) * ceilDiv(n, 4 * vt) * pieces);
  return {
    shader,
    parts: parts("software", vec4),
    constants: { ...constants, VT: vt, WG: wg },
    groups,
  };
}
