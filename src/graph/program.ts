/**
 * Record once, replay: a launch list compiled to ready dispatches.
 *
 * After {@link compile} a step allocates nothing, writes nothing from the host and reads nothing back:
 * replaying it only encodes (pipeline, bind group, grid) triples into one pass of one submit.
 */
import type { BufferView, Gpu } from "../gpu/device.ts";
import { megabytes } from "../gpu/memory.ts";
import { OutOfMemoryError, UsageError } from "../errors.ts";
import type { Kernel } from "../gpu/kernel.ts";
import { shown } from "../checked.ts";
import { format } from "../shape.ts";
import type { Uncopied } from "./copies.ts";
import { foldGroups, mostGroups } from "./grid.ts";
import { type MemoryPlan, planMemory } from "./memory-plan.ts";
import { inMatrices } from "./product-matrices.ts";
import { inTunedTile } from "./product-tiles.ts";
import { rewrite } from "./rewrite.ts";
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
  /** What it was made of. */
  readonly launch: Launch;
}

/**
 * A compiled launch list. Owns the buffers of its planned values and of its uniforms; bound values belong
 * to the caller.
 */
export class Program {
  readonly label: string;
  readonly dispatches: readonly Dispatch[];
  readonly plan: MemoryPlan;
  /** Floating-point operations of one replay. */
  readonly flop: number;
  readonly #gpu: Gpu;
  readonly #views: ReadonlyMap<Value, BufferView>;
  readonly #owned: readonly GPUBuffer[];
  #destroyed = false;
  #ran = false;

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

  /** Encodes one replay into a pass, or the dispatches from `first` up to `end` of it. */
  encode(pass: GPUComputePassEncoder, first = 0, end = this.dispatches.length): void {
    for (const dispatch of this.dispatches.slice(first, end)) {
      pass.setPipeline(dispatch.pipeline);
      pass.setBindGroup(0, dispatch.bindGroup);
      pass.dispatchWorkgroups(...dispatch.groups);
    }
  }

  /**
   * Submits `times` replays as one command buffer; does not wait.
   *
   * @param after encodes what comes behind them into the same command buffer.
   */
  run(times = 1, after?: (encoder: GPUCommandEncoder) => void): void {
    if (this.#destroyed) throw new UsageError(`program "${this.label}" was destroyed.`);
    const { profiler } = this.#gpu;
    if (profiler?.wants(this.label) === true) {
      profiler.run(this.label, this.dispatches);
      if (times > 1) this.run(times - 1, after);
      else if (after !== undefined) this.#gpu.submit(after);
      return;
    }
    this.#gpu.submit(
      (encoder) => {
        const pass = encoder.beginComputePass({ label: this.label });
        for (let i = 0; i < times; i++) this.encode(pass);
        pass.end();
        after?.(encoder);
      },
      times,
      this.label,
      !this.#ran,
    );
    this.#ran = true;
  }

  /**
   * Submits the dispatches from `first` up to `end` of one replay that takes long; does not wait. It is not profiled.
   */
  runPart(first: number, end: number): void {
    if (this.#destroyed) throw new UsageError(`program "${this.label}" was destroyed.`);
    this.#gpu.submit((encoder) => {
      const pass = encoder.beginComputePass({ label: this.label });
      this.encode(pass, first, end);
      pass.end();
    });
    this.#ran = true;
  }

  /** Where a value of the program lives, for reading it back or writing it. @throws UsageError if it has none such. */
  view(value: Value): BufferView {
    const view = this.#views.get(value);
    if (view === undefined)
      throw new UsageError(
        `program "${this.label}" has no value "${value.label}": one of its launches has to bind it.`,
      );
    return view;
  }

  /** Frees what the program owns. */
  destroy(): void {
    this.#destroyed = true;
    this.#gpu.free(...this.#owned);
  }

  [Symbol.dispose](): void {
    this.destroy();
  }
}

/** What {@link compile} needs besides the launches. */
export interface CompileOptions {
  readonly label: string;
  /** Buffers of every bound value. */
  readonly bindings: ReadonlyMap<Value, BufferView>;
  /** Planned values that must survive until the end of a replay. */
  readonly keep?: readonly Value[];
  /** What the planned values' memory is for, as memory plans list it. */
  readonly purpose?: string | undefined;
}

/**
 * Plans buffers, compiles kernels and makes bind groups.
 *
 * @param todo launches in order; copies between planned values are left out, and functions are done by the
 *   kernels before them (fusion.ts); products are made on matrix units where they
 *   may be (product-matrices.ts), or in the tiles that were measured on the device (product-tiles.ts).
 *   A program among them is replayed at its place, on its own memory, as often
 *   as it stands there; it stays the caller's.
 * @throws OutOfMemoryError if a value exceeds a storage binding or memory runs out.
 * @throws UsageError if a binding is missing, unknown, too small or would be read-only and writable at once, or the
 *   sizes of a launch or a uniform cannot be.
 */
export async function compile(
  gpu: Gpu,
  todo: readonly (Launch | Program)[],
  options: CompileOptions,
): Promise<Program> {
  for (const step of todo) if (!(step instanceof Program)) requireUniforms(step);
  for (const [value, view] of options.bindings) requireView(gpu, value, view);
  const uncopied = rewrite<Program>(todo, options.keep);
  const { same } = uncopied;
  const steps = await Promise.all(
    uncopied.steps.map(async (step) =>
      step instanceof Program ? step : inTunedTile(gpu, inMatrices(gpu, step)),
    ),
  );
  const launches = steps.filter((step): step is Launch => !(step instanceof Program));
  const keep = (options.keep ?? []).map((value) => same.get(value) ?? value);
  const plan = planMemory(launches, keep);
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
  const buffers = Object.values(await gpu.allocate(sizes, { purpose: options.purpose }));
  const [unusedRead, unusedWrite] = buffers.slice(-2) as [GPUBuffer, GPUBuffer];
  const views = new Map(options.bindings);
  for (const [value, index] of plan.place) {
    const buffer = buffers[index]!;
    views.set(value, { buffer, offset: 0, size: value.bytes });
  }
  for (const [value, copied] of same) {
    const view = views.get(copied);
    if (view !== undefined) views.set(value, view);
  }
  try {
    const uniforms = await uploadUniforms(gpu, launches);
    if (uniforms.buffer !== undefined) buffers.push(uniforms.buffer);
    const kernels = await Promise.all(
      steps.map(async (step) => (step instanceof Program ? undefined : gpu.kernels.get(step))),
    );
    requireUnwritten(uncopied, kernels);
    const memory = { views, uniforms: uniforms.views, unusedRead, unusedWrite };
    const dispatches = steps.flatMap((step, index) =>
      step instanceof Program
        ? step.dispatches
        : [dispatchOf(gpu, step, kernels[index]!, bindEntries(step, kernels[index]!, memory))],
    );
    gpu.check();
    return new Program(gpu, options.label, dispatches, plan, views, buffers);
  } catch (cause) {
    gpu.free(...buffers);
    throw cause;
  }
}

/** @throws UsageError where a view is too small for its value, or lies outside of its buffer. */
function requireView(gpu: Gpu, value: Value, { buffer, offset, size }: BufferView): void {
  const what = `"${value.label}" ${format(value.shape)}`;
  if (gpu.isFreed(buffer)) throw new UsageError(`${what} lies in a buffer that was freed.`);
  if (!(size >= value.bytes)) {
    throw new UsageError(`${what} takes ${value.bytes} bytes, and is bound to a view of ${size}.`);
  }
  if (!(offset >= 0 && offset + size <= buffer.size)) {
    throw new UsageError(
      `${what} is bound to the bytes ${offset} to ${offset + size} of a buffer of ${buffer.size}.`,
    );
  }
}

/** @throws Error where a step writes a value after it was read in place of its copy. */
function requireUnwritten(
  { steps, fixed }: Uncopied<Program>,
  kernels: readonly (Kernel | undefined)[],
): void {
  for (const [index, step] of steps.entries()) {
    if (step instanceof Program) continue;
    for (const { name, access } of kernels[index]!.bindings) {
      const value = step.bind[name];
      if (access !== "write" || value == null || !((fixed.get(value) ?? Infinity) <= index))
        continue;
      throw new Error(
        `kernel ${kernels[index]!.label} writes "${value.label}" after it was copied: that copy cannot be left out.`,
      );
    }
  }
}

/** @throws UsageError for a uniform that is no array of words. */
function requireUniforms({ shader, uniforms = {} }: Launch): void {
  for (const [name, words] of Object.entries(uniforms)) {
    if (words instanceof Uint32Array && words.length > 0) continue;
    throw new UsageError(
      `kernel ${shader}: uniform "${name}" must be a Uint32Array, got ${shown(words)}.`,
    );
  }
}

/** Workgroups of a launch by dimension. @throws UsageError where they cannot be. */
function groupsOf({ groups, threads = 1 }: Launch, kernel: Kernel): [number, number, number] {
  if (groups === undefined && !(typeof threads === "number" && threads > 0)) {
    throw new UsageError(
      `kernel ${kernel.label}: \`threads\` must be a number above 0, got ${shown(threads)}.`,
    );
  }
  const wanted: unknown = groups ?? foldGroups(Math.ceil(threads / kernel.workgroupSize[0]));
  const fits = (size: unknown): boolean =>
    Number.isInteger(size) && (size as number) >= 1 && (size as number) <= mostGroups;
  if (Array.isArray(wanted) && wanted.length === 3 && wanted.every(fits)) {
    return wanted as [number, number, number];
  }
  throw new UsageError(
    `kernel ${kernel.label}: \`groups\` must be three integers from 1 to ${mostGroups}, got ${shown(wanted)}.`,
  );
}

function dispatchOf(
  gpu: Gpu,
  launch: Launch,
  kernel: Kernel,
  entries: GPUBindGroupEntry[],
): Dispatch {
  const { label, pipeline, layout } = kernel;
  return {
    label,
    pipeline,
    bindGroup: gpu.device.createBindGroup({ label, layout, entries }),
    groups: groupsOf(launch, kernel),
    flop: launch.flop ?? 0,
    bytes: Object.values(launch.bind).reduce((sum, value) => sum + (value?.bytes ?? 0), 0),
    launch,
  };
}

/** Offsets of uniform bindings are multiples of this many bytes on every adapter. */
const uniformAlignment = 256;

/** Uniforms of all launches in one buffer, and where each lies. */
async function uploadUniforms(
  gpu: Gpu,
  launches: readonly Launch[],
): Promise<{ buffer: GPUBuffer | undefined; views: Map<Uint32Array, BufferView> }> {
  const views = new Map<Uint32Array, BufferView>();
  const all = launches.flatMap(({ uniforms = {} }) => Object.values(uniforms));
  if (all.length === 0) return { buffer: undefined, views };
  const starts = new Map<Uint32Array, number>();
  let bytes = 0;
  for (const words of all) {
    if (starts.has(words)) continue;
    starts.set(words, bytes);
    bytes += Math.ceil(words.byteLength / uniformAlignment) * uniformAlignment;
  }
  const { uniforms: buffer } = await gpu.allocate(
    { uniforms: bytes },
    { usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST },
  );
  const data = new Uint32Array(bytes / 4);
  for (const [words, offset] of starts) {
    data.set(words, offset / 4);
    views.set(words, { buffer, offset, size: Math.ceil(words.byteLength / 16) * 16 });
  }
  gpu.write(buffer, data);
  return { buffer, views };
}

/** What bind groups are made from. */
interface ProgramMemory {
  readonly views: ReadonlyMap<Value, BufferView>;
  readonly uniforms: ReadonlyMap<Uint32Array, BufferView>;
  readonly unusedRead: GPUBuffer;
  readonly unusedWrite: GPUBuffer;
}

function bindEntries(launch: Launch, kernel: Kernel, memory: ProgramMemory): GPUBindGroupEntry[] {
  const { bind, uniforms = {} } = launch;
  const known = new Set(kernel.bindings.map((binding) => binding.name));
  for (const name of [...Object.keys(bind), ...Object.keys(uniforms)]) {
    if (!known.has(name)) {
      throw new UsageError(
        `kernel ${kernel.label} has no binding "${name}"; it has: ${[...known].join(", ")}.`,
      );
    }
  }
  const access = new Map<GPUBuffer, { access: string; name: string }>();
  return kernel.bindings.map((binding) => {
    const words = uniforms[binding.name];
    if (words !== undefined) {
      if (binding.bytes !== undefined && words.byteLength < binding.bytes) {
        throw new UsageError(
          `kernel ${kernel.label}: uniform "${binding.name}" takes ${binding.bytes} bytes, got ${words.byteLength}.`,
        );
      }
      return { binding: binding.index, resource: memory.uniforms.get(words)! };
    }
    const value = bind[binding.name];
    if (value === undefined) {
      throw new UsageError(
        `kernel ${kernel.label}: nothing is bound to "${binding.name}"; bind a value, or null where this ` +
          "specialisation does not use it.",
      );
    }
    if (value === null) {
      const buffer = binding.access === "write" ? memory.unusedWrite : memory.unusedRead;
      return { binding: binding.index, resource: { buffer } };
    }
    const view = memory.views.get(value);
    if (view === undefined) {
      throw new UsageError(
        `kernel ${kernel.label}: value "${value.label}" of "${binding.name}" has no buffer; add it to ` +
          "`bindings`.",
      );
    }
    const other = access.get(view.buffer);
    if (other !== undefined && other.access !== binding.access) {
      throw new UsageError(
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
