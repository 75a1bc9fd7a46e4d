/** Every buffer of a device, whoever made it: how many there are, and the refusal of one. */
export class Buffers {
  readonly #live = new Map<GPUBuffer, number>();
  #bytes = 0;
  #made = 0;
  #allowed = Infinity;

  /** From now on the device tells this of its buffers. */
  constructor(device: GPUDevice) {
    const create = device.createBuffer.bind(device);
    const popErrorScope = device.popErrorScope.bind(device);
    let refused: { message: string } | null = null;
    replace(device, "createBuffer", (descriptor: GPUBufferDescriptor) => {
      this.#made++;
      // Only allocations look for a refusal; read-backs take buffers as they come.
      if (this.#made > this.#allowed && (descriptor.usage & GPUBufferUsage.MAP_READ) === 0) {
        refused = { message: "the test refuses it" };
        return { size: descriptor.size, destroy: () => undefined };
      }
      const buffer = create(descriptor);
      const destroy = buffer.destroy.bind(buffer);
      this.#live.set(buffer, buffer.size);
      this.#bytes += buffer.size;
      replace(buffer, "destroy", () => {
        if (this.#live.delete(buffer)) this.#bytes -= buffer.size;
        destroy();
      });
      return buffer;
    });
    replace(device, "popErrorScope", async () => {
      const error = refused;
      refused = null;
      return (await popErrorScope()) ?? error;
    });
  }

  /** Buffers that are not destroyed. */
  get count(): number {
    return this.#live.size;
  }

  /** Their bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Buffers made since the last {@link allow}. */
  get made(): number {
    return this.#made;
  }

  /** Lets so many more be allocated, and refuses those after them. */
  allow(buffers: number): void {
    this.#made = 0;
    this.#allowed = buffers;
  }
}

function replace(on: object, name: string, value: unknown): void {
  Object.defineProperty(on, name, { value, configurable: true });
}
