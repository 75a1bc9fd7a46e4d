/** Random directions of a given length: steps as long as others, parameter by parameter. */
import { Bound } from "../graph/bound.ts";
import { compile, type Program } from "../graph/program.ts";
import type { Value } from "../graph/value.ts";
import type { Gpu } from "../gpu/device.ts";
import { Owned } from "../gpu/owned.ts";
import type { Arena, Slot } from "./arena.ts";

/** Replaces steps from a base by random ones of the same length. Owns its program and two small buffers. */
export class RandomDirection {
  readonly #gpu: Gpu;
  readonly #owned: Owned;
  readonly #program: Program;
  readonly #bound: Bound;
  readonly #settings: Value;

  private constructor(gpu: Gpu, owned: Owned, program: Program, bound: Bound, settings: Value) {
    this.#gpu = gpu;
    this.#owned = owned;
    this.#program = program;
    this.#bound = bound;
    this.#settings = settings;
  }

  /**
   * @param parameters arena of the weights after a step; overwritten by {@link apply}.
   * @param base arena of the weights the step started from.
   * @param slots parameters whose steps are replaced.
   */
  static async create(
    gpu: Gpu,
    parameters: Arena,
    base: Arena,
    slots: readonly Slot[],
  ): Promise<RandomDirection> {
    return Owned.during(async (owned) => {
      const bound = owned.add(new Bound());
      const settings = await bound.zeros(gpu, "settings", [4], "u32");
      const partial = await bound.zeros(gpu, "partial", [2, 64]);
      let first = 0;
      const launches = slots.flatMap((slot) => {
        const shader = "weights/direction";
        const constants = { N: slot.size, FIRST: first };
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
      const { bindings } = bound;
      const program = owned.add(
        await compile(gpu, launches, { label: "random direction", bindings }),
      );
      return new RandomDirection(gpu, owned, program, bound, settings);
    });
  }

  /** Turns the step; the same seed gives the same direction. */
  async apply(seed: number): Promise<void> {
    this.#gpu.write(this.#bound.at(this.#settings).buffer, Uint32Array.of(seed, 0, 0, 0));
    this.#program.run();
    await this.#gpu.idle();
  }

  destroy(): void {
    this.#owned.destroy();
  }

  [Symbol.dispose](): void {
    this.destroy();
  }
}
