/** What an optimiser is: settings, the update of one shard of the weights, and the state it keeps. */
import type { z } from "zod";
import type { Launch, Value } from "../graph/value.ts";
import type { SettingOption } from "../registry.ts";

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

/**
 * An optimiser: one dispatch a shard of the arena. Its state is one or two arenas, so it can be saved.
 *
 * `weightDecay` is the trainer's business: it arrives in the blocks, 0 for parameters that are not decayed.
 */
export interface Optimizer<S extends z.ZodObject = z.ZodObject> {
  readonly name: string;
  /** One line for help. */
  readonly summary: string;
  /** Settings besides the name; what is left out has the default the update gives it. */
  readonly settings: S;
  /** Those that commands take as options of their own. */
  readonly options?: readonly SettingOption[];
  /** Other names that commands take, each with the settings it stands for. */
  readonly aliases?: Readonly<Record<string, z.input<S>>>;
  /** State arenas beside parameters and gradients, as large as they are. */
  readonly states: 1 | 2;
  /** The update of one shard, in place. */
  update(settings: z.output<S>, shard: ShardValues): Launch;
  /** Two factors of step t = 1, 2, …, which the step's row hands to the kernel; absent: ones. */
  corrections?(settings: z.output<S>, t: number): [number, number];
}

/** Declares an optimiser; infers the type of its settings. */
export function defineOptimizer<S extends z.ZodObject>(optimizer: Optimizer<S>): Optimizer<S> {
  return optimizer;
}
