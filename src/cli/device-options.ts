/** The device a command runs on: its options, opened and closed in one place. */
import { type Command, Option } from "commander";
import type { AdapterChoice } from "../gpu/adapter.ts";
import { acquireDevice, type Gpu } from "../gpu/device.ts";
import { say } from "./output.ts";

const open: Gpu[] = [];
let shared: Gpu | undefined;

/** Lets all commands of this process that follow run on one device, which stays the caller's; undefined: one each again. */
export function shareDevice(gpu: Gpu | undefined): void {
  shared = gpu;
}

/** Options every command that uses the GPU has. */
export interface DeviceFlags {
  readonly adapter: AdapterChoice;
  readonly defaultLimits?: boolean;
}

/** Adds `--adapter` and `--default-limits`. */
export function deviceOptions(command: Command): Command {
  return command
    .optionsGroup("Device:")
    .addOption(
      new Option("--adapter <kind>", "which adapter: a GPU if there is one, or one kind only")
        .choices(["auto", "gpu", "software"])
        .default("auto"),
    )
    .option(
      "--default-limits",
      "keep to the limits of every WebGPU adapter, such as 128 MiB a binding",
    );
}

/** Opens the device a command's flags ask for; {@link closeAll} closes it at the end. */
export async function openDevice(flags: DeviceFlags): Promise<Gpu> {
  const { adapter, defaultLimits = false } = flags;
  const gpu = shared ?? (await acquireDevice({ adapter, defaultLimits }));
  if (gpu !== shared) open.push(gpu);
  const { description, software } = gpu.adapter;
  const slow = software ? " (software: slow, exact; a GPU driver makes this faster)" : "";
  say(`adapter: ${description}${slow}`);
  return gpu;
}

/** Closes every device opened by {@link openDevice}. */
export function closeAll(): void {
  for (const gpu of open.splice(0)) gpu.close();
}
