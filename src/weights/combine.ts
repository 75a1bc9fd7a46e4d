/**
 * Linear combinations of two sets of weights, on the GPU: y becomes a · x + b · y, with factors of their own for
 * each parameter. Task vectors, lengthened steps and shortened rounds are points of the line through x
 * and y; a moving average is one, too.
 */
import { Bound } from "../graph/bound.ts";
import { elementwise } from "../graph/elementwise.ts";
import { compile, type Program } from "../graph/program.ts";
import type { Launch, Value } from "../graph/value.ts";
import type { Gpu, Tuning } from "../gpu/device.ts";
import { Owned } from "../gpu/owned.ts";
import type { Arena, ParameterKind, Slot } from "./arena.ts";

/** Launch of y = a x + b y over n floats, (a, b, 1 where a + b = 1, 0) being the row of `factors` [rows, 4]. */
export function combineLaunch(
  tuning: Tuning,
  n: number,
  row: number,
  bind: Readonly<Record<"x" | "y" | "factors", Value>>,
): Launch {
  const kernel = { shader: "weights/combine", uniforms: { row: Uint32Array.of(row) } };
  return elementwise(tuning, kernel, n, bind);
}

/**
 * What y becomes: a · x + b · y, or, given one number t, the point x + t (y - x) of the line through both: 0
 * gives x and 1 leaves y, to the bit; 2 goes as far again beyond y, and -1 as far back beyond x.
 */
export type Factors = number | { readonly a: number; readonly b: number };

/** y ← a · x + b · y on slots of two arenas of one layout. Owns its program and the table of factors. */
export class Combination {
  readonly #gpu: Gpu;
  readonly #owned: Owned;
  readonly #program: Program;
  readonly #bound: Bound;
  readonly #factors: Value;
  readonly #slots: readonly Slot[];

  private constructor(
    gpu: Gpu,
    slots: readonly Slot[],
    {
      owned,
      program,
      bound,
      factors,
    }: { owned: Owned; program: Program; bound: Bound; factors: Value },
  ) {
    this.#gpu = gpu;
    this.#slots = slots;
    this.#owned = owned;
    this.#program = program;
    this.#bound = bound;
    this.#factors = factors;
  }

  /** @param slots parameters that {@link run} changes: all, where they are left out. */
  static async create(
    gpu: Gpu,
    x: Arena,
    y: Arena,
    slots: readonly Slot[] = y.layout.slots,
  ): Promise<Combination> {
    return Owned.during(async (owned) => {
      const bound = owned.add(new Bound());
      const factors = await bound.zeros(gpu, "factors", [Math.max(1, slots.length), 4]);
      const launches = slots.map((slot, row) =>
        combineLaunch(gpu.tuning, slot.size, row, {
          x: bound.slot(x, slot),
          y: bound.slot(y, slot),
          factors,
        }),
      );
      const { bindings } = bound;
      const program = owned.add(
        await compile(gpu, launches, { label: "combine weights", bindings }),
      );
      return new Combination(gpu, slots, { owned, program, bound, factors });
    });
  }

  /**
   * Combines; does not wait.
   *
   * @param factors the same for all parameters, or by kind or parameter.
   */
  run(factors: Factors | ((kind: ParameterKind, slot: Slot) => Factors)): void {
    const of = typeof factors === "function" ? factors : () => factors;
    const table = this.#slots.flatMap((slot) => {
      const factor = of(slot.kind, slot);
      return typeof factor === "number"
        ? [1 - factor, factor, 1, 0]
        : [factor.a, factor.b, Number(factor.a + factor.b === 1), 0];
    });
    this.#gpu.write(this.#bound.at(this.#factors).buffer, Float32Array.from(table));
    this.#program.run();
  }

  destroy(): void {
    this.#owned.destroy();
  }

  [Symbol.dispose](): void {
    this.destroy();
  }
}
