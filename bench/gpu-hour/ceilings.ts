/** What the units reach from WGSL when nothing has to come from memory, and what a dispatch costs device and host. */
import { readFileSync } from "node:fs";
import type { Gpu } from "../../src/gpu/device.ts";
import { processors } from "../../src/graph/product-tiles.ts";
import { onPrecision } from "./mixed.ts";
import type { Figures } from "./rows.ts";
import { sample } from "./sample.ts";
import type { Context, Stage, Task } from "./stage.ts";
import { round } from "./timed.ts";

/** Workgroups of 256 lanes: eight for each of an H200's processors. */
const workgroups = 8 * processors;

/** A kernel of this folder's `ceilings`, with its constants. */
function source(
  name: string,
  enabled: string,
  constants: Readonly<Record<string, string>>,
): string {
  const file = new URL(`./ceilings/${name}.wgsl`, import.meta.url);
  const stated = Object.entries(constants).map(([key, value]) => `const ${key} = ${value};\n`);
  return `${enabled}${stated.join("")}${readFileSync(file, "utf8")}`;
}

function pipelineOf({ device }: Gpu, code: string): Promise<GPUComputePipeline> {
  return device.createComputePipelineAsync({
    layout: "auto",
    compute: { module: device.createShaderModule({ code }), entryPoint: "main" },
  });
}

/** A pipeline's only binding. */
function bound({ device }: Gpu, pipeline: GPUComputePipeline, buffer: GPUBuffer): GPUBindGroup {
  return device.createBindGroup({
    layout: pipeline.getBindGroupLayout(0),
    entries: [{ binding: 0, resource: { buffer } }],
  });
}

/** Speed of a kernel that does `flop` in a workgroup. */
async function speed({ gpu, effort, tiny }: Context, code: string, flop: number): Promise<Figures> {
  const count = tiny ? 1 : workgroups;
  const pipeline = await pipelineOf(gpu, code);
  const { numbers } = await gpu.allocate({ numbers: 16 * 256 * (count + 1) });
  try {
    gpu.write(
      numbers,
      Float32Array.from({ length: 1024 }, (_, i) => Math.sin(i)),
    );
    const group = bound(gpu, pipeline, numbers);
    const { ms } = await sample(
      gpu,
      (times) =>
        gpu.submit((encoder) => {
          const pass = encoder.beginComputePass();
          pass.setPipeline(pipeline);
          pass.setBindGroup(0, group);
          for (let i = 0; i < times; i++) pass.dispatchWorkgroups(count);
          pass.end();
        }),
      effort,
    );
    return { ms: round(ms), "GFLOP/s": round((count * flop) / ms / 1e6) };
  } finally {
    gpu.free(numbers);
  }
}

/** Multiply-adds in float32. */
function multiplyAdds(shared: boolean, steps: number): Task {
  const from = shared ? "workgroup memory" : "registers";
  return {
    name: `multiply-adds of factors in ${from}, ${steps} steps unrolled`,
    run(context) {
      const rounds = context.tiny ? 2 : 200;
      const constants = { SHARED: `${shared}`, STEPS: `${steps}u`, ROUNDS: `${rounds}u` };
      const code = source("multiply-add", "", constants);
      return speed(context, code, 256 * rounds * steps * 64 * 2);
    },
  };
}

/** Products on matrix units; where there are none the row says so. */
function matrixUnits(shared: boolean): Task {
  return onPrecision("mixed", {
    name: `matrix units, factors in ${shared ? "workgroup memory" : "registers"}`,
    run(context) {
      // What stands in for them has no matrices in WGSL.
      if (context.gpu.matrices !== "adapter") return Promise.resolve({ unit: "none" });
      const rounds = 512;
      const enabled = "enable f16;\nenable chromium_experimental_subgroup_matrix;\n";
      const code = source("matrix-units", enabled, {
        ...{ SHARED: `${shared}`, ROUNDS: `${rounds}u` },
      });
      return speed(context, code, 8 * rounds * 8 * 2 * 16 ** 3);
    },
  });
}

/** Device time of a pass by its timestamps, and the host's for encoding and submitting it, in milliseconds. */
async function passTimes(
  gpu: Gpu,
  encode: (pass: GPUComputePassEncoder) => void,
): Promise<Record<"device" | "encode" | "submit", number>> {
  const { device } = gpu;
  const querySet = device.createQuerySet({ type: "timestamp", count: 2 });
  const usage = GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC;
  const ticks = device.createBuffer({ size: 16, usage });
  try {
    const start = performance.now();
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass({
      timestampWrites: { querySet, beginningOfPassWriteIndex: 0, endOfPassWriteIndex: 1 },
    });
    encode(pass);
    pass.end();
    encoder.resolveQuerySet(querySet, 0, 2, ticks, 0);
    const encoded = performance.now();
    device.queue.submit([encoder.finish()]);
    const submitted = performance.now();
    const [bytes] = await gpu.read({ buffer: ticks, offset: 0, size: 16 });
    const [first, last] = new BigUint64Array(bytes!);
    return {
      device: Number(last! - first!) / 1e6,
      encode: encoded - start,
      submit: submitted - encoded,
    };
  } finally {
    querySet.destroy();
    ticks.destroy();
  }
}

/** What a dispatch of one workgroup costs, one after the other on one buffer or on several. */
function dispatches(buffers: number): Task {
  return {
    name: `a dispatch of 64 lanes, on ${buffers === 1 ? "one buffer" : `${buffers} buffers in turn`}`,
    async run({ gpu, tiny }): Promise<Figures> {
      const count = tiny ? 8 : 1000;
      const code = `@group(0) @binding(0) var<storage, read_write> y: array<f32>;
        @compute @workgroup_size(64) fn main(@builtin(local_invocation_index) i: u32) { y[i] += 1.0; }`;
      const pipeline = await pipelineOf(gpu, code);
      const made = Object.values(
        await gpu.allocate(
          Object.fromEntries(Array.from({ length: buffers }, (_, i) => [`${i}`, 256])),
        ),
      );
      try {
        const groups = made.map((buffer) => bound(gpu, pipeline, buffer));
        const encode = (pass: GPUComputePassEncoder): void => {
          for (let i = 0; i < count; i++) {
            pass.setPipeline(pipeline);
            pass.setBindGroup(0, groups[i % buffers]!);
            pass.dispatchWorkgroups(1);
          }
        };
        await passTimes(gpu, encode);
        const times = await passTimes(gpu, encode);
        return Object.fromEntries(
          Object.entries(times).map(([part, ms]) => [`µs, ${part}`, round((1000 * ms) / count)]),
        );
      } finally {
        gpu.free(...made);
      }
    },
  };
}

export const ceilings: Stage = {
  name: "ceilings",
  decides: "what the units reach when nothing comes from memory, and what a dispatch costs",
  share: 0.03,
  tasks({ gpu, tiny }) {
    const sums = [multiplyAdds(true, 4), multiplyAdds(true, 16), multiplyAdds(false, 16)];
    const matrices = gpu.tuning === "gpu" ? [matrixUnits(false), matrixUnits(true)] : [];
    return Promise.resolve([
      ...(tiny ? sums.slice(0, 1) : sums),
      ...matrices,
      dispatches(1),
      dispatches(64),
    ]);
  },
};
