/** Which adapter a device is opened on, and with which limits. */
import { host } from "#platform";
import { GpuError, UsageError } from "../errors.ts";
import { gpuAdvice } from "./advice.ts";

/** Which adapter is wanted: a real one if there is any, or explicitly one kind. */
export type AdapterChoice = "auto" | "gpu" | "software";

const softwareNames = /llvmpipe|lavapipe|swiftshader|softpipe|basic render|software/i;

/** Warnings of Dawn about adapters: kernels bind no buffers at dynamic offsets. */
const harmless =
  /^Warning: maxDynamic(Uniform|Storage)BuffersPerPipelineLayout artificially reduced from /;

const wantedLimits = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxStorageBuffersPerShaderStage",
  "maxComputeWorkgroupStorageSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
  "maxComputeWorkgroupSizeY",
] as const;

/** What an adapter calls itself: browsers give some no description. */
export function adapterName({
  description,
  architecture,
  vendor,
}: Pick<GPUAdapterInfo, "description" | "architecture" | "vendor">): string {
  const named = [description, architecture, vendor].find((name) => name !== "");
  return named ?? "an adapter without a name";
}

/** Whether an adapter computes on the processor. */
export function isSoftware(info: GPUAdapterInfo): boolean {
  const text = `${info.vendor} ${info.architecture} ${info.device} ${info.description}`;
  return info.isFallbackAdapter || softwareNames.test(text);
}

/**
 * The adapter that fits the choice.
 *
 * @param quiet do not show harmless warnings: see `DeviceOptions`.
 * @throws UsageError for a choice that does not exist; GpuError when no adapter fits.
 */
export async function chooseAdapter(
  gpu: GPU,
  choice: AdapterChoice,
  quiet = false,
): Promise<GPUAdapter> {
  if (choice !== "auto" && choice !== "gpu" && choice !== "software") {
    throw new UsageError(`unknown adapter "${String(choice)}": choose auto, gpu or software.`);
  }
  const request = (): Promise<GPUAdapter | null> =>
    gpu.requestAdapter({ powerPreference: "high-performance" });
  const best = await (quiet && host.withoutLines !== undefined
    ? host.withoutLines(harmless, request)
    : request());
  if (choice === "software" && !(best !== null && isSoftware(best.info))) {
    const fallback = await gpu.requestAdapter({ forceFallbackAdapter: true });
    if (fallback !== null) return fallback;
    throw new GpuError(
      "no software adapter: WebGPU offers none here. Install lavapipe (Mesa's software Vulkan): " +
        "`npm run setup`, or drop `adapter=software`.",
    );
  }
  if (best === null) {
    throw new GpuError(`no WebGPU adapter: ${gpuAdvice.missing}`);
  }
  if (choice === "gpu" && isSoftware(best.info)) {
    throw new GpuError(
      `no GPU: the only adapter is software (${best.info.description}). Install the GPU's Vulkan ` +
        "driver, or use `adapter=auto`.",
    );
  }
  return best;
}

/**
 * Asks an adapter for a device with timestamps, where it has them.
 *
 * @param defaultLimits ask for the limits that every adapter keeps, instead of all this one has.
 * @param needed further features that the adapter has.
 * @throws GpuError when the device is refused.
 */
export async function requestDevice(
  adapter: GPUAdapter,
  defaultLimits: boolean,
  needed: readonly string[] = [],
): Promise<GPUDevice> {
  const requiredLimits: Record<string, number> = {};
  if (!defaultLimits) {
    for (const name of wantedLimits) requiredLimits[name] = adapter.limits[name];
  }
  const features = [...adapter.features].filter(
    (feature) => feature === "timestamp-query" || needed.includes(feature),
  ) as GPUFeatureName[];
  try {
    return await adapter.requestDevice({ requiredLimits, requiredFeatures: features });
  } catch (cause) {
    const said = (cause as Error).message.trim().replace(/\.$/, "");
    throw new GpuError(
      `adapter "${adapterName(adapter.info)}" refused a device: ${said}. ${gpuAdvice.refused}`,
      { cause },
    );
  }
}
