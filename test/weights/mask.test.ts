// Choosing the largest elements of several parameters.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Random } from "../../src/random.ts";
import { Arena, ArenaLayout } from "../../src/weights/arena.ts";
import { selectLargest } from "../../src/weights/mask.ts";
import { closeGpus, testGpu } from "../device.ts";

test("the largest elements are selected exactly, of equal ones the first", async () => {
  const gpu = await testGpu();
  const layout = new ArenaLayout(
    [
      { name: "conv.weight", shape: [3, 3, 4, 8], kind: "conv" },
      { name: "conv.bias", shape: [8], kind: "bias" },
      { name: "head.weight", shape: [98, 10], kind: "fc" },
    ],
    gpu.maxBinding,
  );
  const values = await Arena.create(gpu, layout, "values");
  const random = new Random(11);
  const { slots } = layout;
  const total = slots.reduce((sum, slot) => sum + slot.size, 0);
  // Few different values of both signs, so that there are many ties; zeros too.
  const all = Float32Array.from({ length: total }, () => (random.int(41) - 20) * 0.37);
  let at = 0;
  for (const slot of slots) values.write(slot.name, all.slice(at, (at += slot.size)));
  const order = [...all.keys()].sort((a, b) => Math.abs(all[b]!) - Math.abs(all[a]!) || a - b);
  for (const keep of [0, 1, 2, 7, Math.round(total / 3), total - 1, total]) {
    const want = new Uint32Array(total);
    for (const i of order.slice(0, keep)) want[i] = 1;
    const mask = await selectLargest(gpu, values, slots, keep);
    const got: number[] = [];
    for (const data of (await mask.read()).values()) got.push(...new Uint32Array(data.buffer));
    assert.equal(got, [...want], `keep ${keep}`);
    mask.destroy();
  }
  values.destroy();
});

test.after(closeGpus);
test.run();
