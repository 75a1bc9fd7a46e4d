/**
 * Dynamic loss scaling (Micikevicius et al. 2018), for gradients in half precision: the loss counts times a power of two,
 * which the gradients lose again before the update. Where one of them is too large the step is left out and the factor
 * halved; after 2,000 good steps it is doubled. All on the device: a replay reads nothing back, and repeats bit by bit.
 */
import type { Gpu } from "../gpu/device.ts";
import { Owned } from "../gpu/owned.ts";
import { Bound } from "../graph/bound.ts";
import { elementwise } from "../graph/elementwise.ts";
import { type Launch, Value } from "../graph/value.ts";
import type { Tensors } from "../nn/model.ts";
import type { ShardValues } from "../optim/optimizer.ts";

const [initial, least, most] = [2 ** 15, 1, 2 ** 24] as const;

/** Good steps in a row after which the factor is doubled. */
const growth = 2000;

/** The factor, and what became of it. */
export interface LossScaleState {
  readonly factor: number;
  /** Good steps since the factor was changed. */
  readonly good: number;
  /** Steps that were left out. */
  readonly skipped: number;
}

/** The tensor that states of runs keep it in. */
export const lossScaleName = "lossScale";

/** A state as that tensor. */
export function lossScaleTensor({ factor, good, skipped }: LossScaleState): {
  readonly shape: readonly number[];
  readonly data: Float32Array<ArrayBuffer>;
} {
  return { shape: [3], data: Float32Array.of(factor, good, skipped) };
}

/** The state among tensors; undefined where there is none. */
export function lossScaleOf(tensors: Tensors): LossScaleState | undefined {
  const [factor, good, skipped] = tensors.get(lossScaleName)?.data ?? [];
  if (factor === undefined || good === undefined || skipped === undefined) return undefined;
  return { factor, good, skipped };
}

/** A factor and its state. Owns their buffers. */
export class LossScale {
  /** The factor: what the gradient of the loss starts from instead of 1. */
  readonly cotangent: Value = new Value("loss scale", [1], "f32", "bound");
  readonly bound: Bound;
  readonly #gpu: Gpu;
  readonly #state: Value;
  readonly #overflow: Value;

  private constructor(gpu: Gpu, bound: Bound, state: Value, overflow: Value) {
    this.#gpu = gpu;
    this.bound = bound;
    this.#state = state;
    this.#overflow = overflow;
    bound.bindings.set(this.cotangent, bound.at(state));
    this.reset();
  }

  static create(gpu: Gpu): Promise<LossScale> {
    return Owned.during(async (owned) => {
      const bound = owned.add(new Bound());
      const purpose = { purpose: "optimiser state" };
      const state = await bound.zeros(gpu, "loss scale", [4], "f32", purpose);
      const overflow = await bound.zeros(gpu, "gradient overflow", [1], "u32", purpose);
      return new LossScale(gpu, bound, state, overflow);
    });
  }

  /** Launches between backward pass and update: gradients lose the factor, and a step with one too large its rows. */
  launches(shards: readonly ShardValues[]): Launch[] {
    const shared = { loss_scale: this.#state, overflow: this.#overflow };
    return [
      ...shards.map(({ gradients, blocks }) =>
        elementwise(this.#gpu.tuning, { shader: "optim/unscale" }, gradients.size, {
          ...{ gradients, blocks, ...shared },
        }),
      ),
      {
        shader: "optim/loss-scale",
        constants: { GROWTH: growth, LEAST: least, MOST: most },
        bind: { ...shared, step: shards[0]!.step },
        threads: 1,
      },
    ];
  }

  /** Starts over. */
  reset(): void {
    this.load({ factor: initial, good: 0, skipped: 0 });
  }

  async read(): Promise<LossScaleState> {
    const [bytes] = await this.#gpu.read(this.bound.at(this.#state));
    const [factor, good, skipped] = new Float32Array(bytes!);
    return { factor: factor!, good: good!, skipped: skipped! };
  }

  /** Restores {@link read}'s result. */
  load({ factor, good, skipped }: LossScaleState): void {
    this.#gpu.write(this.bound.at(this.#state).buffer, Float32Array.of(factor, good, skipped, 0));
  }

  destroy(): void {
    this.bound.destroy();
  }

  [Symbol.dispose](): void {
    this.destroy();
  }
}
