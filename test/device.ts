/** Devices for tests: one per tuning and process, closed when the suite ends. */
import { acquireDevice, type DeviceOptions, type Gpu, type Tuning } from "../src/gpu/device.ts";

const open = new Map<string, Promise<Gpu>>();

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

/** Closes all devices: call it in `test.after`, else Node's binding keeps the process alive. */
export async function closeGpus(): Promise<void> {
  for (const gpu of open.values()) (await gpu).close();
  open.clear();
}
