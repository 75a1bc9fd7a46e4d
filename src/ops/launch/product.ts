/**
 * Launches of matrix products (shaders/product): a core for the adapter, the operands of one kind of
 * product, and scalar or vec4 lanes for each factor and the result.
 */
import type { Tuning } from "../../gpu/device.ts";
import type { Launch, UnboundLaunch } from "../../graph/value.ts";
import type { Constants } from "../../gpu/kernel.ts";
import { foldGroups } from "../../graph/grid.ts";
import { type GpuTile, gpuTiles, groupsIn, processors } from "../../graph/product-tiles.ts";
import { ceilDiv, softwareGrid } from "./tiles.ts";

/** Sizes of a product, as shaders/product/sizes.wgsl has them. */
export interface ProductSizes {
  readonly m: number;
  readonly n: number;
  /** Steps of k of all pieces together, and of the longest. */
  readonly k: number;
  readonly longest: number;
  /** Steps of k that one line of a holds; all of them where it is absent. */
  readonly run?: number;
  /** Products in the dispatch: slices of k, or classes of pixels. */
  readonly pieces: number;
  /** How far b's elements are apart, from one step of k and from one column to the next. */
  readonly stepB: number;
  readonly columnB: number;
  /** Images of a convolution. */
  readonly images?: {
    /** x [N, h, w, cin]. */
    readonly x: readonly [h: number, w: number, cin: number];
    /** y [N, oh, ow, cout]. */
    readonly y: readonly [oh: number, ow: number, cout: number];
    /** Rows and columns of the pixels of x in the largest class. */
    readonly largest: readonly [h: number, w: number];
  };
}

const noImages: NonNullable<ProductSizes["images"]> = {
  ...{ x: [0, 0, 0], y: [0, 0, 0], largest: [0, 0] },
};

/** Sizes by their names as constants, in the order of the struct. */
function sizeConstants(sizes: ProductSizes): Record<string, number> {
  const { m, n, k, longest, run = 2 ** 31, pieces, stepB, columnB, images = noImages } = sizes;
  const [H, W, CIN] = images.x;
  const [OH, OW, COUT] = images.y;
  const [CLASS_H, CLASS_W] = images.largest;
  return {
    ...{ M: m, N: n, K: k, LONGEST: longest, RUN: run, PIECES: pieces },
    ...{ STEP_B: stepB, COLUMN_B: columnB },
    ...{ H, W, CIN, OH, OW, COUT, CLASS_H, CLASS_W },
  };
}

/** The part of a kernel that has its sizes, and the sizes. */
export function sized(
  tuning: Tuning,
  sizes: ProductSizes,
): Required<Pick<UnboundLaunch, "parts" | "constants" | "uniforms">> {
  const constants = sizeConstants(sizes);
  return tuning === "gpu"
    ? { parts: ["product/sizes-const"], constants, uniforms: {} }
    : {
        parts: ["product/sizes-uniform"],
        constants: {},
        uniforms: { sizes: Uint32Array.from(Object.values(constants)) },
      };
}

/** How far elements of b [k, n] ([n, k] if transposed) are apart. */
export function stepsOfB(
  transposed: boolean,
  k: number,
  n: number,
): Pick<ProductSizes, "stepB" | "columnB"> {
  return transposed ? { stepB: 1, columnB: k } : { stepB: n, columnB: 1 };
}

/** Steps of k in each of some slices but the last: a multiple of `grain`. */
export function sliceLength(k: number, slices: number, grain: number): number {
  return ceilDiv(k, grain * slices) * grain;
}

/** A product c [m, n] = a b, made once or in several pieces by one dispatch. */
export interface Product {
  /** Path of the operands below `shaders/`. */
  readonly shader: string;
  /** Constants of the operands. */
  readonly constants: Constants;
  readonly sizes: ProductSizes;
  /** Which of the three are read and stored as vec4. */
  readonly vec4: Readonly<Record<"a" | "b" | "c", boolean>>;
}

/** Tile of one workgroup on a GPU. */
export interface Tile {
  readonly constants: GpuTile;
  /** Expected arithmetic speed relative to the largest tile, when the GPU is full. */
  readonly speed: number;
}

/**
 * Speeds of {@link gpuTiles} in a product of 2048³ on an H200. A processor with one workgroup of the largest tile is as fast
 * as one with two: a product of 1024³, 64 such tiles on 132 processors, takes the time of 132.
 */
const speeds = [1, 0.91, 0.92, 0.94, 0.69, 0.69, 0.7, 0.7, 0.71] as const;

/** The tiles to choose from. */
export const tiles: readonly Tile[] = gpuTiles.map((constants, i) => ({
  constants,
  speed: speeds[i]!,
}));

/** Workgroups that cover a product [m, n], without slices and copies. */
export function tileCount({ constants }: Tile, m: number, n: number): number {
  return groupsIn({ m, n, pieces: 1 }, constants);
}

/** Results that the busiest processor makes, in those that the fastest tile makes in that time. */
function busiest(tile: Tile, m: number, n: number, copies: number): number {
  const { BM, BN } = tile.constants;
  return (ceilDiv(tileCount(tile, m, n) * copies, processors) * BM * BN) / tile.speed;
}

/**
 * The tile for a product [m, n] on a GPU that makes the least work on the busiest processor.
 *
 * @param copies products of this shape in one dispatch: slices of k, classes of a stride.
 */
export function chooseTile(m: number, n: number, copies: number): Tile {
  let best = tiles[0]!;
  let least = Infinity;
  for (const candidate of tiles) {
    const cost = busiest(candidate, m, n, copies);
    if (cost < least) {
      best = candidate;
      least = cost;
    }
  }
  return best;
}

/**
 * What a partial sum costs that is written and read again, and what a launch costs that adds them, in multiply-adds that
 * a GPU makes in that time: of all processors, and of one. From measurements on an H200: 17 T multiply-adds and 4.2 TB
 * a second, 4 µs a launch.
 */
const [partialCost, launchCost] = [32, 5e5] as const;

/** Workgroups a processor, beyond which more slices cannot fill it better. */
const mostTurns = 8;

/**
 * Tile and slices of k together for a product [m, n] on a GPU: those that end first, by the work of the busiest
 * processor and by what adding the slices costs.
 *
 * @param most slices at most.
 * @param copies products of this shape in one dispatch, each in so many slices.
 */
export function planProduct(
  m: number,
  n: number,
  k: number,
  most: number,
  copies = 1,
): { readonly tile: Tile; readonly slices: number } {
  const enough = Math.min(most, processors * mostTurns);
  let best = { tile: chooseTile(m, n, copies), slices: 1 };
  // Less than 5 % is within what the estimate is off by.
  let least = 0.95 * busiest(best.tile, m, n, copies) * sliceLength(k, 1, 16);
  for (let slices = 2; slices <= enough; slices++) {
    const all = copies * slices;
    const tile = chooseTile(m, n, all);
    const added = (all * m * n * partialCost) / processors + launchCost;
    const cost = busiest(tile, m, n, all) * sliceLength(k, slices, 16) + added;
    if (cost < least) [best, least] = [{ tile, slices }, cost];
  }
  return best;
}

/** The part of a product that does not add the rows of b. */
const alone = "product/without-sums";

/** The parts of a product beside its operands. */
function parts(tuning: Tuning, vec4: Product["vec4"]): string[] {
  const lanes = (["a", "b", "c"] as const).map(
    (name) => `${name}-${vec4[name] ? "vec4" : "scalar"}`,
  );
  return [
    ...[tuning, `rows-${tuning}`, ...lanes].map((part) => `product/${part}`),
    ...(tuning === "gpu" ? [alone] : []),
    "after/nothing",
  ];
}

/** Launch of a product on a GPU, in given tiles. Bindings: a, b, bias, c. */
export function productGpu(product: Product, tile: Tile): UnboundLaunch {
  const { shader, constants, sizes, vec4 } = product;
  const { m, n, pieces } = sizes;
  const known = sized("gpu", sizes);
  return {
    ...{ shader, parts: [...parts("gpu", vec4), ...known.parts] },
    constants: { ...constants, ...known.constants, COLUMNS: 4, ...tile.constants },
    groups: foldGroups(tileCount(tile, m, n) * pieces),
  };
}

/**
 * A product on a GPU that adds the rows of b as well, in as many pieces as it has (shaders/product/with-sums): where it is
 * a weight gradient, these are the bias gradient. Binding besides: column_sums [pieces, n]. Undefined where b's columns do
 * not come in fours, and for a kernel of another kind.
 */
export function withColumnSums<L extends Pick<Launch, "parts">>(launch: L): L | undefined {
  const { parts = [] } = launch;
  const fits = ["product/gpu", "product/c-vec4", alone].every((part) => parts.includes(part));
  if (!fits) return undefined;
  return { ...launch, parts: parts.map((part) => (part === alone ? "product/with-sums" : part)) };
}

/** Launch of a product on a software adapter, `vt` vec4 columns a lane. Bindings: a, b, bias, c. */
export function productSoftware(product: Product, vt: number): UnboundLaunch {
  const { shader, constants, sizes, vec4 } = product;
  const { m, n, pieces } = sizes;
  // A constant, as a lane would take longer to ask than to read.
  const columns: Constants = vec4.b ? {} : { COLUMNS: Math.min(4, n) };
  const { wg, groups } = softwareGrid(ceilDiv(m, 8) * ceilDiv(n, 4 * vt) * pieces);
  const asked = sized("software", sizes);
  return {
    ...{ shader, parts: [...parts("software", vec4), ...asked.parts] },
    constants: { ...constants, VT: vt, WG: wg, ...columns },
    uniforms: asked.uniforms,
    groups,
  };
}
