/** An exponential moving average of a network's tensors, which follows a training on the GPU. */
import { Bound } from "../graph/bound.ts";
import { combineLaunch } from "../weights/combine.ts";
import { Owned } from "../gpu/owned.ts";
import type { Model } from "../nn/model.ts";
import type { BoundLaunches } from "./trainer.ts";

/**
 * average ← decay · average + (1 - decay) · weights after every step, statistics of batch norm included (Polyak and
 * Juditsky 1992; what diffusion models are sampled with). It starts as a copy of the weights. Owns its tensors.
 */
export class MovingAverage {
  /** The averaged network. */
  readonly model: Model;
  /** What a step of the training does besides. */
  readonly step: BoundLaunches;
  readonly #owned: Owned;

  private constructor(model: Model, step: BoundLaunches, owned: Owned) {
    this.model = model;
    this.step = step;
    this.#owned = owned;
  }

  /** @param decay what a step keeps of the average, below 1. */
  static create(of: Model, decay: number): Promise<MovingAverage> {
    return Owned.during(async (owned) => {
      const { gpu } = of;
      const average = owned.add(await of.clone("average"));
      const bound = owned.add(new Bound());
      const factors = await bound.upload(
        gpu,
        "factors of the average",
        Float32Array.of(1 - decay, decay, 1, 0),
      );
      const launches = (["parameters", "statistics"] as const).flatMap((arena) =>
        of[arena].layout.shards.map((floats, shard) =>
          combineLaunch(gpu.tuning, floats, 0, {
            x: bound.view(`${arena}[${shard}]`, of[arena].shard(shard)),
            y: bound.view(`average ${arena}[${shard}]`, average[arena].shard(shard)),
            factors,
          }),
        ),
      );
      return new MovingAverage(average, { launches, bindings: bound.bindings }, owned);
    });
  }

  /** Makes the average the weights as they are now. */
  reset(of: Model): void {
    this.model.copyFrom(of);
  }

  destroy(): void {
    this.#owned.destroy();
  }

  [Symbol.dispose](): void {
    this.destroy();
  }
}
