/** From the naive kernel to the engine's, step by step: what each change is worth on this adapter. */
import type { Gpu, Precision } from "../src/gpu/device.ts";
import { Bound } from "../src/graph/bound.ts";
import { Graph } from "../src/graph/graph.ts";
import { compile } from "../src/graph/program.ts";
import { type BenchModule, type BenchRow, time } from "./harness.ts";
import { type Problem, type Road, roads, shaderOf, type Step } from "./lab/roads.ts";

/** Values of the two operands. */
export type Operands = readonly [Float32Array, Float32Array];

/** Something that makes a problem's result. */
export interface Maker {
  run(): void;
  free(): void;
}

const size = (shape: readonly number[]): number => shape.reduce((a, b) => a * b);

/** Compiles a step. It owns its buffers until `free`. */
export async function stepOf(
  gpu: Gpu,
  road: Road,
  step: Step,
  { result: [rows, columns], constants }: Problem,
  [a, b]: Operands,
): Promise<Maker & { read(): Promise<Float32Array> }> {
  const { device } = gpu;
  const module = device.createShaderModule({ code: shaderOf(road, step), label: step.file });
  const pipeline = await device.createComputePipelineAsync({
    layout: "auto",
    compute: { module, entryPoint: "main", constants },
  });
  const buffers = await gpu.allocate({
    ...{ a: a.byteLength, b: b.byteLength },
    result: 4 * rows * columns,
  });
  gpu.write(buffers.a, a);
  gpu.write(buffers.b, b);
  const group = device.createBindGroup({
    layout: pipeline.getBindGroupLayout(0),
    entries: [buffers.a, buffers.b, buffers.result].map((buffer, binding) => ({
      ...{ binding, resource: { buffer } },
    })),
  });
  const [high, wide] = step.tile;
  return {
    run() {
      const encoder = device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, group);
      pass.dispatchWorkgroups(columns / wide, rows / high);
      pass.end();
      device.queue.submit([encoder.finish()]);
    },
    async read() {
      const { result } = buffers;
      const [bytes] = await gpu.read({ buffer: result, offset: 0, size: 4 * rows * columns });
      return new Float32Array(bytes!);
    },
    free: () => gpu.free(...Object.values<GPUBuffer>(buffers)),
  };
}

/** The engine's program for a problem. */
async function engineOf(
  gpu: Gpu,
  { operands, engine }: Problem,
  values: Operands,
  precision: Precision,
): Promise<Maker> {
  const graph = new Graph({ tuning: gpu.tuning, precision });
  const [a, b] = operands.map((shape, i) => graph.input(`operand ${i}`, [...shape])) as [
    ReturnType<Graph["input"]>,
    ReturnType<Graph["input"]>,
  ];
  const y = engine(a, b);
  const bound = new Bound();
  for (const [i, value] of [a, b].entries()) {
    bound.bindings.set(value, bound.at(await bound.upload(gpu, value.label, values[i]!)));
  }
  const program = await compile(gpu, graph.forward(), {
    ...{ label: "engine", bindings: bound.bindings, keep: [y] },
  });
  return {
    run: () => program.run(),
    free() {
      program.destroy();
      bound.destroy();
    },
  };
}

export const lab: BenchModule = {
  name: "lab",
  summary: "a product and a convolution, from the naive kernel to the engine's, a change at a time",
  async run(gpu, { seconds }) {
    const rows: BenchRow[] = [];
    for (const road of roads) {
      const problem = road.problems[gpu.adapter.software ? "software" : "gpu"];
      const [a, b] = problem.operands.map((shape) =>
        Float32Array.from({ length: size(shape) }, (_, i) => Math.sin(i)),
      );
      const values: Operands = [a!, b!];
      const timed = async (name: string, making: Promise<Maker>): Promise<BenchRow> => {
        const maker = await making;
        const row = await time(gpu, `${road.name}: ${name}`, () => maker.run(), { seconds });
        maker.free();
        return row;
      };
      const top = await timed("the engine's", engineOf(gpu, problem, values, "exact"));
      const found: BenchRow[] = [];
      for (const step of road.steps) {
        found.push(await timed(step.change, stepOf(gpu, road, step, problem, values)));
      }
      found.push(top);
      if (road.name === "conv2d") {
        found.push(await timed("precision fast", engineOf(gpu, problem, values, "fast")));
      }
      for (const row of found) {
        const figures = {
          "GFLOP/s": problem.flop / row.milliseconds / 1e6,
          "% of the engine's": (100 * top.milliseconds) / row.milliseconds,
        };
        rows.push({ ...row, figures });
      }
    }
    return rows;
  },
};
