/** What an optimiser keeps of a model from step to step. */
import { UsageError } from "../errors.ts";
import { Owned } from "../gpu/owned.ts";
import type { Model } from "../nn/model.ts";
import { type OptimizerSettings, stateArenas } from "../optim/index.ts";
import { Arena } from "../weights/arena.ts";
import { LossScale, type LossScaleState } from "./loss-scale.ts";

/** Optimiser state and step count: with the weights, all a training needs to resume to the same bits. */
export interface OptimizerState {
  readonly step: number;
  /** By parameter name, one map for each of the optimiser's arenas. */
  readonly moments: readonly Map<string, Float32Array>[];
  /** In mixed precision. */
  readonly lossScale?: LossScaleState | undefined;
}

/** Gradients, moments, step count and, in mixed precision, loss scale of one optimiser. Owns them. */
export class OptimizerArenas {
  readonly gradients: Arena;
  readonly moments: readonly Arena[];
  readonly lossScale: LossScale | undefined;
  /** Steps taken since the optimiser was made or reset. */
  step = 0;
  readonly #name: string;

  private constructor(
    name: string,
    parts: Pick<OptimizerArenas, "gradients" | "moments" | "lossScale">,
  ) {
    this.#name = name;
    this.gradients = parts.gradients;
    this.moments = parts.moments;
    this.lossScale = parts.lossScale;
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
      const mixed = gpu.precision === "mixed";
      const lossScale = mixed ? owned.add(await LossScale.create(gpu)) : undefined;
      return new OptimizerArenas(optimizer.name, { gradients, moments, lossScale });
    });
  }

  /** Forgets moments, the step count and the loss scale. */
  reset(): void {
    for (const arena of this.moments) arena.clear();
    this.lossScale?.reset();
    this.step = 0;
  }

  /** Downloads moments, the step count and the loss scale. */
  async save(): Promise<OptimizerState> {
    const moments: Map<string, Float32Array>[] = [];
    for (const arena of this.moments) moments.push(await arena.read());
    const lossScale = await this.lossScale?.read();
    return { step: this.step, moments, ...(lossScale && { lossScale }) };
  }

  /** Restores {@link save}'s result. @throws UsageError if it is of an optimiser with other moments. */
  load({ step, moments, lossScale }: OptimizerState): void {
    if (moments.length !== this.moments.length) {
      throw new UsageError(
        `optimiser "${this.#name}" keeps ${this.moments.length} moments, the state has ${moments.length}: it ` +
          "belongs to another optimiser.",
      );
    }
    moments.forEach((moment, i) =>
      moment.forEach((data, name) => this.moments[i]!.write(name, data)),
    );
    if (lossScale !== undefined) this.lossScale?.load(lossScale);
    this.step = step;
  }

  destroy(): void {
    for (const arena of [this.gradients, ...this.moments]) arena.destroy();
    this.lossScale?.destroy();
  }

  [Symbol.dispose](): void {
    this.destroy();
  }
}
