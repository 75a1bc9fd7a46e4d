/** `rewind doctor`: what runs here, whether its numbers are right, and what to do. */
import type { Command } from "commander";
import { GpuError } from "../errors.ts";
import { type Diagnosis, diagnose } from "../inspect/doctor.ts";
import { megabytes } from "../gpu/memory.ts";
import { runtimeVersion } from "../platform/runtime.ts";
import { example } from "./examples.ts";
import { inFlags } from "./flags.ts";
import { answer, answerJson, owesJson } from "./output.ts";
import { type DeviceFlags, deviceOptions, openDevice } from "./device-options.ts";

function described({ adapter, limits, checks, tiles, advice }: Diagnosis): string {
  const { vendor, architecture, device } = adapter;
  return [
    `runtime   ${adapter.runtimeVersion}`,
    `adapter   ${adapter.description}${adapter.software ? " (software)" : ""}`,
    `driver    vendor ${vendor || "–"}, architecture ${architecture || "–"}, device ${device || "–"}`,
    `kernels   tuned for ${adapter.tuning === "gpu" ? "GPUs" : "software adapters"}`,
    `tiles     ${tiles === 0 ? "by shape" : `by shape, but for ${tiles} ${tiles === 1 ? "product" : "products"} that rewind tune has measured`}`,
    `features  ${adapter.features.join(", ")}`,
    "limits",
    ...Object.entries(limits).map(
      ([name, value]) => `  ${name.padEnd(36)} ${name.endsWith("Size") ? megabytes(value) : value}`,
    ),
    "self-check (against float64)",
    ...checks.map(
      ({ passed, name, error, allowed, milliseconds }) =>
        `  ${passed ? "ok   " : "WRONG"} ${name.padEnd(26)} error ${error.toExponential(1)}, allowed ` +
        `${allowed.toExponential(1)}, ${milliseconds.toFixed(0)} ms with compilation`,
    ),
    ...advice.map((line) => `advice: ${line}`),
  ].join("\n");
}

export function registerDoctor(command: Command): void {
  example(command, "what software Vulkan would do here", "rewind doctor --adapter software");
  deviceOptions(command).action(async (flags: DeviceFlags) => {
    let diagnosis: Diagnosis;
    try {
      diagnosis = await diagnose(await openDevice(flags));
    } catch (error) {
      if (owesJson()) {
        const { message } = error as Error;
        answerJson({ runtime: runtimeVersion(), healthy: false, error: inFlags(message) });
      }
      throw error;
    }
    const advice = diagnosis.advice.map((line) => inFlags(line));
    answer({ ...diagnosis, advice }, () => described({ ...diagnosis, advice }));
    if (!diagnosis.healthy) throw new GpuError("the self-check failed: see the advice above.");
  });
}
