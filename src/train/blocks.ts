/** What an update has to know of each block of 64 floats of an arena. */
import type { Gpu } from "../gpu/device.ts";
import type { ArenaLayout, Slot } from "../weights/arena.ts";

/**
 * Uploads a table a shard: (learning-rate factor, weight decay) for each 64 floats. Weights decay, biases
 * and norm parameters do not, as is usual.
 *
 * @returns a buffer a shard; the caller frees them.
 */
export async function uploadBlocks(
  gpu: Gpu,
  layout: ArenaLayout,
  rate: (slot: Slot) => number,
  decay: number,
): Promise<GPUBuffer[]> {
  const tables = layout.shards.map((floats) => new Float32Array(floats / 32));
  for (const slot of layout.slots) {
    const decayed = slot.kind === "bias" || slot.kind === "norm" ? 0 : decay;
    const blocks = Math.ceil(slot.size / 64);
    for (let i = slot.offset / 64; i < slot.offset / 64 + blocks; i++) {
      tables[slot.shard]!.set([rate(slot), decayed], 2 * i);
    }
  }
  const sizes = Object.fromEntries(tables.map((table, i) => [`blocks[${i}]`, table.byteLength]));
  const buffers: GPUBuffer[] = Object.values(await gpu.allocate(sizes));
  tables.forEach((table, i) => gpu.write(buffers[i]!, table));
  return buffers;
}
