/** From the naive kernel to the engine's, step by step: what each change is worth on this adapter. */
import type { Gpu } from "../src/gpu/device.ts";
import { Bound } from "../src/graph/bound.ts";
import { compile } from "../src/graph/program.ts";
import { Random } from "../src/random.ts";
import { type BenchModule, type BenchRow, time } from "./harness.ts";
import { type Problem, valuesOf } from "./lab/problems.ts";
import { type Other, type Road, roads, shaderOf, type Step } from "./lab/roads.ts";

/** Something that makes a problem's result. */
export interface Maker {
  run(): void;
  /** The result as it is now. */
  read(): Promise<Float32Array>;
  free(): void;
}

/** Compiles a step. It owns its buffers until `free`. */
export async function stepOf(
  gpu: Gpu,
  road: Road,
  step: Step,
  { operands, size, grid, scratch = 1, constants }: Problem,
  values: readonly Float32Array[],
): Promise<Maker> {
  const { device } = gpu;
  const { file, entries = ["main"], tile } = step;
  const module = device.createShaderModule({ code: shaderOf(road, step), label: file });
  // Stated, as kernels of one step use not all bindings each.
  const layout = device.createBindGroupLayout({
    entries: [...operands, "result", "scratch"].map((_, binding) => ({
      ...{ binding, visibility: GPUShaderStage.COMPUTE },
      buffer: { type: binding < operands.length ? "read-only-storage" : "storage" },
    })),
  });
  const pipelines = await Promise.all(
    entries.map((entryPoint) =>
      device.createComputePipelineAsync({
        layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }),
        compute: { module, entryPoint, constants },
      }),
    ),
  );
  const buffers = await gpu.allocate({
    ...Object.fromEntries(values.map(({ byteLength }, i) => [`operand ${i}`, byteLength])),
    ...{ result: 4 * size, scratch: step.entries === undefined ? 4 : 4 * scratch },
  });
  const all = Object.values<GPUBuffer>(buffers);
  for (const [i, value] of values.entries()) gpu.write(all[i]!, value);
  const group = device.createBindGroup({
    layout,
    entries: all.map((buffer, binding) => ({ binding, resource: { buffer } })),
  });
  const [rows, columns] = grid;
  const [high, wide] = tile;
  return {
    run() {
      const encoder = device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      pass.setBindGroup(0, group);
      for (const pipeline of pipelines) {
        pass.setPipeline(pipeline);
        pass.dispatchWorkgroups(Math.ceil(columns / wide), Math.ceil(rows / high));
      }
      pass.end();
      device.queue.submit([encoder.finish()]);
    },
    read: () => gpu.readFloats({ buffer: buffers["result"]!, offset: 0, size: 4 * size }),
    free: () => gpu.free(...all),
  };
}

/** The engine's program for a problem, as the adapter has it or in another way. */
export async function engineOf(
  gpu: Gpu,
  problem: Problem,
  values: readonly Float32Array[],
  { tuning = gpu.tuning, precision = "exact" }: Partial<Other> = {},
): Promise<Maker> {
  const bound = new Bound();
  const work = await problem.engine({ gpu, tuning, precision, bound, values });
  for (const [i, value] of work.operands.entries()) {
    bound.bindings.set(value, bound.at(await bound.upload(gpu, value.label, values[i]!)));
  }
  const program = await compile(gpu, work.launches, {
    ...{ label: "engine", bindings: bound.bindings, keep: [work.result] },
  });
  return {
    run: () => program.run(),
    read: () => gpu.readFloats(program.view(work.result)),
    free() {
      program.destroy();
      bound.destroy();
    },
  };
}

/** Something that is timed, by name; it is made on a device of the tuning it was listed for. */
export interface Making {
  readonly name: string;
  make(gpu: Gpu, problem: Problem, values: readonly Float32Array[]): Promise<Maker>;
}

/** Everything that makes a road's result: its steps, the engine, and the engine's other ways. */
export function makersOf({ tuning }: Pick<Gpu, "tuning">, road: Road): readonly Making[] {
  const others = (road.others ?? []).filter((other) => other.tuning !== tuning);
  return [
    ...road.steps.map((step): Making => ({
      name: step.change,
      make: (gpu, problem, values) => stepOf(gpu, road, step, problem, values),
    })),
    ...[{ name: "the engine's" }, ...others].map((other): Making => ({
      name: other.name,
      make: (gpu, problem, values) => engineOf(gpu, problem, values, other),
    })),
  ];
}

/** Drawn numbers of deviation one; enough of them repeat, as drawing takes longer than a kernel. */
export function drawn(seed: number): () => number {
  const random = new Random(seed);
  const some = Float32Array.from({ length: 65_521 }, () => random.normal());
  let at = 0;
  return () => some[at++ % some.length]!;
}

export const lab: BenchModule = {
  name: "lab",
  summary:
    "a product, a convolution, attention and InvWNN, from the naive kernel to the engine's, a change at a time",
  async run(gpu, { seconds }) {
    const rows: BenchRow[] = [];
    for (const road of roads) {
      const problem = road.problems[gpu.adapter.software ? "software" : "gpu"];
      const values = valuesOf(problem, drawn(1));
      const found: { readonly row: BenchRow; readonly processor: number }[] = [];
      for (const { name, make } of makersOf(gpu, road)) {
        const maker = await make(gpu, problem, values);
        // The first run compiles, on a software adapter.
        maker.run();
        await gpu.idle();
        let runs = 0;
        const before = process.cpuUsage();
        const work = (): void => {
          maker.run();
          runs++;
        };
        const row = await time(gpu, `${road.name}: ${name}`, work, { seconds });
        const { user, system } = process.cpuUsage(before);
        found.push({ row, processor: (user + system) / 1000 / runs });
        maker.free();
      }
      const top = found.find(({ row }) => row.name.endsWith(": the engine's"))!;
      for (const { row, processor } of found) {
        const figures = {
          "GFLOP/s": problem.flop / row.milliseconds / 1e6,
          "% of the engine's": (100 * top.row.milliseconds) / row.milliseconds,
        };
        // Where other programs want the cores as well, what a kernel takes of them says more than how long it waits.
        const shared = {
          "processor ms": processor,
          "% of the engine's, by processor": (100 * top.processor) / processor,
        };
        rows.push({ ...row, figures: { ...figures, ...(gpu.adapter.software ? shared : {}) } });
      }
    }
    return rows;
  },
};
