import { test } from "uvu";
import * as assert from "uvu/assert";
import { Arena, ArenaLayout, type ParameterSpec } from "../../src/weights/arena.ts";
import type { Gpu } from "../../src/gpu/device.ts";
import { linearPredictor } from "../../src/predictors/linear.ts";
import type { Predictor } from "../../src/predictors/predictor.ts";
import { PredictionError, Rewinder } from "../../src/predictors/rewinder.ts";
import { TrajectoryLayout } from "../../src/weights/trajectory/layout.ts";
import { Trajectory, type TrajectoryPrecision } from "../../src/weights/trajectory/record.ts";
import { closeGpus, testGpu } from "../device.ts";

const specs: ParameterSpec[] = [
  { name: "fc.weight", shape: [11, 31], kind: "fc" },
  { name: "conv.weight", shape: [3, 3, 5, 7], kind: "conv" },
  { name: "conv.bias", shape: [7], kind: "bias" },
];
const window = 4;
/** Value of coordinate i of a parameter in snapshot k: a straight line a coordinate. */
const line = (name: string, i: number, k: number): number =>
  name.length + i / 64 + (k * (i % 5)) / 8;

/** Records snapshots; `written` are their values by parameter, as float32, oldest first. */
async function record(
  gpu: Gpu,
  options: { precision?: TrajectoryPrecision; reversed?: boolean; value?: typeof line } = {},
): Promise<{ arena: Arena; trajectory: Trajectory; written: Map<string, Float32Array> }> {
  const { precision = "f32", reversed = false, value = line } = options;
  const arena = await Arena.create(gpu, new ArenaLayout(specs, gpu.maxBinding), "test");
  const trajectory = await Trajectory.create(gpu, arena.layout.slots, window, {
    precision,
    reversed,
  });
  const written = new Map(
    arena.layout.slots.map(({ name, size }) => [name, new Float32Array(window * size)]),
  );
  for (let k = 0; k < window; k++) {
    for (const { name, size } of arena.layout.slots) {
      const snapshot = Float32Array.from({ length: size }, (_, i) => value(name, i, k));
      arena.write(name, snapshot);
      written.get(name)!.set(snapshot, k * size);
    }
    trajectory.record(arena);
  }
  return { arena, trajectory, written };
}

// 2 KiB bindings force several arena shards and trajectory chunks that cut through parameters.
for (const maxBinding of [undefined, 2048]) {
  const label = maxBinding === undefined ? "one binding" : "sharded";

  test(`snapshots come back as they were recorded (${label})`, async () => {
    const gpu = await testGpu(maxBinding === undefined ? {} : { maxBinding });
    const { trajectory, written } = await record(gpu);
    assert.is(trajectory.chunks.length > 1, maxBinding !== undefined);
    assert.equal(await trajectory.read(), written);
  });

  test(`snapshots in half precision keep differences to 11 bits (${label})`, async () => {
    const gpu = await testGpu(maxBinding === undefined ? {} : { maxBinding });
    // Weights of order 1 that move by 1e-5 to 1 of it an epoch.
    const { trajectory, written } = await record(gpu, {
      precision: "f16",
      value: (name, i, k) => name.length / 8 + i / 64 + (k * 10 ** -(i % 6)) / 3,
    });
    assert.is(trajectory.chunks.length > 1, maxBinding !== undefined);
    for (const [name, values] of await trajectory.read()) {
      const wanted = written.get(name)!;
      const size = values.length / window;
      values.forEach((value, j) => {
        const [oldest, want] = [wanted[j % size]!, wanted[j]!];
        // The difference to 11 bits, and two roundings to float32 at the weight's size.
        const tolerance = Math.abs(want - oldest) * 2 ** -11 + Math.abs(want) * 2 ** -23;
        assert.ok(Math.abs(value - want) <= tolerance, `${name}[${j}]: ${value}, not ${want}`);
      });
    }
  });

  test(`a linear rewind continues every line backwards and repeats bit for bit (${label})`, async () => {
    const gpu = await testGpu(maxBinding === undefined ? {} : { maxBinding });
    const { arena, trajectory } = await record(gpu);
    const rewinder = await Rewinder.create(trajectory, linearPredictor(window, 3));
    const mapped = gpu.mappedBytes;
    await rewinder.apply(arena);
    // One flag a parameter is all the host may see of a rewind.
    assert.is(gpu.mappedBytes - mapped, 4 * specs.length);
    const first = await arena.read();
    for (const { name } of specs) {
      first.get(name)!.forEach((value, i) => assert.ok(Math.abs(value - line(name, i, -3)) < 1e-5));
    }
    for (const slot of arena.layout.slots) arena.write(slot.name, new Float32Array(slot.size));
    await rewinder.apply(arena);
    for (const [name, data] of await arena.read()) {
      assert.equal(new Uint32Array(data.buffer), new Uint32Array(first.get(name)!.buffer));
    }
  });
}

test("predictions from half precision differ by what its roundings explain", async () => {
  const gpu = await testGpu();
  const linear = linearPredictor(window, 3);
  const value = (name: string, i: number, k: number): number =>
    name.length / 8 + i / 64 + (k * (1 + (i % 7))) / 1000 + Math.sin(i + 2 * k) / 5000;
  const [full, half] = await Promise.all(
    (["f32", "f16"] as const).map(async (precision) => {
      const { arena, trajectory } = await record(gpu, { precision, value });
      const rewinder = await Rewinder.create(trajectory, linear);
      await rewinder.apply(arena);
      rewinder.destroy();
      trajectory.destroy();
      return arena.read();
    }),
  );
  // A straight line through 4 points, 3 before the first, weighs them by less than 2.5 in all: as many
  // roundings of differences below 0.022, and of the weights (below 8) to float32.
  for (const [name, values] of half!) {
    values.forEach((prediction, i) => {
      const difference = Math.abs(prediction - full!.get(name)![i]!);
      assert.ok(
        difference <= 2.5 * (0.022 * 2 ** -11 + 8 * 2 ** -23),
        `${name}[${i}]: ${difference}`,
      );
    });
  }
  assert.ok([...half!].some(([name, values]) => values.some((v, i) => v !== full!.get(name)![i])));
});

test("memory is exactly K × parameters", () => {
  const layout = new TrajectoryLayout(new ArenaLayout(specs, 2 ** 27).slots, 15, 2 ** 27);
  assert.is(layout.bytes, 4 * 15 * (11 * 31 + 3 * 3 * 5 * 7 + 7));
});

test("a reversed trajectory holds the newest snapshot first, and reads as any other", async () => {
  const gpu = await testGpu();
  const forward = await record(gpu);
  const backward = await record(gpu, { reversed: true });
  assert.equal(await backward.trajectory.read(), backward.written);
  const snapshots = await backward.trajectory.snapshots();
  assert.equal(snapshots, await forward.trajectory.snapshots());
  for (const [c, { buffer, stride }] of backward.trajectory.chunks.entries()) {
    const size = 4 * window * stride;
    const got = await gpu.readFloats({ buffer, offset: 0, size });
    const other = forward.trajectory.chunks[c]!.buffer;
    const want = await gpu.readFloats({ buffer: other, offset: 0, size });
    for (let k = 0; k < window; k++) {
      const slice = (all: Float32Array, i: number): Float32Array =>
        all.slice(i * stride, (i + 1) * stride);
      assert.equal(slice(got, k), slice(want, window - 1 - k));
    }
  }
  try {
    await Rewinder.create(backward.trajectory, linearPredictor(window, 3));
    assert.unreachable();
  } catch (error) {
    assert.match((error as Error).message, /needs the oldest snapshot first/);
  }
  try {
    await record(gpu, { precision: "f16", reversed: true });
    assert.unreachable();
  } catch (error) {
    assert.match((error as Error).message, /newest first are kept in full precision only/);
  }
});

test("a partial history is an error that says so", async () => {
  const gpu = await testGpu();
  const arena = await Arena.create(gpu, new ArenaLayout(specs, gpu.maxBinding), "test");
  const trajectory = await Trajectory.create(gpu, arena.layout.slots, window);
  const rewinder = await Rewinder.create(trajectory, linearPredictor(window, 3));
  trajectory.record(arena);
  try {
    await rewinder.apply(arena);
    assert.unreachable();
  } catch (error) {
    assert.match((error as Error).message, /1 of 4 snapshots recorded; a prediction needs all 4/);
  }
  for (let k = 1; k < window; k++) trajectory.record(arena);
  assert.throws(() => trajectory.record(arena), /all 4 snapshots are taken/);
});

test("a long prediction is made in parts: it tells how far it is, and can be given up before a weight is changed", async () => {
  const gpu = await testGpu({ tuning: "software" });
  // Three parts and a bit, the last one smaller.
  const layout = new ArenaLayout([{ name: "w", shape: [50_001], kind: "fc" }], gpu.maxBinding);
  const arena = await Arena.create(gpu, layout, "test");
  const trajectory = await Trajectory.create(gpu, layout.slots, window);
  for (let k = 0; k < window; k++) {
    arena.write(
      "w",
      Float32Array.from({ length: 50_001 }, (_, i) => line("w", i, k)),
    );
    trajectory.record(arena);
  }
  const before = (await arena.read()).get("w")!;
  const rewinder = await Rewinder.create(trajectory, linearPredictor(window, 3));
  const stopped = new AbortController();
  const told: number[] = [];
  const progress = (done: number, total: number): void => {
    told.push(done / total);
    if (done > 1) stopped.abort();
  };
  try {
    await rewinder.apply(arena, { signal: stopped.signal, progress });
    assert.unreachable();
  } catch (error) {
    assert.is((error as Error).name, "AbortError");
  }
  assert.equal((await arena.read()).get("w"), before);
  await rewinder.apply(arena, { progress: (done, total) => told.push(done / total) });
  assert.ok(told[0]! < 1 && told.at(-1) === 1, `${told}`);
  (await arena.read()).get("w")!.forEach((value, i) => {
    assert.ok(Math.abs(value - line("w", i, -3)) < 1e-5 * Math.abs(value) + 1e-5, `${i}: ${value}`);
  });
  for (const part of [rewinder, trajectory, arena]) part.destroy();
});

test("an infinite prediction names its parameter and leaves every weight alone", async () => {
  const gpu = await testGpu();
  const { arena, trajectory } = await record(gpu);
  const rewinder = await Rewinder.create(trajectory, linearPredictor(window, 3));
  const last = Float32Array.from({ length: 7 }, (_, i) => line("conv.bias", i, 3));
  trajectory.reset();
  for (let k = 0; k < window; k++) {
    // The step from -3e38 to 3e38 overflows float32.
    arena.write("conv.bias", new Float32Array(7).fill(k === 0 ? -3e38 : 3e38));
    trajectory.record(arena);
  }
  arena.write("conv.bias", last);
  const before = await arena.read();
  try {
    await rewinder.apply(arena);
    assert.unreachable();
  } catch (error) {
    assert.instance(error, PredictionError);
    assert.equal((error as PredictionError).parameters, ["conv.bias"]);
  }
  for (const [name, data] of await arena.read()) assert.equal(data, before.get(name)!);
});

test("a window or a kind the predictor does not serve is refused", async () => {
  const gpu = await testGpu();
  const { trajectory } = await record(gpu);
  const linear = linearPredictor(window, 3);
  const fail = async (predictor: Predictor): Promise<string> => {
    try {
      await Rewinder.create(trajectory, predictor);
    } catch (error) {
      return (error as Error).message;
    }
    return "accepted";
  };
  assert.match(await fail(linearPredictor(15, 3)), /needs 15 snapshots, the trajectory records 4/);
  const convOnly = { ...linear, sets: [{ ...linear.sets[0]!, kinds: ["conv" as const] }] };
  assert.match(await fail(convOnly), /no weights for kind "fc" \(parameter "fc.weight"\)/);
});

test.after(closeGpus);
test.run();
