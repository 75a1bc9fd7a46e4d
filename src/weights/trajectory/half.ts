/**
 * Snapshots in half precision: the oldest one stays as it is, the others are kept as differences from it, 2
 * bytes each: 32 bytes a weight for 15 snapshots instead of 60.
 */
import type { Gpu } from "../../gpu/device.ts";
import { Bound } from "../../graph/bound.ts";
import { elementwise } from "../../graph/elementwise.ts";
import { compile, type Program } from "../../graph/program.ts";
import type { Launch, Value } from "../../graph/value.ts";

/** Where a chunk's snapshots lie; the buffers belong to the trajectory. */
export interface HalfBuffers {
  /** Floats of a snapshot. */
  readonly stride: number;
  /** Snapshots are put here to be packed, and unpacked to here: K slices of `stride` floats. */
  readonly buffer: GPUBuffer;
  /** The oldest snapshot, and the differences of the others as pairs of halves. */
  readonly oldest: GPUBuffer;
  readonly differences: GPUBuffer;
}

/** Packs and unpacks one chunk's snapshots. Owns the program that does, and not the buffers. */
export class HalfChunk {
  readonly buffers: HalfBuffers;
  readonly #gpu: Gpu;
  readonly #window: number;
  /** Dispatch k - 1 packs snapshot k; the last one unpacks all. */
  readonly #program: Program;

  private constructor(gpu: Gpu, window: number, buffers: HalfBuffers, program: Program) {
    this.#gpu = gpu;
    this.#window = window;
    this.buffers = buffers;
    this.#program = program;
  }

  /** Compiles the kernels for a window of K snapshots. */
  static async create(gpu: Gpu, window: number, buffers: HalfBuffers): Promise<HalfChunk> {
    const { stride, buffer, oldest, differences } = buffers;
    const bound = new Bound();
    const snapshot = bound.buffer("snapshot", buffer, "f32", stride);
    const first = bound.buffer("oldest", oldest, "f32", stride);
    const words = stride / 2;
    const packs = Array.from({ length: window - 1 }, (_, k) => {
      const view = { buffer: differences, offset: 4 * k * words, size: 4 * words };
      const packed = bound.view(`difference ${k + 1}`, view, "u32");
      const bind = { snapshot, oldest: first, packed };
      return elementwise(gpu.tuning, { shader: "trajectory/pack" }, stride, bind);
    });
    const snapshots = bound.buffer("snapshots", buffer, "f32", window * stride);
    const unpack = unpackLaunch(gpu, window, buffers, snapshots, bound);
    const { bindings } = bound;
    const program = await compile(gpu, [...packs, unpack], {
      label: "trajectory halves",
      bindings,
    });
    return new HalfChunk(gpu, window, buffers, program);
  }

  /** Records packing of snapshot k ≥ 1, which lies at the start of the shared buffer. */
  pack(encoder: GPUCommandEncoder, k: number): void {
    const pass = encoder.beginComputePass();
    this.#program.encode(pass, k - 1, k);
    pass.end();
  }

  /** Unpacks all snapshots into the shared buffer. */
  unpack(): void {
    this.#gpu.submit((encoder) => {
      const pass = encoder.beginComputePass();
      this.#program.encode(pass, this.#window - 1);
      pass.end();
    });
  }

  /** The launch that unpacks all snapshots into a value over the shared buffer. */
  unpacking(snapshots: Value, bound: Bound): Launch {
    return unpackLaunch(this.#gpu, this.#window, this.buffers, snapshots, bound);
  }

  destroy(): void {
    this.#program.destroy();
  }

  [Symbol.dispose](): void {
    this.destroy();
  }
}

function unpackLaunch(
  gpu: Gpu,
  window: number,
  { stride, oldest, differences }: HalfBuffers,
  snapshots: Value,
  bound: Bound,
): Launch {
  const bind = {
    oldest: bound.buffer("oldest", oldest, "f32", stride),
    differences: bound.buffer("differences", differences, "u32", ((window - 1) * stride) / 2),
    snapshots,
  };
  const kernel = { shader: "trajectory/unpack", constants: { SLICES: window - 1 } };
  return elementwise(gpu.tuning, kernel, stride, bind);
}
