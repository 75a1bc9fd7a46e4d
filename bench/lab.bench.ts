/** From the naive kernel to the engine's, step by step: what each change is worth on this adapter. */
import { readFileSync } from "node:fs";
import type { Gpu } from "../src/gpu/device.ts";
import { type BenchModule, type BenchRow, matmulProgram, time } from "./harness.ts";
import { matmulRoad, type Road, type Step } from "./lab/roads.ts";

/** The text of a step's kernel. */
export function labShader({ name }: Pick<Road, "name">, { file }: Pick<Step, "file">): string {
  return readFileSync(new URL(`lab/${name}/${file}.wgsl`, import.meta.url), "utf8");
}

/** A step that can be run: c = a b for two n×n matrices. Owns its buffers. */
export interface LabProduct {
  run(): void;
  /** The result. */
  read(): Promise<Float32Array>;
  free(): void;
}

/** Compiles a step for two matrices of n×n numbers, n a multiple of 128. */
export async function labProduct(
  gpu: Gpu,
  step: Step,
  n: number,
  [a, b]: readonly [Float32Array, Float32Array],
): Promise<LabProduct> {
  const { device } = gpu;
  const module = device.createShaderModule({ code: labShader(matmulRoad, step), label: step.file });
  const pipeline = await device.createComputePipelineAsync({
    layout: "auto",
    compute: { module, entryPoint: "main", constants: { N: n } },
  });
  const bytes = 4 * n * n;
  const buffers = await gpu.allocate({ a: bytes, b: bytes, c: bytes });
  gpu.write(buffers.a, a);
  gpu.write(buffers.b, b);
  const group = device.createBindGroup({
    layout: pipeline.getBindGroupLayout(0),
    entries: [buffers.a, buffers.b, buffers.c].map((buffer, binding) => ({
      binding,
      resource: { buffer },
    })),
  });
  const [rows, columns] = step.tile;
  return {
    run() {
      const encoder = device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, group);
      pass.dispatchWorkgroups(n / columns, n / rows);
      pass.end();
      device.queue.submit([encoder.finish()]);
    },
    async read() {
      const [bytesOfC] = await gpu.read({ buffer: buffers.c, offset: 0, size: bytes });
      return new Float32Array(bytesOfC!);
    },
    free: () => gpu.free(...Object.values<GPUBuffer>(buffers)),
  };
}

export const lab: BenchModule = {
  name: "lab",
  summary: "matrix products from the naive kernel to the engine's, one change at a time",
  async run(gpu, { seconds }) {
    const n = gpu.adapter.software ? 512 : 2048;
    const flop = 2 * n ** 3;
    const values = Float32Array.from({ length: n * n }, (_, i) => Math.sin(i));
    const { program, free } = await matmulProgram(gpu, n);
    const top = await time(gpu, "the engine's", () => program.run(), { seconds, repeats: 2 });
    free();
    const figures = ({ milliseconds }: BenchRow): BenchRow["figures"] => ({
      "GFLOP/s": flop / milliseconds / 1e6,
      "% of the engine's": (100 * top.milliseconds) / milliseconds,
    });
    const rows: BenchRow[] = [];
    for (const step of matmulRoad.steps) {
      const product = await labProduct(gpu, step, n, [values, values]);
      const row = await time(gpu, `${step.file}: ${step.change}`, () => product.run(), { seconds });
      rows.push({ ...row, figures: figures(row) });
      product.free();
    }
    return [...rows, { ...top, figures: figures(top) }];
  },
};
