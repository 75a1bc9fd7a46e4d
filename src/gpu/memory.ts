/** Buffers of a device: made, counted and freed in one place. */
import { shown } from "../checked.ts";
import { OutOfMemoryError, UsageError } from "../errors.ts";
import { gpuAdvice } from "./advice.ts";

/** Settings of {@link BufferMemory.allocate}. */
export interface AllocateOptions {
  /** Default: storage that can be copied from and to. */
  readonly usage?: number | undefined;
  /** What the memory is for, as memory plans list it. */
  readonly purpose?: string | undefined;
}

/** The purpose of what is too small to have one of its own. */
const otherPurpose = "orders, tables and other";

/** Makes the buffers of a device, and counts what they take. */
export class BufferMemory {
  readonly #device: GPUDevice;
  readonly #race: <T>(work: Promise<T>) => Promise<T>;
  /** Objects that hold memory only to save time. They are destroyed before an allocation is refused. */
  readonly spare: Set<{ destroy(): void }> = new Set();
  readonly #purposes = new Map<GPUBuffer, string>();
  readonly #freed = new WeakSet<GPUBuffer>();
  #bytes = 0;
  #peak = 0;

  /** @param race waits for work, or fails as soon as the device is lost. */
  constructor(device: GPUDevice, race: <T>(work: Promise<T>) => Promise<T>) {
    this.#device = device;
    this.#race = race;
  }

  /** Bytes of live buffers. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The most that {@link bytes} has been. */
  get peak(): number {
    return this.#peak;
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
    const {
      usage: flags = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
      purpose = otherPurpose,
    } = options;
    const made: [K, GPUBuffer][] = [];
    const total = Object.values<number>(sizes).reduce((sum, size) => sum + size, 0);
    const refuse = (label: string, size: number, why: string): never => {
      for (const [, buffer] of made) buffer.destroy();
      throw new OutOfMemoryError(
        `out of GPU memory: buffer "${label}" of ${megabytes(size)} (of ${megabytes(total)} asked for, ` +
          `${megabytes(this.#bytes)} in use) was refused: ${why}. ${gpuAdvice.memory}`,
        { memory: this.#bytes + made.reduce((sum, [, buffer]) => sum + buffer.size, 0) },
      );
    };
    for (const [label, bytes] of Object.entries(sizes) as [K, number][]) {
      if (!(typeof bytes === "number" && bytes >= 0)) {
        throw new UsageError(
          `buffer "${label}" must have bytes of at least 0, got ${shown(bytes)}.`,
        );
      }
    }
    for (const [label, bytes] of Object.entries(sizes) as [K, number][]) {
      const size = Math.max(16, Math.ceil(bytes / 16) * 16);
      if (size > this.#device.limits.maxBufferSize) {
        refuse(
          label,
          size,
          `the adapter's largest buffer is ${megabytes(this.#device.limits.maxBufferSize)}`,
        );
      }
      let { buffer, error } = await this.#tryBuffer(label, size, flags);
      if (error !== null && this.spare.size > 0) {
        const given = [...this.spare];
        this.spare.clear();
        for (const part of given) part.destroy();
        ({ buffer, error } = await this.#tryBuffer(label, size, flags));
      }
      if (error !== null) refuse(label, size, error.message.trim().replace(/\.$/, ""));
      made.push([label, buffer]);
    }
    for (const [, buffer] of made) {
      this.#bytes += buffer.size;
      this.#purposes.set(buffer, purpose);
    }
    this.#peak = Math.max(this.#peak, this.#bytes);
    return Object.fromEntries(made) as Record<K, GPUBuffer>;
  }

  async #tryBuffer(
    label: string,
    size: number,
    usage: number,
  ): Promise<{ buffer: GPUBuffer; error: GPUError | null }> {
    this.#device.pushErrorScope("out-of-memory");
    const buffer = this.#device.createBuffer({ label, size, usage });
    return { buffer, error: await this.#race(this.#device.popErrorScope()) };
  }

  /** Frees buffers of {@link allocate}; one that is freed already stays so. */
  free(...buffers: readonly GPUBuffer[]): void {
    for (const buffer of buffers) {
      if (this.#purposes.delete(buffer)) this.#bytes -= buffer.size;
      this.#freed.add(buffer);
      buffer.destroy();
    }
  }

  /** Whether a buffer was freed. */
  isFreed(buffer: GPUBuffer): boolean {
    return this.#freed.has(buffer);
  }

  /** Bytes of live buffers by the purpose they were allocated for. */
  byPurpose(): Map<string, number> {
    const bytes = new Map<string, number>();
    for (const [buffer, purpose] of this.#purposes) {
      bytes.set(purpose, (bytes.get(purpose) ?? 0) + buffer.size);
    }
    return bytes;
  }
}

/** Bytes as MiB text for messages. */
export function megabytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(bytes < 2 ** 20 ? 3 : 1)} MiB`;
}
