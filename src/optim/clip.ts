import { z } from "zod";
import type { Tuning } from "../gpu/device.ts";
import { UsageError } from "../errors.ts";
import { type Launch, Value } from "../graph/value.ts";
import { axisSum } from "../ops/launch/axis-sum.ts";
import { ceilDiv } from "../ops/launch/tiles.ts";
import type { ShardValues } from "./optimizer.ts";

/** Norm of all gradients together above which they are scaled down to it. */
export const clipNormSchema: z.ZodNumber = z.number().positive();

/** Threads that fill an adapter, and quads a thread adds at least. */
const wantedThreads = { software: 1024, gpu: 32_768 } as const;
const shortest = 16;

/**
 * Launches that clip gradients by their global norm, in place, between backward pass and update
 * (Pascanu, Mikolov and Bengio 2013): all are scaled by min(1, limit / norm), with the norm over the
 * trained parameters of all shards together. Sums have a fixed order: results repeat bit by bit.
 *
 * @param shards gradients of each shard, and the blocks that say what of it is trained.
 * @param limit largest norm that is let through; above 0.
 * @throws UsageError if the limit is not a positive number.
 */
export function clipLaunches(
  tuning: Tuning,
  shards: readonly Pick<ShardValues, "gradients" | "blocks">[],
  limit: number,
): Launch[] {
  if (!(limit > 0 && limit < Infinity)) {
    throw new UsageError(`gradient clipping needs a positive norm to clip at, got ${limit}.`);
  }
  const slices = shards.map(({ gradients }) =>
    Math.min(ceilDiv(gradients.size / 4, shortest), wantedThreads[tuning]),
  );
  const all = slices.reduce((sum, count) => sum + count, 0);
  const partial = new Value("squared gradients", [all], "f32", "planned");
  const total = new Value("squared gradient norm", [1], "f32", "planned");
  const launches: Launch[] = [];
  let first = 0;
  const constantsOf = (shard: number): Record<string, number> => ({
    N: shards[shard]!.gradients.size,
    SLICES: slices[shard]!,
    FIRST: 0,
    LIMIT: limit,
  });
  shards.forEach(({ gradients, blocks }, i) => {
    launches.push({
      shader: "optim/clip",
      entry: "squares",
      constants: { ...constantsOf(i), FIRST: first },
      bind: { gradients, blocks, partial },
      threads: slices[i]!,
      flop: 2 * gradients.size,
    });
    first += slices[i]!;
  });
  const scratch = (label: string, shape: readonly number[]): Value =>
    new Value(`gradient norm.${label}`, shape, "f32", "planned");
  launches.push(...axisSum(tuning, partial, total, { outer: 1, axis: all, inner: 1 }, scratch));
  shards.forEach(({ gradients }, i) => {
    launches.push({
      shader: "optim/clip",
      entry: "apply",
      constants: constantsOf(i),
      bind: { total, clipped: gradients },
      threads: gradients.size / 4,
      flop: gradients.size,
    });
  });
  return launches;
}
