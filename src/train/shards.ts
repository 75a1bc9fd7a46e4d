/** What an update works on, shard by shard of the arenas. */
import type { Bound } from "../graph/bound.ts";
import type { Value } from "../graph/value.ts";
import type { Model } from "../nn/model.ts";
import type { OptimizerSettings } from "../optim/index.ts";
import type { ShardValues } from "../optim/optimizer.ts";
import { type ArenaLayout, type Slot, slotAlignment } from "../weights/arena.ts";
import type { OptimizerArenas } from "./optimizer-arenas.ts";

/** What an update depends on besides the weights. */
interface Update {
  readonly optimizer: OptimizerSettings;
  /** Factor on the learning rate of a parameter; all 1 by default. */
  readonly rate?: ((slot: Slot) => number) | undefined;
  /** The current row of the step table. */
  readonly step: Value;
}

/** Binds parameters, gradients and moments, and uploads what an update has to know of each block. */
export async function shardValues(
  bound: Bound,
  { gpu, parameters }: Model,
  { gradients, moments }: OptimizerArenas,
  { optimizer, rate = () => 1, step }: Update,
): Promise<ShardValues[]> {
  const tables = blockTables(parameters.layout, rate, optimizer.weightDecay ?? 0);
  const shards: ShardValues[] = [];
  for (const [shard, table] of tables.entries()) {
    const [first, second = first] = moments.map((arena, i) =>
      bound.view(`moment${i + 1}[${shard}]`, arena.shard(shard)),
    );
    shards.push({
      parameters: bound.view(`parameters[${shard}]`, parameters.shard(shard)),
      gradients: bound.view(`gradients[${shard}]`, gradients.shard(shard)),
      first: first!,
      second: second!,
      blocks: await bound.upload(gpu, `blocks[${shard}]`, table),
      step,
    });
  }
  return shards;
}

/**
 * A table a shard: (learning-rate factor, weight decay) for each block of 64 floats. Weights decay, biases
 * and norm parameters do not, as is usual.
 */
function blockTables(
  layout: ArenaLayout,
  rate: (slot: Slot) => number,
  decay: number,
): Float32Array[] {
  const tables = layout.shards.map((floats) => new Float32Array((2 * floats) / slotAlignment));
  for (const slot of layout.slots) {
    const decayed = slot.kind === "bias" || slot.kind === "norm" ? 0 : decay;
    const first = slot.offset / slotAlignment;
    const blocks = Math.ceil(slot.size / slotAlignment);
    for (let i = first; i < first + blocks; i++) {
      tables[slot.shard]!.set([rate(slot), decayed], 2 * i);
    }
  }
  return tables;
}
