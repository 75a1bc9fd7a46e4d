/** What to do about a GPU that cannot be used: what the runtime says, else what a terminal can do. */
import { host } from "#platform";
import type { GpuAdvice } from "../platform/host.ts";

const terminal: GpuAdvice = {
  missing:
    "neither a GPU driver nor a software Vulkan was found. Run `npm run setup` " +
    "(installs Mesa's lavapipe), or install your GPU's Vulkan driver; `rewind doctor` explains more.",
  refused: "Close other programs that use the GPU, or try `adapter=software`.",
  memory: "Use a smaller batch or model.",
  lost: "Run the same command again: it resumes from the last checkpoint.",
  fault: "please report it with the output of `rewind doctor --json`.",
};

export const gpuAdvice: GpuAdvice = host.gpuAdvice ?? terminal;
