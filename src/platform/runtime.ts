/** Which runtime this is. */

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
