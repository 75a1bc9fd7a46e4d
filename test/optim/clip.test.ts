import { test } from "uvu";
import * as assert from "uvu/assert";
import { ArenaLayout } from "../../src/weights/arena.ts";
import type { BufferView } from "../../src/gpu/device.ts";
import { UsageError } from "../../src/errors.ts";
import { compile } from "../../src/graph/program.ts";
import { Value } from "../../src/graph/value.ts";
import { clipLaunches } from "../../src/optim/clip.ts";
import { Random } from "../../src/random.ts";
import { close } from "../check-op.ts";
import { closeGpus, testGpu, tunings } from "../device.ts";
import type { Tuning } from "../../src/gpu/device.ts";

interface Tensor {
  readonly size: number;
  readonly trained: boolean;
}

/** Clips gradients placed in shards as an arena places them; returns each tensor's. */
async function clip(
  tuning: Tuning,
  tensors: readonly Tensor[],
  gradients: readonly Float32Array[],
  options: { limit: number; maxBytes: number },
): Promise<{ clipped: Float32Array[]; shards: number; padding: Float32Array }> {
  const gpu = await testGpu({ tuning });
  const specs = tensors.map(({ size }, i) => ({
    name: `${i}`,
    shape: [size],
    kind: "fc" as const,
  }));
  const layout = new ArenaLayout(specs, options.maxBytes);
  const bindings = new Map<Value, BufferView>();
  const buffers: GPUBuffer[] = [];
  const shards = [];
  for (const [shard, floats] of layout.shards.entries()) {
    const made = await gpu.allocate({ gradients: 4 * floats, blocks: floats / 8 });
    buffers.push(made.gradients, made.blocks);
    const bind = (label: string, buffer: GPUBuffer, size: number): Value => {
      const value = new Value(label, [size], "f32", "bound");
      bindings.set(value, { buffer, offset: 0, size: 4 * size });
      return value;
    };
    const table = new Float32Array(floats / 32);
    for (const slot of layout.slots) {
      if (slot.shard !== shard) continue;
      gpu.write(made.gradients, gradients[Number(slot.name)]!, 4 * slot.offset);
      const rate = tensors[Number(slot.name)]!.trained ? 1 : 0;
      for (let i = 0; i < Math.ceil(slot.size / 64); i++) table[2 * (slot.offset / 64 + i)] = rate;
    }
    gpu.write(made.blocks, table);
    shards.push({
      gradients: bind("gradients", made.gradients, floats),
      blocks: bind("blocks", made.blocks, floats / 32),
    });
  }
  const program = await compile(gpu, clipLaunches(tuning, shards, options.limit), {
    label: "clip",
    bindings,
  });
  program.run();
  const read = await Promise.all(
    shards.map((shard) => gpu.readFloats(bindings.get(shard.gradients)!)),
  );
  program.destroy();
  gpu.free(...buffers);
  const covered = read.map((floats) => new Uint8Array(floats.length));
  const clipped = layout.slots.map(({ shard, offset, size }) => {
    covered[shard]!.fill(1, offset, offset + size);
    return read[shard]!.slice(offset, offset + size);
  });
  const padding = read.flatMap((floats, i) => [...floats.filter((_, at) => covered[i]![at] === 0)]);
  return { clipped, shards: shards.length, padding: Float32Array.from(padding) };
}

const tensors: Tensor[] = [
  { size: 1, trained: true },
  { size: 67, trained: true },
  { size: 130, trained: false },
  { size: 1031, trained: true },
  { size: 4096, trained: true },
];

function draw(seed: number, scale: number): Float32Array[] {
  const random = new Random(seed);
  return tensors.map(({ size }) =>
    Float32Array.from({ length: size }, () => scale * (2 * random.float() - 1)),
  );
}

/** Norm over the trained tensors, in float64. */
function normOf(gradients: readonly Float32Array[]): number {
  let sum = 0;
  gradients.forEach((g, i) => {
    if (tensors[i]!.trained) for (const v of g) sum += v * v;
  });
  return Math.sqrt(sum);
}

test("gradients above the limit are scaled to it, over one shard and over several", async () => {
  for (const tuning of tunings) {
    for (const maxBytes of [2 ** 27, 4 * 4096]) {
      for (const [seed, scale] of [
        [1, 1],
        [2, 1e-4],
        [3, 1e6],
      ] as const) {
        const gradients = draw(seed, scale);
        const norm = normOf(gradients);
        const limit = 0.3 * norm;
        const { clipped, shards, padding } = await clip(tuning, tensors, gradients, {
          limit,
          maxBytes,
        });
        assert.is(shards, maxBytes === 2 ** 27 ? 1 : 2);
        clipped.forEach((got, i) => {
          if (!tensors[i]!.trained) return;
          const want = Array.from(gradients[i]!, (v) => v * (limit / norm));
          // Squares are added in chains of at most 100; root, quotient and product round once each.
          const tolerance = { absolute: 0, relative: 3e-6 };
          close(`${tuning}, shards ${shards}, tensor ${i}`, got, want, tolerance);
        });
        const after = normOf(clipped);
        assert.ok(Math.abs(after / limit - 1) < 3e-6, `norm ${after}, limit ${limit}`);
        assert.ok(padding.every((v) => v === 0));
      }
    }
  }
});

test("gradients within the limit keep their bits", async () => {
  for (const tuning of tunings) {
    const gradients = draw(4, 1);
    const limit = 1.001 * normOf(gradients);
    const { clipped } = await clip(tuning, tensors, gradients, { limit, maxBytes: 2 ** 27 });
    assert.equal(clipped, gradients);
    const zeros = tensors.map(({ size }) => new Float32Array(size));
    const still = await clip(tuning, tensors, zeros, { limit: 1e-3, maxBytes: 2 ** 27 });
    assert.equal(still.clipped, zeros);
  }
});

test("a known norm: 3 and 4 in two parameters clipped at 1 give 0.6 and 0.8", async () => {
  const two = [
    { size: 1, trained: true },
    { size: 1, trained: true },
  ];
  for (const tuning of tunings) {
    const { clipped } = await clip(tuning, two, [Float32Array.of(3), Float32Array.of(4)], {
      limit: 1,
      maxBytes: 256,
    });
    assert.ok(Math.abs(clipped[0]![0]! - 0.6) < 1e-7);
    assert.ok(Math.abs(clipped[1]![0]! - 0.8) < 1e-7);
  }
});

test("more slices than one stage adds, twice with the same bits", async () => {
  const many = [{ size: 200_003, trained: true }];
  const random = new Random(5);
  const g = Float32Array.from({ length: 200_003 }, () => random.float());
  const norm = Math.sqrt(g.reduce((sum, v) => sum + v * v, 0));
  for (const tuning of tunings) {
    const run = () => clip(tuning, many, [g], { limit: 1, maxBytes: 2 ** 27 });
    const [first, second] = [await run(), await run()];
    assert.equal(first.clipped, second.clipped);
    close(
      tuning,
      first.clipped[0]!,
      Array.from(g, (v) => v / norm),
      // Chains of at most 3,125 / 1024 quads a thread and of 1,024 / 4 slices.
      { absolute: 0, relative: 2e-5 },
    );
  }
});

test("a limit that is not a positive number is refused", () => {
  for (const limit of [0, -1, Number.NaN, Infinity]) {
    assert.throws(
      () => clipLaunches("software", [], limit),
      (error: Error) =>
        error instanceof UsageError &&
        error.message.endsWith(`a positive norm to clip at, got ${limit}.`),
    );
  }
});

test.after(closeGpus);
test.run();
