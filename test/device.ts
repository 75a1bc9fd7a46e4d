/** Devices for tests: one per set of options and process. */
import { acquireDevice, type DeviceOptions, type Gpu, type Tuning } from "../src/gpu/device.ts";

const open = new Map<string, Promise<Gpu>>();
const own = new Map<string, Promise<Gpu>>();
let kept = false;

/** Both kernel families; the suites run every operation in each, whatever the adapter. */
export const tunings: readonly Tuning[] = ["software", "gpu"];

/** A device with the given options, shared by all tests of the process. */
export function testGpu(options: DeviceOptions = {}): Promise<Gpu> {
  return find(open, options);
}

/** As {@link testGpu}, of the calling file alone: for tests of what a device holds or has compiled. */
export function ownGpu(options: DeviceOptions = {}): Promise<Gpu> {
  return find(own, options);
}

function find(devices: Map<string, Promise<Gpu>>, options: DeviceOptions): Promise<Gpu> {
  const key = JSON.stringify(options);
  let gpu = devices.get(key);
  if (gpu === undefined) {
    // Tiles are those of the shapes, whatever was measured on the machine.
    gpu = acquireDevice({ tuned: false, ...options });
    devices.set(key, gpu);
  }
  return gpu;
}

/**
 * Closes all devices: call it in `test.after`, else Node's binding keeps the process alive. In a process
 * of the test pool those that files share stay open for the next.
 */
export async function closeGpus(): Promise<void> {
  for (const devices of kept ? [own] : [own, open]) {
    for (const gpu of devices.values()) (await gpu).close();
    devices.clear();
  }
}

/** Closes the devices that files have shared: no file follows. */
export async function endGpus(): Promise<void> {
  kept = false;
  await closeGpus();
}

/** From now on devices outlive the file that opened them: their compiled kernels serve the next. */
export function keepGpus(): void {
  kept = true;
}

/** Waits until the devices have nothing to do. @throws what a device reported and no test asked for. */
export async function settleGpus(): Promise<void> {
  for (const gpu of open.values()) await (await gpu).idle();
}
