/** `rewind doctor`: what runs here, whether its numbers are right, and what to do. */
import type { Command } from "commander";
import { GpuError } from "../errors.ts";
import { type Diagnosis, diagnose } from "../inspect/doctor.ts";
import { megabytes } from "../gpu/memory.ts";
import { runtimeVersion } from "../platform/runtime.ts";
import { inFlags } from "./flags.ts";
import { type DeviceFlags, deviceOptions, openDevice } from "./device-options.ts";

function print({ adapter, limits, checks, advice }: Diagnosis): void {
  console.log(`runtime   ${adapter.runtimeVersion}`);
  console.log(`adapter   ${adapter.description}${adapter.software ? " (software)" : ""}`);
  console.log(
    `driver    vendor ${adapter.vendor || "–"}, architecture ${adapter.architecture || "–"}, device ${adapter.device || "–"}`,
  );
  console.log(`kernels   tuned for ${adapter.tuning === "gpu" ? "GPUs" : "software adapters"}`);
  console.log(`features  ${adapter.features.join(", ")}`);
  console.log("limits");
  for (const [name, value] of Object.entries(limits)) {
    console.log(`  ${name.padEnd(36)} ${name.endsWith("Size") ? megabytes(value) : value}`);
  }
  console.log("self-check (against float64)");
  for (const check of checks) {
    const verdict = check.passed ? "ok   " : "WRONG";
    console.log(
      `  ${verdict} ${check.name.padEnd(26)} error ${check.error.toExponential(1)}, allowed ` +
        `${check.allowed.toExponential(1)}, ${check.milliseconds.toFixed(0)} ms with compilation`,
    );
  }
  for (const line of advice) console.log(`advice: ${line}`);
}

export function registerDoctor(root: Command): void {
  const command = root
    .command("doctor")
    .description("adapter, limits, features, a self-check of kernels, and advice")
    .option("--json", "print JSON");
  deviceOptions(command).action(async (flags: DeviceFlags & { json?: boolean }) => {
    let diagnosis: Diagnosis;
    try {
      diagnosis = await diagnose(await openDevice(flags));
    } catch (error) {
      if (flags.json === true) {
        console.log(
          JSON.stringify(
            { runtime: runtimeVersion(), healthy: false, error: inFlags((error as Error).message) },
            null,
            2,
          ),
        );
      }
      throw error;
    }
    const advice = diagnosis.advice.map((line) => inFlags(line));
    if (flags.json === true) console.log(JSON.stringify({ ...diagnosis, advice }, null, 2));
    else print({ ...diagnosis, advice });
    if (!diagnosis.healthy) throw new GpuError("the self-check failed: see the advice above.");
  });
}
