import { test } from "uvu";
import type { Gpu } from "../../src/gpu/device.ts";
import { defaultLimits, dryGpu } from "../../src/gpu/dry.ts";
import { Bound } from "../../src/graph/bound.ts";
import { loadPredictor } from "../../src/predictors/index.ts";
import { Rewinder } from "../../src/predictors/rewinder.ts";
import { Arena, ArenaLayout } from "../../src/weights/arena.ts";
import { Combination } from "../../src/weights/combine.ts";
import { RandomDirection } from "../../src/weights/direction.ts";
import { Restore, selectLargest } from "../../src/weights/mask.ts";
import { Trajectory } from "../../src/weights/trajectory/record.ts";
import { checkOwnership, type Owner } from "../check-ownership.ts";

const specs = [
  { name: "conv.weight", shape: [3, 3, 4, 7], kind: "conv" as const },
  { name: "fc.weight", shape: [13, 10], kind: "fc" as const },
];

interface Prepared {
  readonly gpu: Gpu;
  readonly arena: Arena;
  readonly other: Arena;
  readonly trajectory: Trajectory;
}

/** Memory is counted on a device that makes nothing by the code that makes it on a real one. */
async function prepared(memory?: number): Promise<Prepared> {
  const gpu = await dryGpu({ ...defaultLimits, memory });
  const layout = new ArenaLayout(specs, gpu.maxBinding);
  const arena = await Arena.create(gpu, layout, "test");
  const other = await Arena.create(gpu, layout, "other");
  return { gpu, arena, other, trajectory: await Trajectory.create(gpu, layout.slots, 15) };
}

const makers: Record<string, (on: Prepared) => Promise<Owner>> = {
  arena: ({ gpu, arena }) => Arena.create(gpu, arena.layout, "copy"),
  combination: ({ gpu, arena, other }) => Combination.create(gpu, other, arena),
  "random direction": ({ gpu, arena, other }) =>
    RandomDirection.create(gpu, arena, other, arena.layout.slots),
  "mask of the largest": ({ gpu, arena }) => selectLargest(gpu, arena, arena.layout.slots, 5),
  "weights put back": async ({ gpu, arena }) =>
    Restore.create(gpu, arena, await Arena.create(gpu, arena.layout, "mask")),
  trajectory: ({ gpu, arena }) => Trajectory.create(gpu, arena.layout.slots, 5),
  "trajectory in half precision": ({ gpu, arena }) =>
    Trajectory.create(gpu, arena.layout.slots, 5, { precision: "f16" }),
  rewinder: async ({ trajectory }) => Rewinder.create(trajectory, await loadPredictor(undefined)),
  "values with memory of their own": async ({ gpu }) => {
    const bound = new Bound();
    await bound.zeros(gpu, "zeros", [7]);
    return bound;
  },
};

checkOwnership(prepared, makers);

test.run();
