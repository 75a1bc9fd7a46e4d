// Random directions: steps as long as those they replace, parameter by parameter.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Random } from "../../src/random.ts";
import { Arena, ArenaLayout } from "../../src/weights/arena.ts";
import { RandomDirection } from "../../src/weights/direction.ts";
import { closeGpus, testGpu, tunings } from "../device.ts";

for (const tuning of tunings) {
  test(`a step is turned, not lengthened, and its seed says where (${tuning})`, async () => {
    const gpu = await testGpu({ tuning });
    const layout = new ArenaLayout(
      [
        { name: "conv.weight", shape: [3, 3, 1, 7], kind: "conv" },
        { name: "conv.bias", shape: [7], kind: "bias" },
        { name: "fc.weight", shape: [130, 10], kind: "fc" },
      ],
      gpu.maxBinding,
    );
    const { slots } = layout;
    const base = await Arena.create(gpu, layout, "base");
    const moved = await Arena.create(gpu, layout, "moved");
    const random = new Random(3);
    const [start, end] = [new Map<string, Float32Array>(), new Map<string, Float32Array>()];
    for (const { name, size } of slots) {
      const from = Float32Array.from({ length: size }, () => 0.1 * random.normal());
      start.set(name, from);
      end.set(
        name,
        from.map((value) => value + 1e-2 * random.normal()),
      );
      base.write(name, from);
    }
    using direction = await RandomDirection.create(gpu, moved, base, slots);
    const turned = async (seed: number): Promise<Map<string, Float32Array>> => {
      for (const [name, data] of end) moved.write(name, data);
      await direction.apply(seed);
      return moved.read();
    };
    const step = (of: Map<string, Float32Array>, name: string): number[] =>
      Array.from(of.get(name)!, (value, i) => value - start.get(name)![i]!);
    const dot = (a: number[], b: number[]): number =>
      a.reduce((sum, value, i) => sum + value * b[i]!, 0);
    const once = await turned(5);
    for (const { name, size } of slots) {
      const [a, b] = [step(end, name), step(once, name)];
      const [na, nb] = [Math.sqrt(dot(a, a)), Math.sqrt(dot(b, b))];
      // Weights of size 0.1 are rounded to 7e-9, steps are some 1e-2 long.
      assert.ok(Math.abs(na - nb) < 1e-4 * na + 1e-6, `${name}: ${na} and ${nb}`);
      if (size < 500) continue;
      assert.ok(Math.abs(dot(a, b)) < 0.2 * na * nb, `${name}: cosine ${dot(a, b) / na / nb}`);
    }
    assert.equal(await turned(5), once);
    assert.not.equal(await turned(6), once);
    assert.equal(await base.read(), start, "the base is only read");
    for (const arena of [base, moved]) arena.destroy();
  });
}

test.after(closeGpus);
test.run();
