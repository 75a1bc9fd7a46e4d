/**
 * Record once, replay: a launch list compiled to ready dispatches.
 *
 * After {@link compile} a step allocates nothing, writes nothing from the host and reads nothing back:
 * replaying it only encodes (pipeline, bind group, grid) triples into one pass of one submit.
 */
import { type BufferView, type Gpu, megabytes } from "../gpu/device.ts";
import { GpuError, OutOfMemoryError } from "../errors.ts";
import type { Kernel } from "../gpu/kernel.ts";
import { type MemoryPlan, planMemory } from "./memory-plan.ts";
import type { Launch, Value } from "./value.ts";

/** A ready dispatch. */
export interface Dispatch {
  readonly label: string;
  readonly pipeline: GPUComputePipeline;
  readonly bindGroup: GPUBindGroup;
  readonly groups: readonly [number, number, number];
  readonly flop: number;
  /** Bytes of all bound values: what a perfect cache would move. */
  readonly bytes: number;
}

/** A compiled launch list with its buffers. */
export class Program {
  readonly label: string;
  readonly dispatches: readonly Dispatch[];
  readonly plan: MemoryPlan;
  /** Floating-point operations of one replay. */
  readonly flop: number;
  readonly #gpu: Gpu;
  readonly #views: ReadonlyMap<Value, BufferView>;
  readonly #owned: readonly GPUBuffer[];

  constructor(
    gpu: Gpu,
    label: string,
    dispatches: readonly Dispatch[],
    plan: MemoryPlan,
    views: ReadonlyMap<Value, BufferView>,
    owned: readonly GPUBuffer[],
  ) {
    this.label = label;
    this.dispatches = dispatches;
    this.plan = plan;
    this.flop = dispatches.reduce((sum, dispatch) => sum + dispatch.flop, 0);
    this.#gpu = gpu;
    this.#views = views;
    this.#owned = owned;
  }

  /** Encodes one replay into a pass. */
  encode(pass: GPUComputePassEncoder): void {
    for (const dispatch of this.dispatches) {
      pass.setPipeline(dispatch.pipeline);
      pass.setBindGroup(0, dispatch.bindGroup);
      pass.dispatchWorkgroups(...dispatch.groups);
    }
  }

  /** Submits `times` replays as one command buffer; does not wait. */
  run(times = 1): void {
    const { profiler } = this.#gpu;
    if (profiler?.wants(this.label) === true) {
      profiler.run(this.label, this.dispatches);
      if (times > 1) this.run(times - 1);
      return;
    }
    this.#gpu.submit(
      (encoder) => {
        const pass = encoder.beginComputePass({ label: this.label });
        for (let i = 0; i < times; i++) this.encode(pass);
        pass.end();
      },
      times,
      this.label,
    );
  }

  /** Where a value of the program lives, for reading it back or writing it. */
  view(value: Value): BufferView {
    const view = this.#views.get(value);
    if (view === undefined)
      throw new GpuError(`program "${this.label}" has no value "${value.label}".`);
    return view;
  }

  /** Frees the planned buffers; bound ones belong to the caller. */
  destroy(): void {
    this.#gpu.free(...this.#owned);
  }
}

/** What {@link compile} needs besides the launches. */
export interface CompileOptions {
  readonly label: string;
  /** Buffers of every bound value. */
  readonly bindings: ReadonlyMap<Value, BufferView>;
  /** Planned values that must survive until the end of a replay. */
  readonly keep?: readonly Value[];
}

/**
 * Plans buffers, compiles kernels and makes bind groups.
 *
 * @throws OutOfMemoryError if a value exceeds a storage binding or memory runs out.
 * @throws GpuError if a binding is missing, unknown or would be read-only and writable at once.
 */
export async function compile(
  gpu: Gpu,
  launches: readonly Launch[],
  options: CompileOptions,
): Promise<Program> {
  const plan = planMemory(launches, options.keep);
  for (const value of [...plan.place.keys(), ...options.bindings.keys()]) {
    if (value.bytes > gpu.maxBinding) {
      const times = Math.ceil(value.bytes / gpu.maxBinding);
      throw new OutOfMemoryError(
        `"${value.label}" [${value.shape.join(", ")}] takes ${megabytes(value.bytes)}; one binding of this ` +
          `adapter holds ${megabytes(gpu.maxBinding)}. Use ` +
          `${plan.place.has(value) ? "a batch" : "a data set or batch"} at least ${times} times smaller.`,
      );
    }
  }
  const sizes = Object.fromEntries([
    ...plan.buffers.map((bytes, index) => [`${options.label}[${index}]`, bytes]),
    // Stand-ins for bindings a specialisation does not use.
    ["unused-read", 16],
    ["unused-write", 16],
  ]) as Record<string, number>;
  const buffers = Object.values(await gpu.allocate(sizes));
  const [unusedRead, unusedWrite] = buffers.slice(-2) as [GPUBuffer, GPUBuffer];
  const views = new Map(options.bindings);
  for (const [value, index] of plan.place) {
    const buffer = buffers[index]!;
    views.set(value, { buffer, offset: 0, size: value.bytes });
  }
  try {
    const dispatches = await dispatchesOf(gpu, launches, views, [unusedRead, unusedWrite]);
    gpu.check();
    return new Program(gpu, options.label, dispatches, plan, views, buffers);
  } catch (cause) {
    gpu.free(...buffers);
    throw cause;
  }
}

/**
 * One dispatch with buffers of the caller's own, outside of any graph.
 *
 * @param kernel the shader, and its grid as `groups` or `threads`.
 * @param resources buffers by the names of the shader's bindings.
 */
export async function makeDispatch(
  gpu: Gpu,
  kernel: Pick<Launch, "shader" | "entry" | "constants" | "groups" | "threads">,
  resources: Readonly<Partial<Record<string, GPUBufferBinding>>>,
  work: { readonly flop: number; readonly bytes: number },
): Promise<Dispatch> {
  const { label, pipeline, layout, bindings, workgroupSize } = await gpu.kernels.get(kernel);
  const entries = bindings.map(({ name, index }) => {
    const resource = resources[name];
    if (resource === undefined) {
      throw new GpuError(`kernel ${label}: nothing is bound to "${name}".`);
    }
    return { binding: index, resource };
  });
  return {
    label,
    pipeline,
    bindGroup: gpu.device.createBindGroup({ label, layout, entries }),
    groups: kernel.groups ?? foldGrid(kernel.threads ?? 1, workgroupSize[0]),
    ...work,
  };
}

async function dispatchesOf(
  gpu: Gpu,
  launches: readonly Launch[],
  views: ReadonlyMap<Value, BufferView>,
  [unusedRead, unusedWrite]: readonly [GPUBuffer, GPUBuffer],
): Promise<Dispatch[]> {
  const kernels = await Promise.all(launches.map((launch) => gpu.kernels.get(launch)));
  return launches.map((launch, index) => {
    const kernel = kernels[index]!;
    const entries = bindEntries(launch, kernel, views, unusedRead, unusedWrite);
    return {
      label: kernel.label,
      pipeline: kernel.pipeline,
      bindGroup: gpu.device.createBindGroup({
        label: kernel.label,
        layout: kernel.layout,
        entries,
      }),
      groups: launch.groups ?? foldGrid(launch.threads ?? 1, kernel.workgroupSize[0]),
      flop: launch.flop ?? 0,
      bytes: Object.values(launch.bind).reduce((sum, value) => sum + (value?.bytes ?? 0), 0),
    };
  });
}

function bindEntries(
  launch: Launch,
  kernel: Kernel,
  views: ReadonlyMap<Value, BufferView>,
  unusedRead: GPUBuffer,
  unusedWrite: GPUBuffer,
): GPUBindGroupEntry[] {
  const known = new Set(kernel.bindings.map((binding) => binding.name));
  for (const name of Object.keys(launch.bind)) {
    if (!known.has(name)) {
      throw new GpuError(
        `kernel ${kernel.label} has no binding "${name}"; it has: ${[...known].join(", ")}.`,
      );
    }
  }
  const access = new Map<GPUBuffer, { access: string; name: string }>();
  return kernel.bindings.map((binding) => {
    const value = launch.bind[binding.name];
    if (value === undefined) {
      throw new GpuError(`kernel ${kernel.label}: nothing is bound to "${binding.name}".`);
    }
    if (value === null) {
      const buffer = binding.access === "write" ? unusedWrite : unusedRead;
      return { binding: binding.index, resource: { buffer } };
    }
    const view = views.get(value);
    if (view === undefined) {
      throw new GpuError(
        `kernel ${kernel.label}: value "${value.label}" of "${binding.name}" has no buffer.`,
      );
    }
    const other = access.get(view.buffer);
    if (other !== undefined && other.access !== binding.access) {
      throw new GpuError(
        `kernel ${kernel.label}: "${binding.name}" and "${other.name}" share a buffer, one read-only and one ` +
          "writable; WebGPU refuses that. Keep them in separate arenas.",
      );
    }
    access.set(view.buffer, { access: binding.access, name: binding.name });
    // Planned buffers are bound whole (their size is a multiple of 16, so vec4 views work to the end).
    const whole = view.offset === 0 && value.storage === "planned";
    const size = whole ? view.buffer.size : Math.ceil(view.size / 16) * 16;
    return { binding: binding.index, resource: { buffer: view.buffer, offset: view.offset, size } };
  });
}

/** Workgroups for a 1-D kernel: folded into rows of at most 65,535 groups. */
export function foldGrid(threads: number, workgroup: number): [number, number, number] {
  const groups = Math.ceil(threads / workgroup);
  const rows = Math.ceil(groups / 65_535);
  return [Math.ceil(groups / rows), rows, 1];
}

/** Records dispatches into one compute pass. */
export function encodePass(encoder: GPUCommandEncoder, dispatches: readonly Dispatch[]): void {
  const pass = encoder.beginComputePass();
  for (const dispatch of dispatches) {
    pass.setPipeline(dispatch.pipeline);
    pass.setBindGroup(0, dispatch.bindGroup);
    pass.dispatchWorkgroups(...dispatch.groups);
  }
  pass.end();
}
