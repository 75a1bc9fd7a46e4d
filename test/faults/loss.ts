/** Devices that are lost just before they are asked for something for the so-manieth time. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { closeAll } from "../../src/cli/device-options.ts";
import { openGpu } from "../../src/platform/gpu.ts";
import { contentsOf, differencesOf, run, undisturbed, type Victim } from "./kill.ts";

/** Where a device is lost. */
export interface Loss {
  /** "write", "read", or how the label of a compute pass begins. */
  readonly what: string;
  /** From 1. */
  readonly time: number;
}

function replace(on: object, name: string, value: unknown): void {
  Object.defineProperty(on, name, { value, configurable: true });
}

/** Tells what a device is asked for: "write", "read", or the label of a compute pass. */
function listen(device: GPUDevice, asked: (what: string) => void): void {
  const write = device.queue.writeBuffer.bind(device.queue);
  replace(device.queue, "writeBuffer", (...given: Parameters<typeof write>) => {
    asked("write");
    write(...given);
  });
  const createBuffer = device.createBuffer.bind(device);
  replace(device, "createBuffer", (descriptor: GPUBufferDescriptor) => {
    if (descriptor.label === "staging") asked("read");
    return createBuffer(descriptor);
  });
  const createEncoder = device.createCommandEncoder.bind(device);
  replace(device, "createCommandEncoder", () => {
    const encoder = createEncoder();
    const begin = encoder.beginComputePass.bind(encoder);
    replace(encoder, "beginComputePass", (descriptor?: GPUComputePassDescriptor) => {
      asked(descriptor?.label ?? "");
      return begin(descriptor);
    });
    return encoder;
  });
}

/**
 * Runs a command whose first devices are lost one after the other.
 *
 * @returns its exit code, how many devices it opened, and what it asked the last of them for, in order.
 */
export async function losing(
  losses: readonly Loss[],
  command: () => Promise<number>,
): Promise<{ code: number; devices: number; asked: readonly string[] }> {
  const entry = await openGpu();
  const requestAdapter = entry.requestAdapter.bind(entry);
  let devices = 0;
  let asked: string[] = [];
  replace(entry, "requestAdapter", async (options?: GPURequestAdapterOptions) => {
    const adapter = (await requestAdapter(options))!;
    const requestDevice = adapter.requestDevice.bind(adapter);
    replace(adapter, "requestDevice", async (descriptor?: GPUDeviceDescriptor) => {
      const device = await requestDevice(descriptor);
      const loss = losses[devices++];
      const now: string[] = [];
      asked = now;
      let times = 0;
      listen(device, (what) => {
        now.push(what);
        if (loss !== undefined && what.startsWith(loss.what) && ++times === loss.time) {
          device.destroy();
        }
      });
      return device;
    });
    return adapter;
  });
  try {
    return { code: await command(), devices, asked };
  } finally {
    closeAll();
    delete (entry as { requestAdapter?: unknown }).requestAdapter;
  }
}

/** A command that goes on with another device. */
export function resuming(victim: Victim): Victim {
  return { ...victim, words: `${victim.words} --on-device-lost resume` };
}

/** A device lost, and how the folder then differs from that of an undisturbed run; empty: it does not. */
export interface Lost extends Loss {
  readonly differences: readonly string[];
}

/** The first, some in between, and the last time that each thing is asked for. */
function momentsOf(asked: readonly string[]): Loss[] {
  return [...new Set(asked)].flatMap((what) => {
    const times = asked.filter((one) => one.startsWith(what)).length;
    const chosen = [1, Math.ceil(times / 3), Math.ceil((2 * times) / 3), times];
    return [...new Set(chosen)].map((time) => ({ what, time }));
  });
}

/** Loses a command's device at moments of all its phases, lets it go on with another, and compares. */
export async function loseDevices(victim: Victim): Promise<readonly Lost[]> {
  const root = mkdtempSync(`${tmpdir()}/rewind-loss-`);
  const out = join(root, "out");
  try {
    const { words, contents } = await undisturbed(root, resuming(victim));
    closeAll();
    const running = async (losses: readonly Loss[]) => {
      rmSync(out, { recursive: true, force: true });
      let said = "";
      const ran = await losing(losses, async () => {
        const ended = await run(words(out), undefined);
        said = ended.said;
        return ended.code;
      });
      return { ...ran, said };
    };
    const lost: Lost[] = [];
    for (const loss of momentsOf((await running([])).asked)) {
      const { code, devices, said } = await running([loss]);
      const differences = [
        ...(code === 0 ? [] : [`exit code ${code}: ${said}`]),
        ...(devices === 2 ? [] : [`${devices} devices were opened`]),
        ...differencesOf(contentsOf(out), contents),
      ];
      lost.push({ ...loss, differences });
    }
    return lost;
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}
