/**
 * What an adapter's matrix units make, compared with the right product before anything relies on it: drivers have
 * multiplied wrongly, and without a word.
 */
import { GpuError } from "../errors.ts";
import type { KernelCache } from "./kernel.ts";
import {
  fitsWorkgroup,
  matrixBuffers,
  type Matrices,
  type MatrixTile,
  matrixTiles,
} from "./matrices.ts";

/** What the check needs of a device. */
interface Checked {
  readonly device: GPUDevice;
  readonly kernels: KernelCache;
  readonly adapter: { readonly description: string };
  allocate<K extends string>(sizes: Readonly<Record<K, number>>): Promise<Record<K, GPUBuffer>>;
  free(...buffers: readonly GPUBuffer[]): void;
  write(buffer: GPUBuffer, data: ArrayBufferView): void;
  submit(encode: (encoder: GPUCommandEncoder) => void): void;
  read(view: {
    readonly buffer: GPUBuffer;
    readonly offset: number;
    readonly size: number;
  }): Promise<ArrayBuffer[]>;
}

/** A product whose last tiles are part full, and whose rounds of k are more than the buffers. */
const [m, n, k] = [140, 132, 100] as const;

/** Small integers: halves hold them, and float32 every sum of their products, in whatever order. */
const integers = (count: number, factor: number, range: number): Float32Array =>
  Float32Array.from({ length: count }, (_, i) => ((i * factor) % (2 * range + 1)) - range);

/** The kernel for a tile. */
function kernelOf(
  gpu: Checked,
  matrices: Matrices,
  tile: MatrixTile,
): Parameters<KernelCache["get"]>[0] {
  const none = { H: 0, W: 0, CIN: 0, OH: 0, OW: 0, COUT: 0, CLASS_H: 0, CLASS_W: 0 };
  return {
    shader: "gemm/product",
    parts: [
      ...["matrices", "rows-gpu", "a-vec4", "b-vec4", "c-vec4", "sizes-const"].map(
        (part) => `product/${part}`,
      ),
      ...["product/without-sums", "after/nothing", `matrix/${matrices}`],
    ],
    constants: {
      ...{ TRANS_A: false, TRANS_B: false, HAS_BIAS: false, COLUMNS: 4 },
      ...{ M: m, N: n, K: k, LONGEST: k, RUN: 2 ** 31, PIECES: 1, STEP_B: n, COLUMN_B: 1 },
      ...{ ...none, ...tile, BUFFERS: matrixBuffers(gpu, tile) },
    },
  };
}

/**
 * Multiplies small integers on the matrix units, in every tile (in one where they are emulated).
 *
 * @throws GpuError where a product is not exactly right.
 */
export async function requireExactMatrices(gpu: Checked, matrices: Matrices): Promise<void> {
  const fitting = matrixTiles.filter((tile) => fitsWorkgroup(gpu, tile));
  const tiles = matrices === "adapter" ? fitting : fitting.slice(-1);
  const [a, b] = [integers(m * k, 7919, 8), integers(k * n, 104_729, 6)];
  const right = Float32Array.from({ length: m * n }, (_, i) => {
    let sum = 0;
    for (let j = 0; j < k; j++) sum += a[Math.floor(i / n) * k + j]! * b[j * n + (i % n)]!;
    return sum;
  });
  const buffers = await gpu.allocate({ a: 4 * m * k, b: 4 * k * n, bias: 16, c: 4 * m * n });
  try {
    gpu.write(buffers.a, a);
    gpu.write(buffers.b, b);
    const kernels = await Promise.all(
      tiles.map((tile) => gpu.kernels.get(kernelOf(gpu, matrices, tile))),
    );
    for (const [i, { pipeline, layout, bindings }] of kernels.entries()) {
      const tile = tiles[i]!;
      const entries = bindings.map(({ name, index }) => ({
        binding: index,
        resource: { buffer: buffers[name as keyof typeof buffers] },
      }));
      gpu.submit((encoder) => {
        encoder.clearBuffer(buffers.c);
        const pass = encoder.beginComputePass();
        pass.setPipeline(pipeline);
        pass.setBindGroup(0, gpu.device.createBindGroup({ layout, entries }));
        pass.dispatchWorkgroups(Math.ceil(m / tile.BM) * Math.ceil(n / tile.BN));
        pass.end();
      });
      const [made] = await gpu.read({ buffer: buffers.c, offset: 0, size: 4 * m * n });
      const wrong = new Float32Array(made!).findIndex((value, at) => value !== right[at]);
      if (wrong < 0) continue;
      throw new GpuError(
        `the matrix units of adapter "${gpu.adapter.description}" multiply wrongly: element ${wrong} of a product ` +
          `[${m}, ${n}] in tiles of ${tile.BM} × ${tile.BN} is ${new Float32Array(made!)[wrong]}, and must be ` +
          `${right[wrong]}. Update its driver, or use \`precision=exact\` or \`precision=fast\`.`,
      );
    }
  } finally {
    gpu.free(...Object.values(buffers));
  }
}
