/** Where the WebGPU entry object comes from on each runtime. */
import { host } from "#platform";
import { GpuError } from "../errors.ts";

// Node's binding may crash when this object is collected while devices live: it stays in this variable. A process
// that has nothing left to do ends all the same.
let entry: GPU | undefined;

/**
 * The WebGPU entry object: built in on Deno and browsers, Dawn from the `webgpu` package on Node.
 * `dawnOptions` are `create()`'s options and only count on Node, at the first call.
 *
 * @throws GpuError where there is none.
 */
export async function openGpu(dawnOptions: readonly string[] = []): Promise<GPU> {
  if (entry !== undefined) return entry;
  const builtin = (globalThis.navigator as { gpu?: GPU } | undefined)?.gpu;
  if (builtin !== undefined) {
    entry = builtin;
  } else if (host.createGpu !== undefined) {
    entry = await host.createGpu(dawnOptions);
  } else {
    throw new GpuError(
      "no WebGPU: this browser has none, or the page is neither https nor http://localhost, which browsers want; " +
        "take a current Chrome, Edge, Firefox or Safari.",
    );
  }
  return entry;
}
