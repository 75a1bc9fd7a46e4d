/** The control of the rewind: a step as long as the predicted one, in a random direction. */
import type { Arena, Slot } from "../weights/arena.ts";
import type { Gpu } from "../gpu/device.ts";
import { Bound } from "../graph/bound.ts";
import { compile, type Program } from "../graph/program.ts";

/** Replaces steps from a base by random ones of the same length, parameter by parameter. */
export class RandomDirection {
  readonly #gpu: Gpu;
  readonly #program: Program;
  readonly #buffers: Record<"settings" | "partial", GPUBuffer>;

  private constructor(
    gpu: Gpu,
    program: Program,
    buffers: Record<"settings" | "partial", GPUBuffer>,
  ) {
    this.#gpu = gpu;
    this.#program = program;
    this.#buffers = buffers;
  }

  /**
   * @param parameters arena of the weights after a step; overwritten by {@link apply}.
   * @param base arena of the weights the step started from.
   */
  static async create(
    gpu: Gpu,
    parameters: Arena,
    base: Arena,
    slots: readonly Slot[],
  ): Promise<RandomDirection> {
    const buffers = await gpu.allocate({ settings: 16, partial: 4 * 128 });
    const bound = new Bound();
    const settings = bound.buffer("settings", buffers.settings, "u32");
    const partial = bound.buffer("partial", buffers.partial);
    let first = 0;
    const launches = slots.flatMap((slot) => {
      const shader = "unlearn/noise";
      const constants = { N: slot.size, FIRST: first, PICTURES: 1, BOOST: 1, CAP: 1 };
      first += slot.size;
      const bind = {
        original: bound.slot(base, slot),
        settings,
        y: bound.slot(parameters, slot),
        partial,
      };
      const groups = [1, 1, 1] as const;
      return [
        { shader, entry: "norms", constants, bind, groups },
        { shader, entry: "direction", constants, bind, threads: slot.size },
      ];
    });
    const program = await compile(gpu, launches, {
      label: "random direction",
      bindings: bound.bindings,
    });
    return new RandomDirection(gpu, program, buffers);
  }

  /** Turns the step; the same seed gives the same direction. */
  async apply(seed: number): Promise<void> {
    this.#gpu.write(this.#buffers.settings, Uint32Array.of(seed, 0, 0, 0));
    this.#program.run();
    await this.#gpu.idle();
  }

  destroy(): void {
    this.#program.destroy();
    this.#gpu.free(...Object.values<GPUBuffer>(this.#buffers));
  }
}
