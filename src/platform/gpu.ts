/** Where the WebGPU entry object comes from on each runtime. */
import { host } from "#platform";
import { GpuError } from "../errors.ts";

// Node's binding may crash when this object is collected while devices live: it stays in this variable, and there is one
// however many ask for it at once. A process that has nothing left to do ends all the same.
let entry: Promise<GPU> | undefined;

/**
 * The WebGPU entry object: built in on Deno and browsers, Dawn from the `webgpu` package on Node.
 * `dawnOptions` are `create()`'s options and only count on Node, at the first call.
 *
 * @throws GpuError where there is none.
 */
export function openGpu(dawnOptions: readonly string[] = []): Promise<GPU> {
  entry ??= makeEntry(dawnOptions).catch((cause: unknown) => {
    entry = undefined;
    throw cause;
  });
  return entry;
}

async function makeEntry(dawnOptions: readonly string[]): Promise<GPU> {
  const builtin = (globalThis.navigator as { gpu?: GPU } | undefined)?.gpu;
  if (builtin !== undefined) return builtin;
  if (host.createGpu !== undefined) return host.createGpu(dawnOptions);
  throw new GpuError(
    "no WebGPU: this browser has none, or the page is neither https nor http://localhost, which browsers want; " +
      "take a current Chrome, Edge, Firefox or Safari.",
  );
}
