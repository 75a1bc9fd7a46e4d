/** Self-check of a device: a few kernels against float64, and what to do about what was found. */
import type { Gpu } from "../gpu/device.ts";
import { Owned } from "../gpu/owned.ts";
import { megabytes } from "../gpu/memory.ts";
import { readTuned } from "../gpu/tuned.ts";
import { Graph } from "../graph/graph.ts";
import { compile } from "../graph/program.ts";
import type { Value } from "../graph/value.ts";
import { conv2d, linear, relu, softmaxCrossEntropy } from "../ops/index.ts";
import { Random } from "../random.ts";

/** One checked kernel. */
export interface Check {
  readonly name: string;
  readonly passed: boolean;
  /** Largest |got - want|, and what is allowed. */
  readonly error: number;
  readonly allowed: number;
  readonly milliseconds: number;
}

interface Case {
  readonly name: string;
  readonly shapes: readonly (readonly number[])[];
  build(inputs: readonly Value[]): Value;
  reference(inputs: readonly Float64Array[]): number[];
  /** Longest dot product: errors grow with it. */
  readonly terms: number;
}

const cases: readonly Case[] = [
  {
    name: "relu",
    shapes: [[1037]],
    build: ([x]) => relu(x!),
    reference: ([x]) => Array.from(x!, (v) => Math.max(v, 0)),
    terms: 1,
  },
  {
    name: "linear 67×129×33",
    shapes: [[67, 129], [129, 33], [33]],
    build: ([x, w, b]) => linear(x!, w!, b!),
    reference: ([x, w, b]) =>
      Array.from({ length: 67 * 33 }, (_, i) => {
        let sum = b![i % 33]!;
        for (let k = 0; k < 129; k++)
          sum += x![Math.floor(i / 33) * 129 + k]! * w![k * 33 + (i % 33)]!;
        return sum;
      }),
    terms: 130,
  },
  {
    name: "conv2d 3×3, 9×7×5 → 6",
    shapes: [[2, 9, 7, 5], [3, 3, 5, 6], [6]],
    build: ([x, w, b]) => conv2d(x!, w!, b!, { padding: 1 }),
    reference: ([x, w, b]) => {
      const y: number[] = [];
      for (let n = 0; n < 2; n++)
        for (let r = 0; r < 9; r++)
          for (let c = 0; c < 7; c++)
            for (let o = 0; o < 6; o++) {
              let sum = b![o]!;
              for (let dr = -1; dr <= 1; dr++)
                for (let dc = -1; dc <= 1; dc++) {
                  if (r + dr < 0 || r + dr >= 9 || c + dc < 0 || c + dc >= 7) continue;
                  for (let k = 0; k < 5; k++) {
                    const at = ((n * 9 + r + dr) * 7 + c + dc) * 5 + k;
                    sum += x![at]! * w![(((dr + 1) * 3 + dc + 1) * 5 + k) * 6 + o]!;
                  }
                }
              y.push(sum);
            }
      return y;
    },
    terms: 46,
  },
];

async function check(gpu: Gpu, one: Case): Promise<Check> {
  const start = performance.now();
  const graph = new Graph(gpu);
  const inputs = one.shapes.map((shape, i) => graph.input(`x${i}`, shape));
  const y = one.build(inputs);
  const random = new Random(1);
  const data = inputs.map((value) =>
    Float64Array.from({ length: value.size }, () => Math.fround(2 * random.float() - 1)),
  );
  const got = await Owned.within(async (owned) => {
    const buffers = await gpu.allocate(
      Object.fromEntries(inputs.map((value) => [value.label, value.bytes])),
    );
    owned.add({ destroy: () => gpu.free(...Object.values<GPUBuffer>(buffers)) });
    const views = inputs.map(
      (value) => [value, { buffer: buffers[value.label]!, offset: 0, size: value.bytes }] as const,
    );
    const program = owned.add(
      await compile(gpu, graph.forward(), {
        label: one.name,
        bindings: new Map(views),
        keep: [y],
      }),
    );
    inputs.forEach((value, i) => gpu.write(buffers[value.label]!, Float32Array.from(data[i]!)));
    program.run();
    return gpu.readFloats(program.view(y));
  });
  const want = one.reference(data);
  const error = want.reduce((worst, value, i) => {
    const difference = Math.abs(value - got[i]!);
    return Number.isNaN(difference) ? Infinity : Math.max(worst, difference);
  }, 0);
  // Each of the n terms (of at most 1) is rounded once in the product and once in the sum. Where products are made on
  // matrix units, both factors are rounded to halves before, each by at most 2⁻¹¹ of itself.
  const allowed = one.terms * (2 * 2 ** -24 + (gpu.matrices === undefined ? 0 : 2 ** -10));
  return {
    name: one.name,
    passed: error <= allowed,
    error,
    allowed,
    milliseconds: performance.now() - start,
  };
}

/** Everything `rewind doctor` says. */
export interface Diagnosis {
  readonly adapter: Gpu["adapter"];
  readonly limits: Readonly<Record<string, number>>;
  readonly checks: readonly Check[];
  readonly healthy: boolean;
  /** Products whose tiles `rewind tune` has measured. */
  readonly tiles: number;
  readonly advice: readonly string[];
}

const shownLimits = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxStorageBuffersPerShaderStage",
  "maxComputeWorkgroupStorageSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupsPerDimension",
  "maxUniformBufferBindingSize",
] as const;

/** Checks a device. */
export async function diagnose(gpu: Gpu): Promise<Diagnosis> {
  const checks: Check[] = [];
  for (const one of cases) checks.push(await check(gpu, one));
  checks.push(await crossEntropyCheck(gpu));
  const limits = Object.fromEntries(shownLimits.map((name) => [name, gpu.device.limits[name]]));
  const healthy = checks.every((one) => one.passed);
  const advice: string[] = [];
  if (!healthy) {
    advice.push(
      `kernels give wrong numbers here: ${checks
        .filter((one) => !one.passed)
        .map((one) => one.name)
        .join(", ")}. ` +
        "Update the driver, or use `adapter=software`; results of this adapter are not to be trusted.",
    );
  }
  if (gpu.adapter.software) {
    advice.push(
      "the adapter is software: exact but slow. With a GPU, install its Vulkan driver and run this again.",
    );
  }
  if (!gpu.device.features.has("timestamp-query")) {
    advice.push(
      "no timestamp queries: `profile` does not work here; `npm run bench` measures wall time.",
    );
  }
  if (gpu.maxBinding < 2 ** 28) {
    advice.push(
      `one binding holds ${megabytes(gpu.maxBinding)}: larger parameter arenas, trajectories and data sets are split, ` +
        "larger activations need a smaller batch.",
    );
  }
  const { problem } = await readTuned(gpu.adapter);
  if (problem !== undefined) {
    advice.push(`${problem} Nothing of it is used; \`rewind tune\` writes it anew.`);
  }
  return { adapter: gpu.adapter, limits, checks, healthy, tiles: gpu.tuned.size, advice };
}

/** Loss of three rows with hand-set logits; checks exp and log. */
async function crossEntropyCheck(gpu: Gpu): Promise<Check> {
  const start = performance.now();
  const graph = new Graph(gpu);
  const logits = graph.input("logits", [3, 4]);
  const labels = graph.input("labels", [3], "u32");
  const weights = graph.input("weights", [3]);
  const loss = softmaxCrossEntropy(logits, labels, weights);
  const z = [0.5, -1.25, 80, 3, 0, 0, 0, 0, -4, -3, -2, -1];
  const [got] = await Owned.within(async (owned) => {
    const buffers = await gpu.allocate({ logits: 48, labels: 12, weights: 12 });
    owned.add({ destroy: () => gpu.free(...Object.values<GPUBuffer>(buffers)) });
    gpu.write(buffers.logits, Float32Array.from(z));
    gpu.write(buffers.labels, Uint32Array.of(2, 1, 0));
    gpu.write(buffers.weights, Float32Array.of(0.25, 0.25, 0.5));
    const program = owned.add(
      await compile(gpu, graph.forward(), {
        label: "crossEntropy",
        bindings: new Map([
          [logits, { buffer: buffers.logits, offset: 0, size: 48 }],
          [labels, { buffer: buffers.labels, offset: 0, size: 12 }],
          [weights, { buffer: buffers.weights, offset: 0, size: 12 }],
        ]),
        keep: [loss],
      }),
    );
    program.run();
    return gpu.readFloats(program.view(loss));
  });
  const row = (r: number, label: number): number =>
    Math.log([0, 1, 2, 3].reduce((sum, c) => sum + Math.exp(z[4 * r + c]! - z[4 * r + label]!), 0));
  const error = Math.abs(got! - (0.25 * row(0, 2) + 0.25 * row(1, 1) + 0.5 * row(2, 0)));
  // WGSL allows exp and log a few units in the last place; the row maximum of 80 costs 80 · 2⁻²⁴.
  const allowed = 1e-5;
  return {
    name: "cross-entropy",
    passed: error <= allowed,
    error,
    allowed,
    milliseconds: performance.now() - start,
  };
}
