import { test } from "uvu";
import * as assert from "uvu/assert";
import { OutOfMemoryError } from "../../src/errors.ts";
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

/** What has memory to free. */
interface Owner {
  destroy(): void;
  [Symbol.dispose](): void;
}

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

for (const [name, make] of Object.entries(makers)) {
  test(`${name}: frees all that it allocated, however it is disposed of`, async () => {
    const on = await prepared();
    const before = on.gpu.allocatedBytes;
    (await make(on)).destroy();
    assert.is(on.gpu.allocatedBytes, before);
    const made = await make(on);
    assert.ok(on.gpu.allocatedBytes > before);
    made[Symbol.dispose]();
    assert.is(on.gpu.allocatedBytes, before);
  });

  test(`${name}: where memory runs out on the way, nothing stays behind`, async () => {
    const whole = await prepared();
    const before = whole.gpu.allocatedBytes;
    (await make(whole)).destroy();
    const needed = whole.gpu.peakBytes - before;
    for (const share of [0, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99]) {
      const on = await prepared(before + Math.floor(share * needed));
      const error = await make(on).then(
        (made) => made.destroy(),
        (cause: unknown) => cause,
      );
      if (error !== undefined) assert.instance(error, OutOfMemoryError);
      assert.is(on.gpu.allocatedBytes, before, `${share} of the memory needed`);
    }
  });
}

test.run();
