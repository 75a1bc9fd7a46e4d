/** `npm run bench -- gpu-hour`: what is worth measuring on a rented GPU, in a given time. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Command, Option } from "commander";
import { acquireDevice, type DeviceOptions } from "../../src/gpu/device.ts";
import { matricesOptions } from "../../src/gpu/matrices.ts";
import { machineOf } from "../machine.ts";
import { runHour } from "./hour.ts";
import { hourPage } from "./read.ts";
import { type HourMachine, RowFolder } from "./rows.ts";
import { stages } from "./stages.ts";

interface Flags {
  readonly minutes: string;
  readonly out: string;
  readonly tiny?: boolean;
  readonly adapter: "auto" | "gpu" | "software";
  readonly tuning?: "gpu" | "software";
  readonly only?: string;
}

/** Settings of the device: timestamps as it has them, not rounded to 0.1 ms, and what the stage `mixed` needs of Dawn. */
function deviceOptions(flags: Flags): DeviceOptions {
  // What is tried without a GPU are the kernels for one.
  const { adapter, tiny, tuning = tiny === true ? "gpu" : undefined } = flags;
  const exact = {
    dawnOptions: [...matricesOptions, "disable-dawn-features=timestamp_quantization"],
  };
  // Its rows say what the choices by shape are worth.
  return { adapter, tuned: false, ...(tuning === undefined ? {} : { tuning }), ...exact };
}

async function machine(flags: Flags): Promise<HourMachine> {
  const gpu = await acquireDevice(deviceOptions(flags));
  gpu.close();
  return { ...machineOf(gpu), tiny: flags.tiny === true };
}

async function run(flags: Flags): Promise<void> {
  const minutes = Number(flags.minutes);
  if (!(minutes > 0)) throw new Error(`--minutes must be above 0, got ${flags.minutes}.`);
  const names = flags.only?.split(",");
  const unknown = names?.find((name) => !stages.some((stage) => stage.name === name));
  if (unknown !== undefined) {
    const known = stages.map(({ name, decides }) => `  ${name.padEnd(12)} ${decides}`).join("\n");
    throw new Error(`no stage "${unknown}". There are:\n${known}`);
  }
  const folder = new RowFolder(flags.out, await machine(flags));
  console.log(
    `rows go to ${flags.out} one by one, README.md at the end; the same command goes on where it was stopped`,
  );
  const { measured, failed, earlier, left } = await runHour({
    minutes,
    tiny: flags.tiny === true,
    device: deviceOptions(flags),
    folder,
    stages: stages.filter(({ name }) => names?.includes(name) ?? true),
    say: (line) => console.log(line),
  });
  const page = join(flags.out, "README.md");
  writeFileSync(page, hourPage(flags.out));
  console.log(
    `${measured} rows measured, ${failed} failed, ${earlier} from before, ${left} without time; ${page}`,
  );
}

/** The command, for `npm run bench`. @param told makes an action whose errors are a line. */
export function hourCommand(
  told: (action: (flags: Flags) => Promise<void>) => (flags: Flags) => Promise<void>,
): Command {
  return new Command("gpu-hour")
    .description(
      "measure what is worth most on a GPU, in a given time; the same folder goes on where it ended",
    )
    .requiredOption("--out <dir>", "folder of the rows")
    .option("--minutes <m>", "time for all stages", "45")
    .option("--only <stages>", "stages by name, with commas between")
    .option("--tiny", "tiny sizes, to try the program without a GPU")
    .addOption(new Option("--adapter <kind>").choices(["auto", "gpu", "software"]).default("auto"))
    .addOption(new Option("--tuning <kind>").choices(["gpu", "software"]))
    .action(told(run));
}
