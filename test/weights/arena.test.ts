import { test } from "uvu";
import * as assert from "uvu/assert";
import { OutOfMemoryError } from "../../src/errors.ts";
import { Arena, ArenaLayout } from "../../src/weights/arena.ts";
import { closeGpus, testGpu } from "../device.ts";

const specs = [
  { name: "conv.weight", shape: [3, 3, 1, 7], kind: "conv" as const },
  { name: "conv.bias", shape: [7], kind: "bias" as const },
  { name: "fc.weight", shape: [13, 10], kind: "fc" as const },
];

test("slots are aligned to 256 bytes and never overlap", () => {
  const layout = new ArenaLayout(specs, 2 ** 27);
  assert.equal(layout.shards, [64 + 64 + 192]);
  assert.equal(
    layout.slots.map((slot) => slot.offset),
    [0, 64, 128],
  );
  assert.is(layout.parameters, 63 + 7 + 130);
});

test("an arena larger than a binding is sharded, one too large a parameter refused", () => {
  const layout = new ArenaLayout(specs, 1024);
  assert.equal(layout.shards, [128, 192]);
  assert.equal(
    layout.slots.map((slot) => [slot.shard, slot.offset]),
    [
      [0, 0],
      [0, 64],
      [1, 0],
    ],
  );
  assert.throws(
    () => new ArenaLayout(specs, 512),
    (error: Error) =>
      error instanceof OutOfMemoryError &&
      /"fc.weight" \[13, 10\].*more than one binding.*choose a smaller model/.test(error.message),
  );
});

test("two parameters of one name are refused", () => {
  assert.throws(
    () => new ArenaLayout([specs[0]!, specs[0]!], 1024),
    /two parameters are named "conv.weight"/,
  );
});

test("what is written to a parameter is read back, and copies reach every shard", async () => {
  const gpu = await testGpu({ maxBinding: 1024 });
  const layout = new ArenaLayout(specs, gpu.maxBinding);
  const arena = await Arena.create(gpu, layout, "test");
  const copy = await Arena.create(gpu, layout, "copy");
  for (const slot of layout.slots) {
    arena.write(
      slot.name,
      Float32Array.from({ length: slot.size }, (_, i) => i + slot.offset),
    );
  }
  gpu.submit((encoder) => copy.copyFrom(arena, encoder));
  const read = await copy.read();
  for (const slot of layout.slots) {
    assert.equal(
      [...read.get(slot.name)!],
      Array.from({ length: slot.size }, (_, i) => i + slot.offset),
    );
  }
  assert.throws(() => arena.write("conv.bias", new Float32Array(3)), /needs 7 values, got 3/);
  assert.throws(() => arena.view("nope"), /no parameter "nope"; there are: conv.weight/);
  arena.destroy();
  copy.destroy();
});

test.after(closeGpus);
test.run();
