/** Browsers, and every runtime that is neither Node nor Deno: `#platform` there. */
import type { GpuAdvice, Host } from "./host.ts";

/** For programs in browsers. */
export const browserAdvice: GpuAdvice = {
  missing:
    "this browser offers none. Switch its hardware acceleration on, or install the graphics card's driver; " +
    "in Chrome and Edge chrome://gpu says what is missing.",
  refused: "Close other tabs and programs that use the GPU, and load the page again.",
  memory:
    "Close other tabs and programs that use the GPU, or use a smaller batch, smaller images or a smaller network.",
  lost: "Acquire another device, and load on it what is in the memory of the program.",
  fault: "please report it with the names of the browser and of the adapter.",
};

export const host: Host = { gpuAdvice: browserAdvice };
