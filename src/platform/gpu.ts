/** Where the WebGPU entry object comes from on each runtime. */

/** The runtimes Rewind knows; Deno and browsers have WebGPU built in, Node gets Dawn from `webgpu`. */
export type Runtime = "node" | "deno" | "browser";

/** The runtime this code runs on. */
export function detectRuntime(): Runtime {
  const scope = globalThis as { Deno?: unknown; process?: { versions?: { node?: string } } };
  if (scope.Deno !== undefined) return "deno";
  return scope.process?.versions?.node === undefined ? "browser" : "node";
}

/** Version text of the runtime for reports, for example `node 20.20.2`. */
export function runtimeVersion(): string {
  const scope = globalThis as {
    Deno?: { version: { deno: string } };
    process?: { versions: { node: string } };
  };
  switch (detectRuntime()) {
    case "deno":
      return `deno ${scope.Deno!.version.deno}`;
    case "node":
      return `node ${scope.process!.versions.node}`;
    default:
      return globalThis.navigator.userAgent;
  }
}

// Node's binding keeps the process alive, and may crash, when this object is collected at the wrong
// moment: it stays in this variable until the process ends with an explicit exit code.
let entry: GPU | undefined;

/**
 * The WebGPU entry object: built in on Deno and browsers, Dawn from the `webgpu` package on Node.
 * `dawnOptions` are `create()`'s options and only count on Node, at the first call.
 */
export async function openGpu(dawnOptions: readonly string[] = []): Promise<GPU> {
  if (entry !== undefined) return entry;
  const builtin = (globalThis.navigator as { gpu?: GPU } | undefined)?.gpu;
  if (builtin !== undefined) {
    entry = builtin;
  } else {
    const { create, globals } = await import("webgpu");
    Object.assign(globalThis, globals);
    entry = create([...dawnOptions]);
  }
  return entry;
}
