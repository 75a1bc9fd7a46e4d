import type { Tuning } from "../gpu/device.ts";
import type { Constants } from "../gpu/kernel.ts";
import type { Launch } from "./value.ts";

/**
 * Quads (vec4) one thread of an element-wise kernel handles. Software adapters pay some 6 ns for every
 * thread, whatever it does; a GPU hides latency with many threads instead.
 */
const quadsPerThread = { software: 4, gpu: 1 } as const;

/** Threads of an element-wise kernel over `quads` quads, and its constant PER. */
export function quadThreads(tuning: Tuning, quads: number): { PER: number; threads: number } {
  const PER = quadsPerThread[tuning];
  return { PER, threads: Math.ceil(quads / PER) };
}

/**
 * Launch of an element-wise kernel: its bindings are arrays of vec4f over `n` floats, read to the end
 * of the last quad. Added to the kernel's own: the uniform `elements` = n, the constant PER = quads a thread.
 */
export function elementwise(
  tuning: Tuning,
  kernel: Pick<Launch, "shader" | "parts" | "entry" | "uniforms"> & {
    readonly constants?: Constants | undefined;
  },
  n: number,
  bind: Launch["bind"],
): Launch {
  const { PER, threads } = quadThreads(tuning, Math.ceil(n / 4));
  const constants = { ...kernel.constants, PER };
  const uniforms = { ...kernel.uniforms, elements: Uint32Array.of(n) };
  return { ...kernel, constants, uniforms, bind, threads, flop: n };
}
