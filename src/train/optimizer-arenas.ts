/** What an optimiser keeps of a model from step to step. */
import { UsageError } from "../errors.ts";
import { Owned } from "../gpu/owned.ts";
import type { Model } from "../nn/model.ts";
import { type OptimizerSettings, stateArenas } from "../optim/index.ts";
import { Arena } from "../weights/arena.ts";

/** Optimiser state and step count: with the weights, all a training needs to resume to the same bits. */
export interface OptimizerState {
  readonly step: number;
  /** By parameter name, one map for each of the optimiser's arenas. */
  readonly moments: readonly Map<string, Float32Array>[];
}

/** Gradients, moments and step count of one optimiser. Owns the arenas. */
export class OptimizerArenas {
  readonly gradients: Arena;
  readonly moments: readonly Arena[];
  /** Steps taken since the optimiser was made or reset. */
  step = 0;
  readonly #name: string;

  private constructor(name: string, gradients: Arena, moments: readonly Arena[]) {
    this.#name = name;
    this.gradients = gradients;
    this.moments = moments;
  }

  /** Arenas of zeros. */
  static create(
    { gpu, parameters }: Model,
    optimizer: OptimizerSettings,
  ): Promise<OptimizerArenas> {
    const { layout } = parameters;
    return Owned.during(async (owned) => {
      const gradients = owned.add(await Arena.create(gpu, layout, "gradients", "gradients"));
      const moments: Arena[] = [];
      for (let i = 1; i <= stateArenas(optimizer); i++) {
        moments.push(owned.add(await Arena.create(gpu, layout, `moment${i}`, "optimiser state")));
      }
      return new OptimizerArenas(optimizer.name, gradients, moments);
    });
  }

  /** Forgets moments and the step count. */
  reset(): void {
    for (const arena of this.moments) arena.clear();
    this.step = 0;
  }

  /** Downloads moments and the step count. */
  async save(): Promise<OptimizerState> {
    const moments: Map<string, Float32Array>[] = [];
    for (const arena of this.moments) moments.push(await arena.read());
    return { step: this.step, moments };
  }

  /** Restores {@link save}'s result. @throws UsageError if it is of an optimiser with other moments. */
  load({ step, moments }: OptimizerState): void {
    if (moments.length !== this.moments.length) {
      throw new UsageError(
        `optimiser "${this.#name}" keeps ${this.moments.length} moments, the state has ${moments.length}: it ` +
          "belongs to another optimiser.",
      );
    }
    moments.forEach((moment, i) =>
      moment.forEach((data, name) => this.moments[i]!.write(name, data)),
    );
    this.step = step;
  }

  destroy(): void {
    for (const arena of [this.gradients, ...this.moments]) arena.destroy();
  }

  [Symbol.dispose](): void {
    this.destroy();
  }
}
