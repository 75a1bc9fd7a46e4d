/** Devices for tests: one per set of options and process. */
import { acquireDevice, type DeviceOptions, type Gpu, type Tuning } from "../src/gpu/device.ts";

const open = new Map<string, Promise<Gpu>>();
let kept = false;

/** Both kernel families; the suites run every operation in each, whatever the adapter. */
export const tunings: readonly Tuning[] = ["software", "gpu"];

/** A device with the given options, shared by all tests of the process. */
export function testGpu(options: DeviceOptions = {}): Promise<Gpu> {
  const key = JSON.stringify(options);
  let gpu = open.get(key);
  if (gpu === undefined) {
    gpu = acquireDevice(options);
    open.set(key, gpu);
  }
  return gpu;
}

/**
 * Closes all devices: call it in `test.after`, else Node's binding keeps the process alive. In a process
 * of the test pool they stay open for the next file.
 */
export async function closeGpus(): Promise<void> {
  if (kept) return;
  for (const gpu of open.values()) (await gpu).close();
  open.clear();
}

/** From now on devices outlive the file that opened them: their compiled kernels serve the next. */
export function keepGpus(): void {
  kept = true;
}

/** Waits until the devices have nothing to do. @throws what a device reported and no test asked for. */
export async function settleGpus(): Promise<void> {
  for (const gpu of open.values()) await (await gpu).idle();
}
