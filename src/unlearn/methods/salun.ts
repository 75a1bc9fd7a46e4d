/**
 * SalUn: Random Label, but only on the weights D_f weighs on most (Fan et al., 2023).
 *
 * A weight is salient if the absolute value of its gradient, summed over D_f at the original network in
 * evaluation mode, is among the largest `ratio` of all weights (pooled over parameters; of equal values
 * the first). All others stay bit-identical: each step puts them back. Norm parameters are frozen and not
 * counted.
 */
import { z } from "zod";
import { Arena, type Slot } from "../../weights/arena.ts";
import { GpuError } from "../../errors.ts";
import { Bound } from "../../graph/bound.ts";
import { elementwise } from "../../graph/elementwise.ts";
import { compile } from "../../graph/program.ts";
import type { Launch } from "../../graph/value.ts";
import type { Model } from "../../nn/model.ts";
import type { BoundLaunches } from "../../train/trainer.ts";
import { sumOverImages } from "../gradients.ts";
import { relabellingArm } from "../arm.ts";
import { defineMethod } from "../method.ts";
import { randomLabelFields, randomLabelSession } from "./random-label.ts";
import { frozenNorm } from "../steps.ts";

/**
 * Marks the `keep` elements of largest absolute value among the slots of an arena, exactly.
 *
 * @returns an arena of u32 words, 1 where an element is kept; the caller frees it.
 */
export async function selectLargest(
  model: Model,
  values: Arena,
  slots: readonly Slot[],
  keep: number,
): Promise<Arena> {
  const { gpu } = model;
  const mask = await Arena.create(gpu, values.layout, "mask");
  const total = slots.reduce((sum, slot) => sum + slot.size, 0);
  if (!(Number.isInteger(keep) && keep >= 0 && keep <= total)) {
    throw new GpuError(`selectLargest: ${keep} of ${total} elements cannot be kept.`);
  }
  if (keep === 0) return mask;
  const buffers = await gpu.allocate({ counts: 4 * 256, state: 16 });
  gpu.write(buffers.state, Uint32Array.of(0, keep, 0, 0));
  const bound = new Bound();
  const counts = bound.buffer("counts", buffers.counts, "u32");
  const state = bound.buffer("state", buffers.state, "u32");
  let first = 0;
  const elements = slots.map((slot) => {
    const at = { N: slot.size, FIRST: first };
    first += slot.size;
    return { at, g: bound.slot(values, slot), keep: bound.slot(mask, slot, "u32") };
  });
  const shader = "unlearn/select";
  const launches: Launch[] = [];
  for (const STAGE of [0, 1]) {
    for (const SHIFT of [24, 16, 8, 0]) {
      for (const { at, g } of elements) {
        const constants = { ...at, STAGE, SHIFT };
        launches.push({
          shader,
          entry: "histogram",
          constants,
          bind: { g, counts, state },
          threads: at.N,
        });
      }
      const constants = { N: 0, FIRST: 0, STAGE, SHIFT };
      launches.push({
        shader,
        entry: "pick",
        constants,
        bind: { counts, state },
        groups: [1, 1, 1],
      });
    }
  }
  for (const { at, g, keep: marks } of elements) {
    const constants = { ...at, STAGE: 0, SHIFT: 0 };
    launches.push({
      shader,
      entry: "mark",
      constants,
      bind: { g, state, keep: marks },
      threads: at.N,
    });
  }
  const program = await compile(gpu, launches, { label: "select", bindings: bound.bindings });
  program.run();
  await gpu.idle();
  program.destroy();
  gpu.free(...Object.values<GPUBuffer>(buffers));
  return mask;
}

/** Launches that put every weight outside a mask back to what it is now. */
export async function restoring(
  model: Model,
  mask: Arena,
): Promise<BoundLaunches & { destroy(): void }> {
  const { gpu, parameters } = model;
  const original = await Arena.create(gpu, parameters.layout, "original weights");
  gpu.submit((encoder) => original.copyFrom(parameters, encoder));
  const bound = new Bound();
  const launches = parameters.layout.shards.map((floats, shard) =>
    elementwise(gpu.tuning, { shader: "unlearn/restore" }, floats, {
      original: bound.shard(original, shard),
      keep: bound.shard(mask, shard, "u32"),
      y: bound.shard(parameters, shard),
    }),
  );
  const destroy = (): void => {
    original.destroy();
    mask.destroy();
  };
  return { launches, bindings: bound.bindings, destroy };
}

export const salun = defineMethod({
  name: "salun",
  summary: "random labels on D_f, on its most salient weights only",
  reads: "D_f",
  arms: relabellingArm("salun"),
  settings: z.strictObject({
    ...randomLabelFields,
    /** Share of the weights that may change. */
    ratio: z.number().min(0).max(1).default(0.5),
  }),
  async create(task, { ratio, ...settings }, watch) {
    const { model, forget } = task;
    const sums = await sumOverImages(task, forget, "gradients", settings.batch, watch);
    const slots = model.slots.filter((slot) => frozenNorm(slot) > 0);
    const total = slots.reduce((sum, slot) => sum + slot.size, 0);
    const mask = await selectLargest(model, sums, slots, Math.round(ratio * total));
    sums.destroy();
    return randomLabelSession("salun", task, settings, await restoring(model, mask));
  },
});
