/** Optimisers by name: one file each, one line here. */
import { z } from "zod";
import type { Launch } from "../graph/value.ts";
import { type Choice, choiceSchema, entryKinds, entrySchema, Registry } from "../registry.ts";
import { adam } from "./adam.ts";
import type { Optimizer, ShardValues } from "./optimizer.ts";
import { sgd } from "./sgd.ts";

/** All optimisers; `optimizers.add(…)` makes another one known to configurations and commands. */
export const optimizers: Registry<Optimizer> = new Registry(
  "optimiser",
  [adam, sgd],
  entrySchema({
    summary: entryKinds.text,
    settings: entryKinds.settings,
    states: z.literal([1, 2], { error: "expected 1 or 2" }),
    update: entryKinds.function,
    corrections: entryKinds.function.optional(),
  }),
);

/** Which optimiser, with its settings. */
export type OptimizerSettings = Choice & { readonly weightDecay?: number | undefined };

/** Validates an optimiser with its settings. */
export const optimizerSchema: z.ZodType<OptimizerSettings, OptimizerSettings> = choiceSchema<
  Optimizer,
  OptimizerSettings
>(optimizers);

/** State arenas an optimiser needs beside parameters and gradients. */
export function stateArenas({ name }: OptimizerSettings): number {
  return optimizers.find(name).states;
}

/** The update of one shard. */
export function optimizerLaunch(
  { name, ...settings }: OptimizerSettings,
  shard: ShardValues,
): Launch {
  return optimizers.find(name).update(settings, shard);
}

/** The two factors an optimiser gives step t = 1, 2, …, such as Adam's bias corrections; ones without any. */
export function corrections({ name, ...settings }: OptimizerSettings, t: number): [number, number] {
  return optimizers.find(name).corrections?.(settings, t) ?? [1, 1];
}
