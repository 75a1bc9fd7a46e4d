/**
 * Kernels: `.wgsl` parts under `shaders/`, linked, specialised by a prelude of constants, reflected for
 * bindings and workgroup size, compiled asynchronously and cached.
 */
import { ResourceType, type VariableInfo, WgslReflect } from "wgsl_reflect/wgsl_reflect.module.js";
import { GpuError, UsageError } from "../errors.ts";
import { link, type Linked, twinsOf } from "./link.ts";

/** Values put in front of a shader as `const NAME = value;`: they fix shapes, tiles and switches. */
export type Constants = Readonly<Record<string, number | boolean>>;

/** How a kernel uses a binding. */
export type Access = "read" | "write" | "uniform";

/** One binding of an entry point, found by reflection. */
export interface Binding {
  readonly name: string;
  readonly index: number;
  readonly access: Access;
  /** Bytes of a uniform up to the end of its last member, where no constant decides them. */
  readonly bytes: number | undefined;
}

/** A compiled kernel. */
export interface Kernel {
  readonly label: string;
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
  readonly bindings: readonly Binding[];
  readonly workgroupSize: readonly [number, number, number];
}

/** What identifies a specialisation: the shader's path under `shaders/`, its parts, entry and constants. */
export interface KernelId {
  readonly shader: string;
  /** Parts chosen beside those that the shader imports; see link.ts. */
  readonly parts?: readonly string[];
  readonly entry?: string;
  readonly constants: Constants;
}

/** The prelude: one `const` line per value, in name order so that equal constants give equal text. */
export function prelude(constants: Constants): string {
  return Object.entries(constants)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `const ${name} = ${literal(name, value)};\n`)
    .join("");
}

function literal(name: string, value: number | boolean): string {
  if (typeof value === "boolean" || Number.isFinite(value)) return String(value);
  throw new UsageError(
    `the shader constant ${name} is ${value}: it must be a finite number, true or false.`,
  );
}

/** What reflection says of an entry point; it is the same for all constants. */
export interface Reflection {
  readonly bindings: readonly Binding[];
  /** The workgroup size of a specialisation. @throws UsageError for a size that is no number and no constant. */
  workgroupSize(constants: Constants): [number, number, number];
}

/** Reads the bindings and the workgroup size of an entry point. @throws UsageError if there is no such entry. */
export function reflect(code: string, entry: string): Reflection {
  const info = new WgslReflect(code);
  const found = info.entry.compute.find((candidate) => candidate.name === entry);
  if (found === undefined) {
    const known = info.entry.compute.map((candidate) => candidate.name).join(", ");
    throw new UsageError(`no compute entry "${entry}"; the shader has: ${known || "none"}.`);
  }
  const bindings = found.resources.map((resource): Binding => ({
    name: resource.name,
    index: resource.binding,
    access:
      resource.resourceType === ResourceType.Uniform
        ? "uniform"
        : resource.access === "read_write"
          ? "write"
          : "read",
    bytes: resource.resourceType === ResourceType.Uniform ? bytesOf(resource) : undefined,
  }));
  const attribute = found.attributes?.find((candidate) => candidate.name === "workgroup_size");
  const sizes = [attribute?.value ?? "1"].flat();
  return {
    bindings: bindings.sort((a, b) => a.index - b.index),
    workgroupSize(constants) {
      const [x = 1, y = 1, z = 1] = sizes.map((size) => {
        const number = /^(0[xX][\da-fA-F]+|\d+)[iu]?$/.exec(size)?.[1];
        const value = constants[size] ?? Number(number);
        if (!Number.isInteger(value)) {
          throw new UsageError(
            `workgroup_size "${size}" of entry "${entry}" is neither a number nor a constant.`,
          );
        }
        return value as number;
      });
      return [x, y, z];
    },
  };
}

/** Bytes of a uniform; undefined where an array may be as long as a constant says. */
function bytesOf({ size, members, isArray }: VariableInfo): number | undefined {
  const parts = members ?? [];
  if (isArray || parts.some((member) => member.isArray || member.isStruct)) return undefined;
  return parts.length === 0 ? size : Math.max(...parts.map((part) => part.offset + part.size));
}

/** What profiles and errors call a kernel: its shader and its entry, unless that is `main`. */
function kernelLabel({ shader, entry = "main" }: KernelId): string {
  return entry === "main" ? shader : `${shader}:${entry}`;
}

/** What was reflected of each entry of a shader with its parts: the same for all constants and devices. */
const reflected = new Map<string, Reflection>();

/** A kernel's text as reflection can read it. */
async function readable(id: KernelId, head: string, linked: Linked): Promise<Linked> {
  const twins = await twinsOf(id.parts);
  return twins.every((part, i) => part === id.parts![i]) ? linked : link(id.shader, twins, head);
}

/** Compiles each specialisation once per device. */
export class KernelCache {
  readonly #device: GPUDevice;
  readonly #kernels = new Map<string, Promise<Kernel>>();
  readonly #layouts = new Map<string, GPUBindGroupLayout>();
  readonly #files = new Set<string>();

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  /** Number of compiled specialisations. */
  get size(): number {
    return this.#kernels.size;
  }

  /** Paths of the shader files that compiled specialisations are made of. */
  get files(): readonly string[] {
    return [...this.#files];
  }

  /** Forgets what was compiled, once the device is closed. */
  clear(): void {
    this.#kernels.clear();
    this.#layouts.clear();
  }

  /**
   * The kernel for an id, compiled on first use.
   *
   * @throws UsageError if its parts do not link, or have no such entry; GpuError with the compiler's messages.
   */
  get(id: KernelId): Promise<Kernel> {
    const entry = id.entry ?? "main";
    const text = `${id.shader} ${(id.parts ?? []).join(" ")}:${entry}`;
    const key = `${text}:${prelude(id.constants)}`;
    let kernel = this.#kernels.get(key);
    if (kernel === undefined) {
      kernel = this.#compile(id, entry, text);
      this.#kernels.set(key, kernel);
      // A part may be registered, or memory be freed, before it is asked for again.
      kernel.catch(() => this.#kernels.delete(key));
    }
    return kernel;
  }

  async #compile(id: KernelId, entry: string, text: string): Promise<Kernel> {
    const head = prelude(id.constants);
    const label = kernelLabel(id);
    const linked = await link(id.shader, id.parts, head);
    let reflection = reflected.get(text);
    let read = linked;
    let workgroupSize: [number, number, number];
    try {
      if (reflection === undefined) {
        read = await readable(id, head, linked);
        reflection = reflect(read.code, entry);
      }
      workgroupSize = reflection.workgroupSize(id.constants);
      reflected.set(text, reflection);
    } catch (cause) {
      const { message } = cause as Error;
      if (cause instanceof UsageError)
        throw new UsageError(`kernel ${label}: ${message}`, { cause });
      // The text is not WGSL: the reader says where in the joined text.
      const { file, line } = read.origin(Number(/Line: (\d+)/.exec(message)?.[1] ?? 1));
      throw new GpuError(
        `kernel ${label} is not WGSL: ${file}.wgsl:${line} ${message.replace(/\.?\s*Line: \d+/, "")}`,
        { cause },
      );
    }
    const { bindings } = reflection;
    const layout = this.#layout(bindings);
    // The scope keeps a faulty shader from being reported a second time as an uncaptured error.
    this.#device.pushErrorScope("validation");
    const module = this.#device.createShaderModule({ label, code: linked.code });
    const scope = this.#device.popErrorScope();
    try {
      const pipeline = await this.#device.createComputePipelineAsync({
        label,
        layout: this.#device.createPipelineLayout({ bindGroupLayouts: [layout] }),
        compute: { module, entryPoint: entry },
      });
      await scope;
      for (const file of linked.files) this.#files.add(file);
      return { label, pipeline, layout, bindings, workgroupSize };
    } catch (cause) {
      await scope;
      const info = await module.getCompilationInfo();
      const messages = info.messages.map((m) => {
        const { file, line } = linked.origin(m.lineNum);
        return `  ${file}.wgsl:${line}:${m.linePos} ${m.message}`;
      });
      throw new GpuError(
        `kernel ${label} does not compile on this adapter: ${(cause as Error).message}\n` +
          `${messages.join("\n")}\n  constants: ${head.replaceAll("\n", " ")}`,
        { cause },
      );
    }
  }

  // Explicit layouts, one per signature: bind groups can then be made before a pipeline is compiled
  // and shared between pipelines of the same signature.
  #layout(bindings: readonly Binding[]): GPUBindGroupLayout {
    const key = bindings.map((b) => `${b.index}${b.access}`).join(" ");
    let layout = this.#layouts.get(key);
    if (layout === undefined) {
      const types = { read: "read-only-storage", write: "storage", uniform: "uniform" } as const;
      layout = this.#device.createBindGroupLayout({
        label: key,
        entries: bindings.map((b) => ({
          binding: b.index,
          visibility: GPUShaderStage.COMPUTE,
          buffer: { type: types[b.access] },
        })),
      });
      this.#layouts.set(key, layout);
    }
    return layout;
  }
}
