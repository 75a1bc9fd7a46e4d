/**
 * Tiles of the product cores (shaders/product): which there are, and a launch in another one.
 *
 * A tile decides how long a product takes and none of its bits: each result is one chain of sums over k, in order,
 * whatever the tile (test/ops/launch/product.test.ts). So it may be changed where a program is compiled, without anyone
 * knowing: by what `rewind tune` has measured on the device, else it is what the shape says (ops/launch/product.ts).
 */
import type { Gpu, Tuning } from "../gpu/device.ts";
import { textDigest } from "../gpu/tuned.ts";
import { foldGroups } from "./grid.ts";
import type { Launch } from "./value.ts";

/** A tile as the constants of its core. */
export type TileConstants = Readonly<Record<string, number>>;

/** Constants of product/gpu: rows and columns of a tile, row and column quads a lane makes of it, lanes, buffers. */
export type GpuTile = Readonly<Record<"BM" | "BN" | "TM" | "TN" | "WG" | "BUFFERS", number>>;

/** Constants of product/software: vec4 columns a lane, lanes. */
export type SoftwareTile = Readonly<Record<"VT" | "WG", number>>;

function gpuTile(BM: number, BN: number, TM: 1 | 2, TN: 1 | 2): GpuTile {
  return { BM, BN, TM, TN, WG: (BM * BN) / (16 * TM * TN), BUFFERS: 1 };
}

/** Processors that products are planned for, those of an H200; WebGPU does not tell the real number. */
export const processors = 132;

/** The tiles of product/gpu, the largest first. */
export const gpuTiles: readonly GpuTile[] = [
  gpuTile(128, 128, 2, 2),
  gpuTile(128, 64, 2, 1),
  gpuTile(64, 128, 1, 2),
  gpuTile(64, 64, 2, 1),
  gpuTile(128, 32, 1, 1),
  gpuTile(32, 128, 1, 1),
  gpuTile(64, 32, 1, 1),
  gpuTile(32, 64, 1, 1),
  gpuTile(32, 32, 1, 1),
];

/**
 * Tiles that nothing takes by itself, for `rewind tune` and the GPU hour to compare: those with 8 × 8 results in few lanes,
 * and all with two buffers, which save a barrier a round and take twice the memory. On an H200 none of them is faster than
 * 128×128 in large products (29 to 34 TFLOP/s for 34.7).
 */
export const variantTiles: readonly GpuTile[] = (() => {
  const few = [gpuTile(128, 64, 2, 2), gpuTile(64, 128, 2, 2), gpuTile(64, 64, 2, 2)];
  return [...few, ...[...gpuTiles, ...few].map((tile) => ({ ...tile, BUFFERS: 2 }))];
})();

/** Whether a tile fits the memory of a workgroup. */
export function fitsTile(
  { device }: { readonly device: Pick<GPUDevice, "limits"> },
  tile: TileConstants,
): boolean {
  const { BM = 0, BN = 0, BUFFERS = 0 } = tile as Partial<GpuTile>;
  return 64 * BUFFERS * (BM + BN) <= device.limits.maxComputeWorkgroupStorageSize;
}

/** The tiles of product/software. */
export const softwareTiles: readonly SoftwareTile[] = [4, 2, 1].flatMap((VT) =>
  [32, 16, 8].map((WG) => ({ VT, WG })),
);

/** The tiles of a core. */
export const coreTiles: Readonly<Record<Tuning, readonly TileConstants[]>> = {
  gpu: [...gpuTiles, ...variantTiles],
  software: softwareTiles,
};

/** The product core of a launch; undefined for a kernel of another kind. */
export function coreOf({ parts = [] }: Pick<Launch, "parts">): Tuning | undefined {
  return (["gpu", "software"] as const).find((core) => parts.includes(`product/${core}`));
}

/** A product: its result is [m, n], and it is made in so many pieces by one dispatch. */
export interface ProductSize {
  readonly m: number;
  readonly n: number;
  /** Steps of k of all pieces together. */
  readonly k: number;
  readonly pieces: number;
}

/** What retiling needs of a launch. */
export type ProductLaunch = Pick<Launch, "parts" | "constants" | "uniforms">;

/** Sizes of a product's launch: constants on a GPU, words of `sizes` on a software adapter (shaders/product/sizes.wgsl). */
export function sizeOf(launch: ProductLaunch): ProductSize {
  const { constants, uniforms } = launch;
  const words = uniforms?.["sizes"];
  const [m, n, k, pieces] =
    coreOf(launch) === "software"
      ? [0, 1, 2, 5].map((place) => words![place]!)
      : ["M", "N", "K", "PIECES"].map((name) => Number(constants[name]));
  return { m: m!, n: n!, k: k!, pieces: pieces! };
}

/** The tile of a product's launch; undefined where it has none of {@link coreTiles}. */
export function tileOf(launch: ProductLaunch): TileConstants | undefined {
  const core = coreOf(launch);
  return core && coreTiles[core].find((tile) => isIn(launch.constants, tile));
}

const isIn = (constants: Launch["constants"], tile: TileConstants): boolean =>
  Object.entries(tile).every(([name, value]) => constants[name] === value);

/** Workgroups that cover a product in tiles. */
export function groupsIn(
  { m, n, pieces }: Omit<ProductSize, "k">,
  tile: Pick<GpuTile, "BM" | "BN"> | SoftwareTile,
): number {
  if ("BM" in tile) return Math.ceil(m / tile.BM) * Math.ceil(n / tile.BN) * pieces;
  return Math.ceil((Math.ceil(m / 8) * Math.ceil(n / (4 * tile.VT)) * pieces) / tile.WG);
}

/** A product in another tile of its core, one of {@link coreTiles}: the same bits. */
export function retile<L extends ProductLaunch>(launch: L, tile: TileConstants): L {
  return {
    ...launch,
    constants: { ...launch.constants, ...tile },
    groups: foldGroups(groupsIn(sizeOf(launch), tile as GpuTile | SoftwareTile)),
  };
}

/** Whether a core has such a tile. */
export function isKnownTile(tile: TileConstants): boolean {
  return Object.values(coreTiles).some((tiles) => tiles.some((one) => isSame(one, tile)));
}

/** A tile by its sizes, for tables. */
export function tileName(tile: TileConstants): string {
  const { BM, BN, TM, TN, VT, WG, BUFFERS } = tile as Partial<GpuTile & SoftwareTile>;
  if (VT !== undefined) return `8×${4 * VT} a lane, ${WG} lanes`;
  return `${BM}×${BN} (${4 * TM!}×${4 * TN!} a lane${BUFFERS === 2 ? ", two buffers" : ""})`;
}

/** What a product's kernel is known by whatever its tile: shader, parts, constants and words of its sizes. */
export function productKey({ shader, entry, parts = [], ...launch }: Launch): string {
  const { constants, uniforms = {} } = launch;
  const tile = tileOf({ parts, constants }) ?? {};
  const fixed = Object.entries(constants)
    .filter(([name]) => !(name in tile))
    .map(([name, value]) => `${name}=${value}`);
  const words = Object.entries(uniforms).map(([name, values]) => `${name}=${values.join()}`);
  return [
    shader,
    ...(entry === undefined ? [] : [entry]),
    ...parts,
    ...fixed.sort(),
    ...words,
  ].join(" ");
}

/** A launch in the tile that was measured for it on the device, where one was and the shader is still the same. */
export async function inTunedTile(gpu: Gpu, launch: Launch): Promise<Launch> {
  if (gpu.tuned.size === 0 || tileOf(launch) === undefined) return launch;
  const choice = gpu.tuned.get(productKey(launch));
  if (choice === undefined || choice.shader !== (await textDigest(launch))) return launch;
  // What is in no list was written by nobody who measured, or before the list was as it is: it is left aside, as all
  // that does not fit.
  const tile = coreTiles[coreOf(launch)!].find(
    (one) => isSame(one, choice.tile) && fitsTile(gpu, one),
  );
  return tile === undefined ? launch : retile(launch, tile);
}

function isSame(a: TileConstants, b: TileConstants): boolean {
  return Object.keys(b).length === Object.keys(a).length && isIn(a, b);
}
