/**
 * Matrix units: products of 16 × 16 matrices of halves, added in float32, that an adapter does as one instruction.
 *
 * WGSL reaches them through an experimental feature of Dawn (subgroup matrices). Elsewhere the same kernels can be run
 * with those products written out (shaders/matrix): slowly, to test them.
 */
import { GpuError } from "../errors.ts";

/** Who does the products of `precision: "mixed"`: the adapter's matrix units, or lanes that do the same, slowly. */
export type Matrices = (typeof matricesKinds)[number];

/** Their names: parts of shaders/matrix. */
export const matricesKinds = ["adapter", "emulated"] as const;

/** Options of Dawn without which it offers none; they count for the first device of a process. */
export const matricesOptions: readonly string[] = [
  "enable-dawn-features=allow_unsafe_apis,vulkan_enable_f16_on_nvidia",
];

/** Features that a device needs. */
export const matricesFeatures: readonly string[] = [
  "chromium-experimental-subgroup-matrix",
  "shader-f16",
];

/** A size that Dawn says an adapter's matrix units have. */
interface MatrixConfig {
  readonly componentType: string;
  readonly resultComponentType: string;
  readonly M: number;
  readonly N: number;
  readonly K: number;
}

/** Lanes of the subgroups that the kernels are written for. */
const subgroup = 32;

/** Why an adapter's matrix units cannot be used; undefined where they can. */
export function matricesMissing(
  adapter: Pick<GPUAdapter, "features" | "info">,
): string | undefined {
  const missing = matricesFeatures.filter((feature) => !adapter.features.has(feature));
  if (missing.length > 0) return `it does not offer ${missing.join(" and ")}`;
  const {
    subgroupMatrixConfigs = [],
    subgroupMinSize,
    subgroupMaxSize,
  } = adapter.info as {
    readonly subgroupMatrixConfigs?: Iterable<MatrixConfig>;
  } & GPUAdapterInfo;
  const fits = [...subgroupMatrixConfigs].some(
    ({ componentType, resultComponentType, M, N, K }) =>
      componentType === "f16" && resultComponentType === "f32" && M === 16 && N === 16 && K === 16,
  );
  if (!fits) return "it offers none of 16 × 16 × 16 halves with sums in float32";
  if (subgroupMinSize !== subgroup || subgroupMaxSize !== subgroup) {
    return `its subgroups have ${subgroupMinSize} to ${subgroupMaxSize} lanes, not ${subgroup}`;
  }
  return undefined;
}

/** @throws GpuError where an adapter has no matrix units that can be used. */
export function requireMatrices(adapter: Pick<GPUAdapter, "features" | "info">): void {
  const missing = matricesMissing(adapter);
  if (missing === undefined) return;
  throw new GpuError(
    `no matrix units for \`precision=mixed\`: adapter "${adapter.info.description}" cannot do it, as ${missing}. ` +
      "It takes Dawn (Node), a GPU with f16 matrices, and, in one process, no device of another precision before " +
      "it. Use `precision=exact` or `precision=fast`.",
  );
}

/** A tile of shaders/product/matrices as its constants: rows, columns, results a subgroup, lanes. */
export type MatrixTile = Readonly<Record<"BM" | "BN" | "FM" | "FN" | "WG", number>>;

function matrixTile(BM: number, BN: number, FM: 1 | 2, FN: 1 | 2 | 4): MatrixTile {
  return { BM, BN, FM, FN, WG: (BM * BN) / (8 * FM * FN) };
}

/** The tiles, the largest first. */
export const matrixTiles: readonly MatrixTile[] = [
  matrixTile(128, 128, 2, 4),
  matrixTile(128, 64, 2, 2),
  matrixTile(64, 128, 2, 2),
  matrixTile(64, 64, 2, 2),
  matrixTile(64, 32, 1, 2),
  matrixTile(32, 64, 2, 1),
  matrixTile(32, 32, 1, 1),
];

/** Bytes of workgroup memory that a tile takes. */
export function workgroupBytes({ BM, BN, WG }: MatrixTile, buffers: number): number {
  return buffers * 64 * (BM + BN + 16) + 32 * WG;
}

/** A device, as far as its limits go. */
interface Limited {
  readonly device: Pick<GPUDevice, "limits">;
}

/** Tiles of a and b that fit a workgroup's memory: two, or one. */
export function matrixBuffers({ device }: Limited, tile: MatrixTile): 1 | 2 {
  return workgroupBytes(tile, 2) <= device.limits.maxComputeWorkgroupStorageSize ? 2 : 1;
}

/** Whether a tile fits a workgroup of the device at all. */
export function fitsWorkgroup({ device }: Limited, tile: MatrixTile): boolean {
  return workgroupBytes(tile, 1) <= device.limits.maxComputeWorkgroupStorageSize;
}
