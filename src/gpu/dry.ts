/**
 * A device that makes nothing: it counts the buffers a run would make.
 *
 * Models, trainers and trajectories are built on it by the code that builds them on a real one, so that
 * a memory plan cannot drift from what a run does.
 */
import { openGpu } from "../platform/gpu.ts";
import { detectRuntime, runtimeVersion } from "../platform/runtime.ts";
import { type AdapterReport, Gpu, type KernelChoice } from "./device.ts";
import { megabytes } from "./memory.ts";

/** The device that a {@link dryGpu} stands for. */
export interface DryLimits extends KernelChoice {
  /** Largest storage binding in bytes; WebGPU's default is 128 MiB. */
  readonly maxBinding: number;
  /** Largest buffer in bytes; WebGPU's default is 256 MiB. */
  readonly maxBuffer: number;
  /** Memory of a workgroup in bytes; WebGPU's default is 16 KiB. */
  readonly workgroupStorage: number;
  /** Bytes of buffers at most; absent: as many as wanted. */
  readonly memory?: number | undefined;
}

/** Limits every WebGPU adapter keeps. */
export const defaultLimits: DryLimits = {
  tuning: "gpu",
  precision: "exact",
  maxBinding: 128 * 2 ** 20,
  maxBuffer: 256 * 2 ** 20,
  workgroupStorage: 16 * 2 ** 10,
};

/** Limits of an open device. */
export function limitsOf(gpu: Gpu): DryLimits {
  return {
    tuning: gpu.tuning,
    precision: gpu.precision,
    maxBinding: gpu.maxBinding,
    maxBuffer: gpu.device.limits.maxBufferSize,
    workgroupStorage: gpu.device.limits.maxComputeWorkgroupStorageSize,
  };
}

const dry = new WeakSet<Gpu>();

/** Whether a device only counts: what is written to it need not be there. */
export function isDry(gpu: Gpu): boolean {
  return dry.has(gpu);
}

/** A device on which programs can be built, not run. Reading from it gives zeros and takes no time. */
export async function dryGpu(limits: DryLimits): Promise<Gpu> {
  // For the constants: buffer usages are globals on every runtime but Node.
  await openGpu();
  const { memory = Infinity } = limits;
  const buffers = new Set<object>();
  let used = 0;
  let refused: { message: string } | null = null;
  const nothing = (): void => undefined;
  const encoder = {
    beginComputePass: () => ({
      setPipeline: nothing,
      setBindGroup: nothing,
      dispatchWorkgroups: nothing,
      end: nothing,
    }),
    copyBufferToBuffer: nothing,
    clearBuffer: nothing,
    finish: () => ({}),
  };
  const device = {
    limits: {
      maxStorageBufferBindingSize: limits.maxBinding,
      maxBufferSize: limits.maxBuffer,
      maxComputeWorkgroupStorageSize: limits.workgroupStorage,
    },
    lost: new Promise<never>(nothing),
    queue: {
      writeBuffer: nothing,
      submit: nothing,
      onSubmittedWorkDone: () => Promise.resolve(),
    },
    addEventListener: nothing,
    removeEventListener: nothing,
    pushErrorScope: () => {
      refused = null;
    },
    popErrorScope: () => {
      const error = refused;
      refused = null;
      return Promise.resolve(error);
    },
    createBuffer({ size }: GPUBufferDescriptor) {
      const buffer = { size };
      if (used + size > memory) {
        // As on a real device, what is refused takes no memory: something smaller may still fit.
        refused = { message: `all buffers together may take ${megabytes(memory)}` };
      } else {
        buffers.add(buffer);
        used += size;
      }
      return {
        ...buffer,
        mapAsync: () => Promise.resolve(),
        getMappedRange: () => new ArrayBuffer(size),
        unmap: nothing,
        destroy() {
          if (buffers.delete(buffer)) used -= size;
        },
      };
    },
    createShaderModule: () => ({}),
    createComputePipelineAsync: () => Promise.resolve({}),
    createPipelineLayout: () => ({}),
    createBindGroupLayout: () => ({}),
    createBindGroup: () => ({}),
    createCommandEncoder: () => encoder,
    destroy: nothing,
  };
  const adapter: AdapterReport = {
    runtime: detectRuntime(),
    runtimeVersion: runtimeVersion(),
    vendor: "",
    architecture: "",
    device: "",
    description: "plan",
    software: limits.tuning === "software",
    tuning: limits.tuning,
    precision: limits.precision,
    ...(limits.precision === "mixed" ? { matrices: "adapter" as const } : {}),
    features: [],
  };
  const gpu = new Gpu(device as unknown as GPUDevice, adapter, limits.maxBinding);
  dry.add(gpu);
  return gpu;
}
