/** Optimisers: one dispatch a shard of the arena; the state is a pair of arenas, so it can be saved. */
import type { Launch, Value } from "../graph/value.ts";

/** Adam's settings; the defaults are the paper's (learning rate aside, which is given per step). */
export interface AdamSettings {
  readonly name: "adam";
  readonly beta1?: number | undefined;
  readonly beta2?: number | undefined;
  readonly epsilon?: number | undefined;
  readonly weightDecay?: number | undefined;
  /** AdamW: decay the weights directly instead of through the gradient. */
  readonly decoupled?: boolean | undefined;
}

/** Settings of stochastic gradient descent. */
export interface SgdSettings {
  readonly name: "sgd";
  readonly momentum?: number | undefined;
  readonly nesterov?: boolean | undefined;
  readonly weightDecay?: number | undefined;
}

/** Which optimiser, with its settings. */
export type OptimizerSettings = AdamSettings | SgdSettings;

/** Values of one shard that an update touches. */
export interface ShardValues {
  readonly parameters: Value;
  readonly gradients: Value;
  readonly first: Value;
  readonly second: Value;
  /** (learning-rate scale, weight decay) for each 64 floats. */
  readonly blocks: Value;
  readonly step: Value;
}

/** State arenas an optimiser needs beside parameters and gradients. */
export function stateArenas(settings: OptimizerSettings): 1 | 2 {
  return settings.name === "adam" ? 2 : 1;
}

/** The update of one shard. */
export function optimizerLaunch(settings: OptimizerSettings, shard: ShardValues): Launch {
  const { parameters, gradients, first, second, blocks, step } = shard;
  const n = parameters.size;
  const common = { threads: n / 4 };
  if (settings.name === "adam") {
    const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, decoupled = false } = settings;
    return {
      ...common,
      shader: "optim/adam",
      constants: { N: n, B1: beta1, B2: beta2, EPSILON: epsilon, DECOUPLED: decoupled },
      bind: { parameters, first, second, gradients, blocks, step },
      flop: 14 * n,
    };
  }
  return {
    ...common,
    shader: "optim/sgd",
    constants: { N: n, MOMENTUM: settings.momentum ?? 0, NESTEROV: settings.nesterov ?? false },
    bind: { parameters, first, gradients, blocks, step },
    flop: 6 * n,
  };
}

/** Adam's bias corrections 1 / (1 - βᵗ) of step t = 1, 2, …; ones for other optimisers. */
export function corrections(settings: OptimizerSettings, t: number): [number, number] {
  if (settings.name !== "adam") return [1, 1];
  return [1 / (1 - (settings.beta1 ?? 0.9) ** t), 1 / (1 - (settings.beta2 ?? 0.999) ** t)];
}
