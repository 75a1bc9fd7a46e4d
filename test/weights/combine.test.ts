import { test } from "uvu";
import * as assert from "uvu/assert";
import { Arena, ArenaLayout, type ParameterSpec } from "../../src/weights/arena.ts";
import { Combination } from "../../src/weights/combine.ts";
import { Random } from "../../src/random.ts";
import { closeGpus, testGpu, tunings } from "../device.ts";

const specs: ParameterSpec[] = [
  { name: "conv.weight", shape: [3, 3, 1, 7], kind: "conv" },
  { name: "conv.bias", shape: [7], kind: "bias" },
  { name: "fc.weight", shape: [13, 10], kind: "fc" },
];

/** Two arenas of random weights on a device whose bindings force two shards. */
async function pair(tuning: (typeof tunings)[number]): Promise<{ x: Arena; y: Arena }> {
  const gpu = await testGpu({ tuning, maxBinding: 1024 });
  const layout = new ArenaLayout(specs, gpu.maxBinding);
  const [x, y] = [await Arena.create(gpu, layout, "x"), await Arena.create(gpu, layout, "y")];
  const random = new Random(7);
  for (const arena of [x, y]) {
    for (const { name, size } of layout.slots) {
      arena.write(
        name,
        Float32Array.from({ length: size }, () => random.float() - 0.5),
      );
    }
  }
  return { x, y };
}

const bits = (data: Float32Array): Uint32Array => new Uint32Array(data.buffer);

for (const tuning of tunings) {
  test(`a sum of weights has factors by kind (${tuning})`, async () => {
    const { x, y } = await pair(tuning);
    const gpu = await testGpu({ tuning, maxBinding: 1024 });
    using sum = await Combination.create(gpu, x, y);
    const [before, other] = [await y.read(), await x.read()];
    const factors = { conv: { a: 0.25, b: -2 }, bias: { a: 1, b: 1 }, fc: { a: 0, b: 0.5 } };
    sum.run((kind) => factors[kind as keyof typeof factors] ?? 1);
    const after = await y.read();
    for (const { name, kind } of specs) {
      const { a, b } = factors[kind as keyof typeof factors];
      after.get(name)!.forEach((value, i) => {
        const want = a * other.get(name)![i]! + b * before.get(name)![i]!;
        // Weights below 0.5: three roundings of numbers below 1.25.
        assert.ok(Math.abs(value - want) <= 3 * 2 ** -24 * 1.25, `${name}[${i}]`);
      });
    }
    assert.equal(await x.read(), other);
  });

  test(`a line is exact at both of its ends, and touches its slots only (${tuning})`, async () => {
    const { x, y } = await pair(tuning);
    const gpu = await testGpu({ tuning, maxBinding: 1024 });
    const [conv, bias, fc] = y.layout.slots;
    using line = await Combination.create(gpu, x, y, [conv!, fc!]);
    const [before, other] = [await y.read(), await x.read()];
    line.run(1);
    for (const [name, data] of await y.read()) assert.equal(bits(data), bits(before.get(name)!));
    line.run((kind) => (kind === "fc" ? { a: 0.75, b: 0.25 } : -1.5));
    const after = await y.read();
    for (const [{ name }, t] of [
      [conv!, -1.5],
      [fc!, 0.25],
    ] as const) {
      after.get(name)!.forEach((value, i) => {
        const [from, to] = [other.get(name)![i]!, before.get(name)![i]!];
        // As float32 computes it.
        const want = Math.fround(from + Math.fround(t * Math.fround(to - from)));
        assert.ok(Math.abs(value - want) <= 2 ** -23 * 2, `${name}[${i}]: ${value}, not ${want}`);
      });
    }
    assert.equal(bits(after.get(bias!.name)!), bits(before.get(bias!.name)!));
    line.run(0);
    const end = await y.read();
    for (const { name } of [conv!, fc!]) {
      assert.equal(bits(end.get(name)!), bits(other.get(name)!));
    }
  });
}

test.after(closeGpus);
test.run();
