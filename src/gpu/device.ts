/**
 * The device: the one error path, writing and read-back.
 *
 * Everything that touches the GPU goes through a {@link Gpu}. Errors the driver reports late are kept
 * and thrown by the next call, so that none passes in silence; each says what to do next.
 */
import { z } from "zod";
import { checked } from "../checked.ts";
import { openGpu } from "../platform/gpu.ts";
import { detectRuntime, type Runtime, runtimeVersion } from "../platform/runtime.ts";
import { DeviceLostError, GpuError, UsageError } from "../errors.ts";
import { type AdapterChoice, chooseAdapter, isSoftware, requestDevice } from "./adapter.ts";
import { gpuAdvice } from "./advice.ts";
import type { DispatchTimer } from "./dispatch-timer.ts";
import { KernelCache } from "./kernel.ts";
import { type AllocateOptions, BufferMemory } from "./memory.ts";
import { Pacing } from "./pacing.ts";
import {
  type Matrices,
  matricesFeatures,
  matricesKinds,
  matricesOptions,
  requireMatrices,
} from "./matrices.ts";
import { requireExactMatrices } from "./matrices-check.ts";
import { readTuned, type Tuned, tunedOf, tunedSchema, type TunedTable } from "./tuned.ts";

/** Which family of kernels fits the adapter: `gpu` has tiles in workgroup memory, `software` has none. */
export type Tuning = "gpu" | "software";

/**
 * What kernels may do to be faster. `exact` has direct sums alone, `fast` also convolutions in tiles, whose errors are up to
 * four times as large; both are float32 (docs/performance.md). `mixed` has matrix units multiply factors that are rounded to
 * halves, where an adapter has such units; sums, weights and all else are float32. A run goes on in the precision that it
 * was begun in only.
 */
export type Precision = (typeof precisions)[number];

/** Their names. */
export const precisions = ["exact", "fast", "mixed"] as const;

/** What kernels an operation takes. */
export interface KernelChoice {
  readonly tuning: Tuning;
  readonly precision: Precision;
}

/** Settings of {@link acquireDevice}. */
export interface DeviceOptions {
  /** `auto` (default) takes a real GPU when there is one and a software adapter otherwise. */
  readonly adapter?: AdapterChoice;
  /** Kernel family; by default it follows the adapter. Tests force it. */
  readonly tuning?: Tuning;
  /** `exact` by default. */
  readonly precision?: Precision;
  /**
   * Who multiplies in `mixed` precision: the adapter's matrix units (default), or the same kernels with those products
   * written out, which every adapter runs, slowly (for tests).
   */
  readonly matrices?: Matrices;
  /** Ask for the limits that every WebGPU adapter keeps, even if this one has more. */
  readonly defaultLimits?: boolean;
  /** Upper bound for one storage binding in bytes, below what the device allows (tests of sharding). */
  readonly maxBinding?: number;
  /** Dawn options for Node, such as `enable-dawn-features=…`; they count for the first device only. */
  readonly dawnOptions?: readonly string[];
  /**
   * Do not show two harmless warnings that Dawn prints on Node when it looks for adapters, on a terminal or in a pipe. No
   * thread of the process may open a file at that moment (errors go elsewhere meanwhile): so a program has to ask for it.
   */
  readonly quiet?: boolean;
  /**
   * Tiles of matrix products that were measured: those that `rewind tune` has kept for this adapter (true, the default; there
   * are none in browsers), a table that it has written, or those that follow from the shapes alone (false). They change how
   * long a kernel takes, and no bit of what it makes.
   */
  readonly tuned?: boolean | TunedTable;
}

/** What a report says about the adapter. */
export interface AdapterReport {
  readonly runtime: Runtime;
  readonly runtimeVersion: string;
  readonly vendor: string;
  readonly architecture: string;
  readonly device: string;
  readonly description: string;
  readonly software: boolean;
  readonly tuning: Tuning;
  readonly precision: Precision;
  /** Who multiplies in `mixed` precision; absent in others. */
  readonly matrices?: Matrices;
  readonly features: readonly string[];
}

/** One buffer, or a range of one. Offsets and sizes in bytes. */
export interface BufferView {
  readonly buffer: GPUBuffer;
  readonly offset: number;
  readonly size: number;
}

/** Bytes that a binding holds at least: a block of the weights. */
const leastBinding = 256;

const optionsSchema = z.strictObject({
  adapter: z.custom<AdapterChoice>().optional(),
  tuning: z.enum(["gpu", "software"]).optional(),
  precision: z.enum(precisions).optional(),
  matrices: z.enum(matricesKinds).optional(),
  defaultLimits: z.boolean().optional(),
  maxBinding: z.number().int().min(leastBinding).optional(),
  dawnOptions: z.array(z.string()).optional(),
  quiet: z.boolean().optional(),
  tuned: z.union([z.boolean(), tunedSchema]).optional(),
});

/**
 * Opens a device on Node, Deno or a browser with the limits the adapter really has.
 *
 * @throws UsageError for an option that is not valid; GpuError when no adapter fits the choice, the device is refused, or
 *   the adapter has no matrix units for `mixed` precision, or ones that multiply wrongly.
 */
export async function acquireDevice(given: DeviceOptions = {}): Promise<Gpu> {
  const options = checked(optionsSchema, given, "acquireDevice");
  const matrices = matricesOf(options);
  const adapter = await chooseAdapter(
    await openGpu([
      ...(matrices === "adapter" ? matricesOptions : []),
      ...(options.dawnOptions ?? []),
    ]),
    options.adapter ?? "auto",
    options.quiet,
  );
  if (matrices === "adapter") requireMatrices(adapter);
  const software = isSoftware(adapter.info);
  const features = matrices === "adapter" ? matricesFeatures : [];
  const device = await requestDevice(adapter, options.defaultLimits === true, features);
  const { vendor, architecture, device: deviceName, description } = adapter.info;
  const report: AdapterReport = {
    runtime: detectRuntime(),
    runtimeVersion: runtimeVersion(),
    vendor,
    architecture,
    device: deviceName,
    description,
    software,
    tuning: options.tuning ?? (software && matrices === undefined ? "software" : "gpu"),
    precision: options.precision ?? "exact",
    ...(matrices === undefined ? {} : { matrices }),
    features: [...adapter.features].sort(),
  };
  const { tuned = true } = options;
  const table = tuned === true ? (await readTuned(report)).table : tuned || undefined;
  const gpu = new Gpu(device, report, options.maxBinding, tunedOf(table));
  try {
    if (matrices !== undefined) await requireExactMatrices(gpu, matrices);
  } catch (cause) {
    gpu.close();
    throw cause;
  }
  return gpu;
}

/** Who multiplies on a device with these options. @throws UsageError for options that do not go together. */
function matricesOf({
  precision,
  matrices,
  tuning,
}: z.output<typeof optionsSchema>): Matrices | undefined {
  if (precision !== "mixed") {
    if (matrices === undefined) return undefined;
    throw new UsageError(
      `acquireDevice: \`matrices\` is for \`precision: "mixed"\`, which is ${precision === undefined ? "left out" : `"${precision}"`}.`,
    );
  }
  if (tuning === "software") {
    throw new UsageError(
      'acquireDevice: `precision: "mixed"` takes kernels of the tuning "gpu"; leave `tuning` out.',
    );
  }
  return matrices ?? "adapter";
}

/** Bytes that a range takes among others, each of which begins at a multiple of 4. */
function stagedBytes({ size }: BufferView): number {
  return Math.ceil(size / 4) * 4;
}

/** An open device with its kernel cache, its error state and its read-back counters. */
export class Gpu {
  readonly device: GPUDevice;
  readonly adapter: AdapterReport;
  readonly kernels: KernelCache;
  /** Tiles that were measured on the adapter, by the kernels that are made in them. */
  readonly tuned: Tuned;
  /** Times the first replays of every program when set. */
  profiler: DispatchTimer | undefined;
  /** Bytes of the largest storage binding; tensors and shards stay below. */
  readonly maxBinding: number;
  /** Bytes mapped to the host since the device was opened: proves what a rewind reads back. */
  mappedBytes = 0;
  readonly #memory: BufferMemory;
  #failure: GpuError | undefined;
  #lost: DeviceLostError | undefined;
  #closed = false;
  /** What ends the waits under way where the device is lost. */
  readonly #waits = new Set<(cause: GpuError) => void>();
  readonly #pacing: Pacing;
  readonly #report = ({ error }: GPUUncapturedErrorEvent): void => {
    const said = error.message.trim().replace(/\.$/, "");
    const advice = /destroyed/i.test(said)
      ? "Something was used after it was destroyed: keep models, data sets and programs until nothing uses them."
      : `This is a bug in a kernel or its launch; ${gpuAdvice.fault}`;
    this.#failure ??= new GpuError(`the GPU reported: ${said}. ${advice}`);
  };

  constructor(
    device: GPUDevice,
    adapter: AdapterReport,
    maxBinding: number = Infinity,
    tuned: Tuned = tunedOf(),
  ) {
    this.device = device;
    this.adapter = adapter;
    this.tuned = tuned;
    this.maxBinding = Math.min(maxBinding, device.limits.maxStorageBufferBindingSize);
    this.kernels = new KernelCache(device);
    this.#memory = new BufferMemory(device, (work) => this.race(work));
    this.#pacing = new Pacing(adapter.runtime === "node" && adapter.software);
    device.addEventListener("uncapturederror", this.#report);
    void device.lost.then((info) => {
      this.#lost = new DeviceLostError(
        `the device was lost (${info.reason ?? "unknown"}): ` +
          `${info.message.trim().replace(/\.$/, "") || "no message from the driver"}. ${gpuAdvice.lost}`,
      );
      for (const end of this.#waits) end(this.#lost);
    });
  }

  get tuning(): Tuning {
    return this.adapter.tuning;
  }

  /** What the kernels of graphs on this device may do to be faster. */
  get precision(): Precision {
    return this.adapter.precision;
  }

  /** Who multiplies in `mixed` precision; undefined in others. */
  get matrices(): Matrices | undefined {
    return this.adapter.matrices;
  }

  /** Bytes of live buffers made through {@link allocate}. */
  get allocatedBytes(): number {
    return this.#memory.bytes;
  }

  /** The most that {@link allocatedBytes} has been. */
  get peakBytes(): number {
    return this.#memory.peak;
  }

  /** Objects that hold memory only to save time. They are destroyed before an allocation is refused. */
  get spare(): Set<{ destroy(): void }> {
    return this.#memory.spare;
  }

  /** Why the device is gone, if it is. */
  get lost(): DeviceLostError | undefined {
    return this.#lost;
  }

  /** Throws the first error the device reported since the last call, if any. */
  check(): void {
    if (this.#closed) throw new GpuError("this device was closed: acquire a new one.");
    const failure = this.#failure ?? this.#lost;
    this.#failure = undefined;
    if (failure !== undefined) throw failure;
  }

  /** Waits for `work`, or fails as soon as the device is lost. */
  async race<T>(work: Promise<T>): Promise<T> {
    // Not by Promise.race: the promise of the loss would hold every wait, with its result, until the device is lost.
    let end: ((cause: GpuError) => void) | undefined;
    try {
      const result = await new Promise<T>((resolve, reject) => {
        work.then(resolve, reject);
        if (this.#lost !== undefined) return reject(this.#lost);
        end = reject;
        return this.#waits.add(end);
      });
      this.check();
      return result;
    } catch (cause) {
      // What a loss ends may fail before the loss is told.
      await new Promise((resolve) => setTimeout(resolve));
      throw this.#lost ?? cause;
    } finally {
      if (end !== undefined) this.#waits.delete(end);
    }
  }

  /**
   * Makes zeroed storage buffers that can be copied from and to.
   *
   * @param sizes bytes by label; each is rounded up to 16.
   * @throws OutOfMemoryError naming the buffer and the sum asked for.
   */
  async allocate<K extends string>(
    sizes: Readonly<Record<K, number>>,
    options: AllocateOptions = {},
  ): Promise<Record<K, GPUBuffer>> {
    this.check();
    return this.#memory.allocate(sizes, options);
  }

  /** Frees buffers of {@link allocate}. */
  free(...buffers: readonly GPUBuffer[]): void {
    this.#memory.free(...buffers);
  }

  /** Whether a buffer was freed: nothing may use it. */
  isFreed(buffer: GPUBuffer): boolean {
    return this.#memory.isFreed(buffer);
  }

  #requireLive(buffer: GPUBuffer): void {
    if (!this.isFreed(buffer)) return;
    throw new UsageError(
      `buffer "${buffer.label}" was freed: what it belongs to was destroyed, and cannot be used any more.`,
    );
  }

  /** Bytes of live buffers made through {@link allocate}, by the purpose they were allocated for. */
  bytesByPurpose(): Map<string, number> {
    return this.#memory.byPurpose();
  }

  /** Writes host data at a byte offset; takes effect before the next submit. */
  write(buffer: GPUBuffer, data: ArrayBufferView, offset = 0): void {
    this.#requireLive(buffer);
    // A plain Uint8Array of exactly the right length: older Deno versions counted other views wrongly.
    const bytes = new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);
    const whole = bytes.byteLength & ~3;
    // Deno panics on a write of no bytes.
    if (whole > 0) this.device.queue.writeBuffer(buffer, offset, bytes.subarray(0, whole));
    if (whole < bytes.byteLength) {
      const tail = new Uint8Array(4);
      tail.set(bytes.subarray(whole));
      this.device.queue.writeBuffer(buffer, offset + whole, tail);
    }
  }

  /** Submits what `encode` records. `cost` (any constant unit of the same `key`) paces the next wait. */
  submit(
    encode: (encoder: GPUCommandEncoder) => void,
    cost = 0,
    key = "other",
    first = false,
  ): void {
    this.check();
    const encoder = this.device.createCommandEncoder();
    encode(encoder);
    this.device.queue.submit([encoder.finish()]);
    if (cost > 0) this.#pacing.submitted(cost, key, first);
  }

  /**
   * Reads ranges back; each result is a copy of `size` bytes. In one fence, or in as many as there have to be buffers that
   * hold them.
   */
  async read(...views: readonly BufferView[]): Promise<ArrayBuffer[]> {
    this.check();
    for (const { buffer } of views) this.#requireLive(buffer);
    const most = this.device.limits.maxBufferSize;
    const groups: BufferView[][] = [[]];
    let size = 0;
    for (const view of views) {
      const own = stagedBytes(view);
      if (size > 0 && size + own > most) {
        groups.push([]);
        size = 0;
      }
      groups.at(-1)!.push(view);
      size += own;
    }
    const results: ArrayBuffer[] = [];
    for (const group of groups) results.push(...(await this.#readTogether(group)));
    return results;
  }

  async #readTogether(views: readonly BufferView[]): Promise<ArrayBuffer[]> {
    const size = views.reduce((sum, view) => sum + stagedBytes(view), 0);
    const staging = this.device.createBuffer({
      label: "staging",
      size: Math.max(4, size),
      usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
    });
    try {
      this.submit((encoder) => {
        let at = 0;
        for (const view of views) {
          const bytes = stagedBytes(view);
          encoder.copyBufferToBuffer(view.buffer, view.offset, staging, at, bytes);
          at += bytes;
        }
      });
      await this.#pacing.sleep();
      await this.race(staging.mapAsync(GPUMapMode.READ));
      this.#pacing.finished();
      const mapped = staging.getMappedRange();
      this.mappedBytes += size;
      let at = 0;
      return views.map((view) => {
        const part = mapped.slice(at, at + view.size);
        at += stagedBytes(view);
        return part;
      });
    } finally {
      staging.destroy();
    }
  }

  /** Reads a whole buffer or a range of it as float32. */
  async readFloats(view: BufferView | GPUBuffer): Promise<Float32Array> {
    const range = "buffer" in view ? view : { buffer: view, offset: 0, size: view.size };
    const [bytes] = await this.read(range);
    return new Float32Array(bytes!);
  }

  /** Waits until everything submitted is done. */
  async idle(): Promise<void> {
    this.check();
    await this.#pacing.sleep();
    await this.race(this.device.queue.onSubmittedWorkDone());
    this.#pacing.finished();
  }

  /** Closes the device; later calls throw. */
  close(): void {
    this.#closed = true;
    this.device.destroy();
    // What the device still holds of this, nothing could collect.
    this.device.removeEventListener("uncapturederror", this.#report);
    this.kernels.clear();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
