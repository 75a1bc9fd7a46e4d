/** The device a command runs on: its options, opened and closed in one place. */
import { type Command, Option } from "commander";
import { type DeviceLostError, GpuError } from "../errors.ts";
import type { AdapterChoice } from "../gpu/adapter.ts";
import type { DeviceOptions, Gpu, Precision } from "../gpu/device.ts";
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
  readonly precision?: Precision;
  /** What a command with a run folder does where its device is lost; absent: it has no such choice. */
  readonly onDeviceLost?: "resume" | "fail";
}

/** Devices opened in place of lost ones, in one run. */
const mostReplacements = 3;
/** Milliseconds to wait for the first of them; twice as long for each further one. */
const firstWaitMs = 1000;

/** The option `--precision`. */
export function precisionOption(): Option {
  return new Option(
    "--precision <kind>",
    "fast: 3×3 convolutions in tiles where that is faster, with up to four times the rounding errors; mixed: products " +
      "of halves on a GPU's matrix units, where there are any",
  )
    .choices(["exact", "fast", "mixed"])
    .default("exact");
}

/** What a configuration says of the precision; nothing where it is exact, as it is in those of earlier versions. */
export function precisionOf({ precision }: Pick<DeviceFlags, "precision">): {
  readonly precision?: Precision;
} {
  return precision === undefined || precision === "exact" ? {} : { precision };
}

/** Adds `--adapter`, `--default-limits` and `--precision`. */
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
    )
    .addOption(precisionOption());
}

/** Adds `--on-device-lost` to a command that {@link withDevice} runs. */
export function lossOption(command: Command): Command {
  return command.addOption(
    new Option(
      "--on-device-lost <what>",
      "where the device is lost on the way: resume on a new one from the last saved state, to the same numbers " +
        `(${mostReplacements} times at most), or fail`,
    )
      .choices(["resume", "fail"])
      .default("fail"),
  );
}

/**
 * Does a command's work on a device. With `onDeviceLost` "resume" it is done again, on a new device, where the device is
 * lost: the work takes everything that it has done before from its run folder.
 */
export async function withDevice<T>(
  flags: DeviceFlags,
  work: (gpu: Gpu) => Promise<T>,
): Promise<T> {
  let gpu = await openDevice(flags);
  for (let lost = 0; ;) {
    try {
      return await work(gpu);
    } catch (cause) {
      // What fails on a lost device may fail before the loss is told.
      await new Promise((resolve) => setTimeout(resolve));
      const why = cause instanceof GpuError ? gpu.lost : undefined;
      if (why === undefined || flags.onDeviceLost !== "resume") throw why ?? cause;
      gpu.close();
      gpu = await replaced(flags, why, () => ++lost);
    }
  }
}

/** A device in place of a lost one. @throws the loss, where there were too many. */
async function replaced(
  flags: DeviceFlags,
  why: DeviceLostError,
  count: () => number,
): Promise<Gpu> {
  for (;;) {
    const attempt = count();
    if (attempt > mostReplacements) throw why;
    say(`${why.message.split(". ")[0]}; opening another (${attempt} of ${mostReplacements})`);
    await new Promise((resolve) => setTimeout(resolve, firstWaitMs * 2 ** (attempt - 1)));
    try {
      return await openDevice(flags);
    } catch (cause) {
      // A driver that is being reset has no adapter for a while.
      if (!(cause instanceof GpuError)) throw cause;
    }
  }
}

/**
 * Opens the device a command's flags ask for; {@link closeAll} closes it at the end.
 *
 * @param more settings that no flag gives.
 */
export async function openDevice(
  flags: DeviceFlags,
  more: Pick<DeviceOptions, "tuned"> = {},
): Promise<Gpu> {
  const { adapter, defaultLimits = false, precision = "exact" } = flags;
  // Loaded here: every command line imports this file, to close devices at its end.
  const { acquireDevice } = await import("../gpu/device.ts");
  const fits =
    more.tuned === undefined && shared?.lost === undefined && shared?.precision === precision;
  const options = { adapter, defaultLimits, precision, quiet: true, ...more };
  const gpu = fits ? shared! : await acquireDevice(options);
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
