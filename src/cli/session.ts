/** What commands share: the device they open, interruption, and option parsing with clear errors. */
import { type Command, InvalidArgumentError, Option } from "commander";
import { z } from "zod";
import { DataError, UsageError } from "../errors.ts";
import type { AdapterChoice } from "../gpu/adapter.ts";
import { acquireDevice, type Gpu } from "../gpu/device.ts";

const open: Gpu[] = [];

/** Options every command that uses the GPU has. */
export interface DeviceFlags {
  readonly adapter: AdapterChoice;
  readonly defaultLimits?: boolean;
}

/** Adds `--adapter` and `--default-limits`. */
export function deviceOptions(command: Command): Command {
  return command
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
  const gpu = await acquireDevice({ adapter, defaultLimits });
  open.push(gpu);
  if (gpu.adapter.software) {
    console.error(
      `adapter: ${gpu.adapter.description} (software: slow, exact; a GPU driver makes this faster)`,
    );
  } else {
    console.error(`adapter: ${gpu.adapter.description}`);
  }
  return gpu;
}

/** Closes every device opened by {@link openDevice}. */
export function closeAll(): void {
  for (const gpu of open.splice(0)) gpu.close();
}

/** A signal that Ctrl-C (or SIGTERM) aborts; a second Ctrl-C ends the process at once. */
export function interruptSignal(): AbortSignal {
  const controller = new AbortController();
  const stop = (): void => {
    if (controller.signal.aborted) process.exit(130);
    console.error(
      "\ninterrupting after the steps under way; run the same command again to continue",
    );
    controller.abort(
      new DOMException("interrupted; run the same command again to continue.", "AbortError"),
    );
  };
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
  return controller.signal;
}

/** Parses an integer option of at least `low`. */
export function integer(low: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < low)
      throw new InvalidArgumentError(`needs an integer of at least ${low}.`);
    return value;
  };
}

/** Parses a number option within [low, high]. */
export function number(low: number, high = Infinity): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === "" || Number.isNaN(value) || value < low || value > high) {
      throw new InvalidArgumentError(`needs a number from ${low} to ${high}.`);
    }
    return value;
  };
}

/**
 * Validates data against a schema.
 *
 * @param Failure what is thrown: for options, or for what a file holds.
 * @throws that error, listing every wrong field.
 */
export function validate<T>(
  schema: z.ZodType<T>,
  data: unknown,
  what: string,
  Failure: typeof UsageError | typeof DataError = UsageError,
): T {
  const result = schema.safeParse(data);
  if (!result.success) throw new Failure(`${what} is not valid:\n${z.prettifyError(result.error)}`);
  return result.data;
}
